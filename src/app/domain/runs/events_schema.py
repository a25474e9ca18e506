"""The JSON schema of every event, for the API's description."""

from typing import Any

import msgspec

from app.domain.runs.events import RunEvent
from app.domain.runs.notices import Notice
from app.domain.runs.schemas import Reset
from app.domain.sessions.schemas import HistoryEntry

_REF = "#/components/schemas/{name}"


def event_schemas() -> dict[str, dict[str, Any]]:
    """Component schemas: each stored event's data under its class's name, their union, and that of all events."""
    (union, notice, *_), components = msgspec.json.schema_components(
        [RunEvent, Notice, Reset, HistoryEntry], ref_template=_REF
    )
    names: dict[str, str] = union["discriminator"]["mapping"]
    for reference in names.values():
        data = components[reference.rpartition("/")[2]]
        del data["properties"]["event"]
        data["required"].remove("event")
    components["StoredRunEvent"] = {
        "description": "An event of a run's log. Its number is the frame's `id`.",
        "oneOf": [_envelope(name, {"$ref": reference}) for name, reference in names.items()],
    }
    stored = {"$ref": _REF.format(name="StoredRunEvent")}
    numbered = {"allOf": [stored, {"type": "object", "required": ["id"], "properties": {"id": {"type": "integer"}}}]}
    components["RunEventEnvelope"] = {
        "description": "What `?envelope=true` sends; otherwise the frame's `event:` and `data:` hold the members.",
        "oneOf": [
            stored,
            _envelope("batch", {"type": "array", "items": numbered}),
            _envelope("history", {"type": "array", "items": {"$ref": _REF.format(name="HistoryEntry")}}),
            _envelope("reset", {"$ref": _REF.format(name="Reset")}),
        ],
    }
    components["Notice"] = {"description": "What a WebSocket is told in `notice`.", **notice}
    return components


def _envelope(name: str, data: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "required": ["event", "data"], "properties": {"event": {"const": name}, "data": data}}
