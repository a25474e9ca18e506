"""What only the model that reasoned can read of its reasoning, kept for its next turn.

It goes through runs and sessions in the `encrypted_content` of a reasoning item, the field made for that, with where it
is from: other models and servers refuse it, and newer Claudes do so when anything before it was changed.
"""

from typing import Any

import msgspec

from app.lib.providers.anthropic.models import ModelKind
from app.lib.providers.identity import new_item_id
from app.lib.providers.unicode import repaired

_MARK = "bedrock:"


class Origin(msgspec.Struct, frozen=True):
    model: str
    prefix: str
    """A digest of all that the model had been sent when it reasoned."""


class _Sealed(msgspec.Struct, frozen=True, omit_defaults=True):
    origin: Origin
    signature: str = ""
    redacted: bytes = b""


_decoder = msgspec.json.Decoder(_Sealed)


def reasoning_item(origin: Origin, text: str, *, signature: str = "", redacted: bytes = b"") -> dict[str, Any]:
    summary = [{"type": "summary_text", "text": repaired(text)}] if text else []
    item: dict[str, Any] = {"type": "reasoning", "id": new_item_id("rs"), "summary": summary}
    if signature or redacted:
        item["encrypted_content"] = _MARK + msgspec.json.encode(_Sealed(origin, signature, redacted)).decode()
    return item


def reasoning_block(item: dict[str, Any], here: Origin) -> dict[str, Any] | None:
    """The block as it came. None for what would be refused `here`."""
    content = item.get("encrypted_content")
    if not isinstance(content, str) or not content.startswith(_MARK):
        return None
    try:
        sealed = _decoder.decode(content.removeprefix(_MARK))
    except msgspec.DecodeError:
        return None
    binds = ModelKind(here.model).binds_thinking
    if sealed.origin.model != here.model or (binds and sealed.origin.prefix != here.prefix):
        return None
    if sealed.redacted:
        return {"reasoningContent": {"redactedContent": sealed.redacted}}
    text = "".join(part.get("text", "") for part in item.get("summary") or [])
    return {"reasoningContent": {"reasoningText": {"text": text, "signature": sealed.signature}}}
