"""What is said, in Converse's content blocks. A text of nothing but space is refused, so it is left out."""

import re
from typing import Any

import msgspec

_IMAGE = re.compile(r"data:image/(png|jpeg|gif|webp);base64,([A-Za-z0-9+/=]+)")


def blocks_of(content: Any) -> list[dict[str, Any]]:
    """Of the images, those that are in the message itself: Bedrock fetches none."""
    blocks: list[dict[str, Any]] = []
    for part in _parts(content):
        found = _IMAGE.fullmatch(part.get("image_url") or "") if part.get("type") == "input_image" else None
        if found:
            blocks.append({"image": {"format": found[1], "source": {"bytes": found[2]}}})
        else:
            blocks += _text(part)
    return blocks


def text_blocks(content: Any) -> list[dict[str, Any]]:
    return [block for part in _parts(content) for block in _text(part)]


def _parts(content: Any) -> list[dict[str, Any]]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    if isinstance(content, list) and all(isinstance(part, dict) for part in content):
        return content
    return [{"type": "text", "text": msgspec.json.encode(content).decode()}] if content is not None else []


def _text(part: dict[str, Any]) -> list[dict[str, Any]]:
    text = part.get("refusal") if part.get("type") == "refusal" else part.get("text")
    return [{"text": text}] if isinstance(text, str) and text.strip() else []
