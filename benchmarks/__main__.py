"""`python -m benchmarks`: Headgate beside a plain server, both under the same load at the same time."""

import argparse
import sys
from pathlib import Path

import anyio

from benchmarks import tasks
from benchmarks.adapters import Costs, adapters
from benchmarks.comparison import FULL, QUICK, Figures, compare
from benchmarks.crowd import Crowd, Plan, crowd
from benchmarks.gate import GateCost, gates
from benchmarks.measures import Broken
from benchmarks.report import adapters_table, crowd_table, gates_table, save, table, tasks_tables

PARTS = ["sqlite", "postgres", "crowd", "tasks", "adapters", "gate"]
RESULTS = Path(__file__).parent / "results"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a minute, for development; the figures are rough")
    parser.add_argument("--only", choices=PARTS, help="one part of it")
    parser.add_argument("--pace", type=int, default=5, help="chunks a second of each run of the crowd")
    options = parser.parse_args()
    plan = QUICK if options.quick else FULL
    parts = [options.only] if options.only else PARTS
    results: list[Figures] = []
    crowds: list[Crowd] = []
    costs: list[Costs] = []
    gate_costs: list[GateCost] = []
    streams: list[tasks.TaskFigures] = []
    try:
        if databases := [part for part in parts if part in {"sqlite", "postgres"}]:
            results = anyio.run(compare, plan, databases, backend_options={"use_uvloop": True})
        if "crowd" in parts:
            print("measuring a crowd ...", flush=True)
            many = Plan(runs=200, starting_seconds=10) if options.quick else Plan(a_second=options.pace)
            crowds = [anyio.run(crowd, many, backend_options={"use_uvloop": True})]
        if "tasks" in parts:
            print("measuring task streams ...", flush=True)
            some = tasks.Plan(streams=100, starting_seconds=10, steady_seconds=10) if options.quick else tasks.Plan()
            streams = anyio.run(tasks.tasks, some, backend_options={"use_uvloop": True})
        if "adapters" in parts:
            print("measuring adapters ...", flush=True)
            costs = [anyio.run(adapters, backend_options={"use_uvloop": True})]
        if "gate" in parts:
            print("measuring the gate ...", flush=True)
            gate_costs = anyio.run(gates, backend_options={"use_uvloop": True})
    except Broken as error:
        print(f"FAILED  {error}", file=sys.stderr)
        return 1
    of_gate = [gates_table(gate_costs)] if gate_costs else []
    parted = [*map(crowd_table, crowds), *tasks_tables(streams), *map(adapters_table, costs), *of_gate]
    print("\n\n".join([table(results), *parted]))
    print(f"\nAlso in {save(results, RESULTS, crowds=crowds, costs=costs, gates=gate_costs, tasks=streams)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
