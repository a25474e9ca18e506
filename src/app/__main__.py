"""The process: the only place that reads the environment."""

import os
import sys
from pathlib import Path

from dotenv import dotenv_values

from app import cli

# The Agents SDK sends traces with prompts to OpenAI, and logs them, unless told otherwise before it is imported.
_QUIET = {
    "OPENAI_AGENTS_DISABLE_TRACING": "1",
    "OPENAI_AGENTS_DONT_LOG_MODEL_DATA": "1",
    "OPENAI_AGENTS_DONT_LOG_TOOL_DATA": "1",
}


def main() -> None:
    os.umask(0o077)  # what the server writes is its own
    environment = os.environ  # noqa: TID251 - here and nowhere else
    for name, value in dotenv_values(Path(".env")).items():
        if value is not None:
            environment.setdefault(name, value)
    environment.update(_QUIET)
    sys.exit(cli.run(sys.argv[1:], environment))


if __name__ == "__main__":
    main()
