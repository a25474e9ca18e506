"""What keeps keys inside this process: no core dump, no look into its memory, nothing in what its children inherit."""

import ctypes
import resource
import sys
from collections.abc import MutableMapping

from app.server.settings import PREFIX, Settings, variable

_PR_SET_DUMPABLE = 4
_PROVIDERS = ("OPENAI_", "ANTHROPIC_", "AWS_", "BEDROCK_")
_TOLD = "OPENAI_AGENTS_"
"""What the process tells the Agents SDK; there are no keys in it."""


def harden() -> None:
    """Of a process that ends by a signal nothing is written, and no other process of the same user reads its memory.

    A program that this one starts has to do so again for itself.
    """
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, most))
    if sys.platform == "linux":
        # A limit of 0 does not keep a core from a program that the kernel pipes it to; this does.
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def forget_settings(environment: MutableMapping[str, str]) -> None:
    """Take out what the settings were read from, and all that is a provider's: children get theirs another way."""
    known = {variable(name, field) for name, field in Settings.model_fields.items()}
    for name in [*environment]:
        upper = name.upper()
        ours = upper in known or upper.startswith(PREFIX)
        if ours or (upper.startswith(_PROVIDERS) and not upper.startswith(_TOLD)):
            del environment[name]
