"""The JSON schema of what servers of 0.2.5 and 0.3 send, from the types that their SDKs were released with.

As a program, run by the interpreter of an environment that has such an SDK, it prints it.
"""

import json
from types import ModuleType
from typing import Any

from pydantic.json_schema import models_json_schema

SENT = [
    "AgentCard",
    "CancelTaskResponse",
    "DeleteTaskPushNotificationConfigResponse",
    "GetAuthenticatedExtendedCardResponse",
    "GetTaskPushNotificationConfigResponse",
    "GetTaskResponse",
    "JSONRPCErrorResponse",
    "ListTaskPushNotificationConfigResponse",
    "SendMessageResponse",
    "SendStreamingMessageResponse",
    "SetTaskPushNotificationConfigResponse",
    "Task",
]
_FOR_PEOPLE = {"description", "title", "default", "examples", "discriminator"}


def schema_of(types: ModuleType) -> dict[str, Any]:
    """Of all that is sent; 0.2.5 has not all of it. No member is allowed that it does not name."""
    models = [(getattr(types, name), "serialization") for name in SENT if hasattr(types, name)]
    _, schema = models_json_schema(models, by_alias=True)  # type: ignore[arg-type]
    return {"$defs": {name: _object(definition) for name, definition in schema["$defs"].items()}}


def _object(definition: dict[str, Any]) -> dict[str, Any]:
    closed = {key: _strict(value) for key, value in definition.items() if key not in _FOR_PEOPLE}
    if "properties" not in definition:
        return closed
    members = definition["properties"]
    closed["properties"] = {name: _strict(member) for name, member in members.items()}
    if "jsonrpc" in members:  # whose answer it is may be unknown, and to have deleted something says nothing else
        closed["properties"] |= {name: _plain(members[name]) for name in ("id", "result") if name in members}
    # What a type says by itself is said always: the kind of a thing, an error's code and its words.
    always = [name for name, member in members.items() if member.get("default") is not None]
    closed["required"] = sorted({*definition.get("required", []), *always})
    closed["additionalProperties"] = False
    return closed


def _strict(schema: Any) -> Any:
    """What is not there is left out: no null says so."""
    schema = _plain(schema)
    if isinstance(schema, dict) and {"type": "null"} in schema.get("anyOf", []):
        left = [kind for kind in schema["anyOf"] if kind != {"type": "null"}]
        return left[0] if len(left) == 1 else {**schema, "anyOf": left}
    return schema


def _plain(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {key: _plain(value) for key, value in schema.items() if key not in _FOR_PEOPLE}
    return [_plain(value) for value in schema] if isinstance(schema, list) else schema


if __name__ == "__main__":
    from a2a import types

    definitions = schema_of(types)["$defs"].items()
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(one, sort_keys=True)}" for name, one in sorted(definitions))
    print(f'{{"$defs": {{\n{lines}\n}}}}')  # noqa: T201
