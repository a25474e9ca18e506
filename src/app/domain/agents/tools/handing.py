"""The tool that hands out files and data. Runs carry it out themselves: what is handed out is one of their events."""

from typing import Annotated, Any, Never

from msgspec import UNSET, Meta, Struct, UnsetType

from app.domain.agents.tools.desk import Desk
from app.domain.agents.tools.tool import Tool

MAX_PARTS = 10


class ArtifactPart(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One of `text`, `raw`, `url` and `data`."""

    text: Annotated[str, Meta(description="Words.")] | UnsetType = UNSET
    raw: Annotated[str, Meta(description="A file's bytes, in base64.")] | UnsetType = UNSET
    url: Annotated[str, Meta(description="Where a file is.", max_length=2000)] | UnsetType = UNSET
    data: Annotated[dict[str, Any], Meta(description="JSON.")] | UnsetType = UNSET
    filename: Annotated[str, Meta(max_length=200)] | UnsetType = UNSET
    media_type: Annotated[str, Meta(max_length=100)] | UnsetType = UNSET


class HandOut(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: Annotated[str, Meta(description="What it is called.", min_length=1, max_length=200)]
    parts: Annotated[list[ArtifactPart], Meta(description="What it holds.", min_length=1, max_length=MAX_PARTS)]


async def _never(_: Desk, __: Any) -> Never:
    raise LookupError("A run hands out by itself.")


TOOLS = [
    Tool(
        "hand_out",
        "Hand out a file or data to the user, beside what you say.",
        HandOut,
        _never,
        hands_out=True,
    )
]
