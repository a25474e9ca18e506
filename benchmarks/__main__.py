"""`python -m benchmarks`: Headgate beside a plain server, both under the same load at the same time."""

import argparse
import sys
from pathlib import Path

import anyio

from benchmarks.comparison import FULL, QUICK, compare
from benchmarks.measures import Broken
from benchmarks.report import save, table

RESULTS = Path(__file__).parent / "results"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a minute, for development; the figures are rough")
    parser.add_argument("--only", choices=["sqlite", "postgres"], help="with one database")
    options = parser.parse_args()
    plan = QUICK if options.quick else FULL
    databases = [options.only] if options.only else ["sqlite", "postgres"]
    try:
        results = anyio.run(compare, plan, databases, backend_options={"use_uvloop": True})
    except Broken as error:
        print(f"FAILED  {error}", file=sys.stderr)
        return 1
    print(table(results))
    print(f"\nAlso in {save(results, RESULTS)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
