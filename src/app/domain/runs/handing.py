"""What a tool call hands out: an event of its run."""

from typing import Any, cast
from uuid import uuid5

import msgspec

from app.domain.agents.tools.catalog import Tool
from app.domain.agents.tools.errors import ToolInputInvalid
from app.domain.agents.tools.handing import HandOut
from app.domain.runs.attempt import Attempt
from app.domain.runs.events import Artifact

CONTENTS = {"text", "raw", "url", "data"}


def hand_out(tool: Tool, attempt: Attempt, call_id: str, arguments: dict[str, Any] | bytes) -> dict[str, Any]:
    """What the model is told. An attempt that calls again after a crash hands out the same artifact anew."""
    given = cast("HandOut", tool.decode(arguments))
    parts: list[dict[str, Any]] = [msgspec.to_builtins(part) for part in given.parts]
    if any(len(CONTENTS & part.keys()) != 1 for part in parts):
        raise ToolInputInvalid(tool.name, "a part holds one of text, raw, url and data.")
    place = attempt.place(call_id)
    artifact_id = str(uuid5(attempt.run_id, f"artifact/{place.scope}/{place.turn}/{place.position}"))
    shown = [part if "raw" in part else attempt.telling.shown(part) for part in parts]
    attempt.tell(Artifact(artifact_id=artifact_id, name=given.name, parts=shown, append=False, last=True))
    return {"artifact_id": artifact_id}
