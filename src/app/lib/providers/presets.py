"""Servers that are compatible with OpenAI's chat completions, and in what they are not.

All of them stream their usage when asked to with `stream_options`, and whatever field or `<think>` tag their reasoning
comes in is understood without being told. What differs is here.
"""

from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec

from app.lib.providers.credentials import Credential, checked_base_url


class Preset(msgspec.Struct, frozen=True, kw_only=True):
    base_url: str
    hosts: tuple[str, ...] = ()
    """Host names by which it is known, with all below those that begin with a dot; or `:` and a port."""
    most_tokens: str = "max_tokens"
    """The field that limits the answer."""
    effort: str = "reasoning_effort"
    """The field for the reasoning effort; `reasoning` is an object that has it inside."""
    refuses: Mapping[str, str] = {}
    """Fields that are left out, each with how the names of the models begin that refuse it."""
    takes_schemas: bool = True
    """Whether an answer can be bound to a JSON schema, and not only to be JSON."""
    reasoning: str | None = None
    """The field in which it wants its own reasoning back beside calls of tools."""
    needs_key: str = "models"
    """What is answered only to who has a good key."""


PRESETS = {
    "openai": Preset(
        base_url="https://api.openai.com/v1",
        hosts=("api.openai.com", ".openai.azure.com"),
        # Reasoning models refuse the old name.
        most_tokens="max_completion_tokens",
    ),
    "secret_ai": Preset(base_url="https://secretai-rytn.scrtlabs.com:21434/v1", hosts=(".scrtlabs.com",)),
    "ollama": Preset(base_url="http://127.0.0.1:11434/v1", hosts=("ollama", "ollama.com", ":11434")),
    "vllm": Preset(base_url="http://127.0.0.1:8000/v1", hosts=("vllm",)),
    "openrouter": Preset(
        base_url="https://openrouter.ai/api/v1", hosts=("openrouter.ai",), effort="reasoning", needs_key="key"
    ),
    "groq": Preset(
        base_url="https://api.groq.com/openai/v1", hosts=("api.groq.com",), most_tokens="max_completion_tokens"
    ),
    "deepseek": Preset(
        base_url="https://api.deepseek.com/v1",
        hosts=("api.deepseek.com",),
        takes_schemas=False,
        # Without it even an empty one is a bad request.
        reasoning="reasoning_content",
    ),
    "xai": Preset(
        base_url="https://api.x.ai/v1",
        hosts=("api.x.ai", ".api.x.ai"),
        most_tokens="max_completion_tokens",
        refuses={"reasoning_effort": "grok-4"},
    ),
}
PLAIN = Preset(base_url="")


def preset_of(credential: Credential) -> Preset:
    """By where the credential leads; without a base URL, or at an address that nobody knows, by its provider."""
    parts = urlsplit(checked_base_url(credential.base_url) if credential.base_url else "")
    host, port = (parts.hostname or "").rstrip("."), f":{parts.port}"
    for preset in PRESETS.values():
        if any(_fits(host, port, known) for known in preset.hosts):
            return preset
    return PRESETS.get(credential.provider, PLAIN)


def _fits(host: str, port: str, known: str) -> bool:
    if known.startswith(":"):
        return port == known
    return host.endswith(known) if known.startswith(".") else host == known
