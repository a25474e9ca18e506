"""The process: the only place that reads the environment."""

import os
import sys
from pathlib import Path

from dotenv import dotenv_values
from dotenv.parser import parse_stream

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
    try:
        from_file = _read(Path(".env"))
    except ValueError as error:
        sys.stderr.write(f"headgate: {error}\n")
        sys.exit(cli.MISUSED)
    for name, value in from_file.items():
        environment.setdefault(name, value)
    environment.update(_QUIET)
    sys.exit(cli.run(sys.argv[1:], environment, alone=True))


def _read(file: Path) -> dict[str, str]:
    """The variables of the file, if it is there. Raises ValueError where python-dotenv would skip a line."""
    if not file.is_file():
        return {}
    try:
        with file.open(encoding="utf-8") as stream:
            bindings = list(parse_stream(stream))
    except OSError as error:
        raise ValueError(f"{file} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise ValueError(f"{file} is not text in UTF-8.") from None
    for binding in bindings:
        if binding.error or (binding.key is not None and binding.value is None):
            text = binding.original.string
            line = binding.original.line + text[: len(text) - len(text.lstrip())].count("\n")
            raise ValueError(f"{file}, line {line}: not of the form NAME=value.")
    return {name: value for name, value in dotenv_values(file).items() if value is not None}


if __name__ == "__main__":
    main()
