"""The tool that asks the user. Runs carry it out themselves: they wait, also across a restart."""

from typing import Annotated, Any, Never

from msgspec import Meta, Struct

from app.domain.agents.tools.desk import Desk
from app.domain.agents.tools.tool import Tool


class AskUser(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    prompt: Annotated[str, Meta(description="The question, in the user's language.", min_length=1, max_length=2000)]


async def _never(_: Desk, __: Any) -> Never:
    raise LookupError("A run asks by itself.")


TOOLS = [
    Tool(
        "ask_user",
        "Ask the user a question and wait for the answer. Only for what you cannot go on without.",
        AskUser,
        _never,
        asks=True,
    )
]
