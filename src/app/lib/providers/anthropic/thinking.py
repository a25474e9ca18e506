"""Thoughts of the model, which go back to it as they came.

A `thinking` block has a signature, a `redacted_thinking` block is nothing but sealed data. Both are kept in the field
`encrypted_content` of a `reasoning` item, with where they are from: no other server can read them, and newer models
refuse them when anything before them was changed (the system prompt, a tool, an earlier message).
"""

from typing import Any

import msgspec

from app.lib.providers.anthropic.models import ModelKind
from app.lib.providers.identity import new_item_id

_MARK = "anthropic:"


class Sealed(msgspec.Struct, frozen=True, omit_defaults=True):
    origin: str
    """Whose thought it is: a digest of the address and the key."""
    prefix: str
    """A digest of all that the model had been sent when it had the thought."""
    signature: str | None = None
    redacted: str | None = None


_decoder = msgspec.json.Decoder(Sealed)


def reasoning_item(text: str, sealed: Sealed) -> dict[str, Any]:
    return {
        "type": "reasoning",
        "id": new_item_id("rs"),
        "summary": [{"type": "summary_text", "text": text}] if text else [],
        "encrypted_content": _MARK + msgspec.json.encode(sealed).decode(),
    }


def thinking_block(item: dict[str, Any], kind: ModelKind, *, origin: str, prefix: str) -> dict[str, Any] | None:
    """The block that an item was made of; None for a thought that must not be sent."""
    sealed = _sealed(item.get("encrypted_content"))
    if sealed is None or sealed.origin != origin or (kind.binds_thinking and sealed.prefix != prefix):
        return None
    if sealed.redacted is not None:
        return {"type": "redacted_thinking", "data": sealed.redacted}
    if not sealed.signature and kind.is_claude:
        return None
    text = "".join(part.get("text", "") for part in item.get("summary") or [])
    return {"type": "thinking", "thinking": text, "signature": sealed.signature or ""}


def _sealed(content: Any) -> Sealed | None:
    if not isinstance(content, str) or not content.startswith(_MARK):
        return None
    try:
        return _decoder.decode(content.removeprefix(_MARK))
    except msgspec.DecodeError:
        return None
