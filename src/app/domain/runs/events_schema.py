"""The JSON schema of every event, for the API's description."""

from typing import Any

import msgspec

from app.domain.runs.events import RunEvent
from app.domain.runs.schemas import Reset

_REF = "#/components/schemas/{name}"


def event_schemas() -> dict[str, dict[str, Any]]:
    """Component schemas: each event's data under its class's name, and `RunEventEnvelope`, the union by `event`."""
    union, components = msgspec.json.schema_components([RunEvent, Reset], ref_template=_REF)
    names: dict[str, str] = union[0]["discriminator"]["mapping"]
    for reference in names.values():
        data = components[reference.rpartition("/")[2]]
        del data["properties"]["event"]
        data["required"].remove("event")
    envelopes = [
        {
            "type": "object",
            "required": ["event", "data"],
            "properties": {"event": {"const": name}, "data": {"$ref": reference}},
        }
        for name, reference in [*names.items(), ("reset", _REF.format(name="Reset"))]
    ]
    description = "What `?envelope=true` sends; without it `event:` and `data:` of the frame hold the two members."
    components["RunEventEnvelope"] = {"description": description, "oneOf": envelopes}
    return components
