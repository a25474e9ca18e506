"""What Headgate may say in A2A, as the JSON schema of each version: strict, so that a member more is refused too."""

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import a2a.server.routes  # noqa: F401 - before the types of 0.3, or the imports go round in circles
import msgspec
from a2a.compat.v0_3 import a2a_v0_3_pb2
from a2a.compat.v0_3 import types as old_types
from a2a.types import a2a_pb2
from google.api.field_behavior_pb2 import REQUIRED, field_behavior
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from tests.clients.schema import schema_of

NEW, OLD, OLDEST, OLD_REST = "1.0", "0.3", "0.2.5", "0.3 REST"
OLDEST_SCHEMA = Path(__file__).parent / "clients" / "schema-0.2.5.json"
"""From the SDK of 0.2.5, which cannot be installed beside the one of 1.0."""
_KNOWN_LATER = {"PushNotificationConfig": {"id": {"type": "string"}}}
"""0.2.5 has no ids of configurations: they are for those of 0.3, who speak with the same words."""
Schema = dict[str, Any]


class Misfit(AssertionError):
    """Something was sent that no schema allows."""


def check(version: str, kind: str, value: Any) -> None:
    """Raises Misfit."""
    error = best_match(_validator(version, kind).iter_errors(value))
    if error is not None:
        raise Misfit(f"no {kind} of {version}: {error.json_path}: {error.message}")


def knows(version: str, kind: str) -> bool:
    return kind in _schema(version)["$defs"]


def check_card(card: Any) -> None:
    """One for all versions: each finds what it needs, and nothing is there that none of them knows. Raises Misfit."""
    kinds = ((NEW, "AgentCard"), (OLD, "AgentCard"), (OLDEST, "AgentCard"))
    unknown: list[set[str]] = []
    for version, kind in kinds:
        schema = _schema(version)
        unknown.append({f"{path}.{name}" for path, name in _unknown(schema, schema["$defs"][kind], card, "$")})
        error = best_match(_validator(version, kind, closed=False).iter_errors(card))
        if error is not None:
            raise Misfit(f"no card of {version}: {error.json_path}: {error.message}")
    if nobody := set.intersection(*unknown):
        raise Misfit(f"in no version of a card: {sorted(nobody)}")


@cache
def _validator(version: str, kind: str, *, closed: bool = True) -> Draft202012Validator:
    schema = _schema(version) if closed else _opened(_schema(version))
    checker = Draft202012Validator.FORMAT_CHECKER
    return Draft202012Validator({**schema, "$ref": f"#/$defs/{kind}"}, format_checker=checker)


@cache
def _schema(version: str) -> Schema:
    if version in {NEW, OLD_REST}:
        file = a2a_pb2 if version == NEW else a2a_v0_3_pb2
        return {"$defs": {one.name: _message(one) for one in file.DESCRIPTOR.message_types_by_name.values()}}
    if version == OLD:
        return schema_of(old_types)
    schema: Schema = msgspec.json.decode(OLDEST_SCHEMA.read_bytes())
    for kind, members in _KNOWN_LATER.items():
        schema["$defs"][kind]["properties"] |= members
    return schema


def _message(message: Descriptor) -> Schema:
    """As ProtoJSON, the JSON of protocol buffers, writes it."""
    required = [one.json_name for one in message.fields if REQUIRED in one.GetOptions().Extensions[field_behavior]]
    schema: Schema = {
        "type": "object",
        "properties": {one.json_name: _field(one) for one in message.fields},
        "required": required,
        "additionalProperties": False,
    }
    # An optional field is a choice of its own.
    choices = [[one.json_name for one in choice.fields] for choice in message.oneofs if len(choice.fields) > 1]
    exactly_one = [{"oneOf": [{"required": [name]} for name in names]} for names in choices]
    return {**schema, "allOf": exactly_one} if exactly_one else schema


def _field(field: FieldDescriptor) -> Schema:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return {"type": "object", "additionalProperties": _one(field.message_type.fields_by_name["value"])}
    return {"type": "array", "items": _one(field)} if field.is_repeated else _one(field)


_SCALARS: dict[int, Schema] = {
    FieldDescriptor.TYPE_STRING: {"type": "string"},
    FieldDescriptor.TYPE_BOOL: {"type": "boolean"},
    FieldDescriptor.TYPE_INT32: {"type": "integer"},
    FieldDescriptor.TYPE_BYTES: {"type": "string", "pattern": "^[A-Za-z0-9+/]*={0,2}$"},
}
_WELL_KNOWN: dict[str, Schema] = {
    "google.protobuf.Struct": {"type": "object"},
    "google.protobuf.Value": {},
    "google.protobuf.Timestamp": {
        "type": "string",
        "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3}|\.\d{6}|\.\d{9})?Z$",
    },
}


def _one(field: FieldDescriptor) -> Schema:
    if field.message_type is not None:
        known = _WELL_KNOWN.get(field.message_type.full_name)
        return {"$ref": f"#/$defs/{field.message_type.name}"} if known is None else known
    if field.enum_type is not None:
        return {"enum": [value.name for value in field.enum_type.values if value.number]}
    return _SCALARS[field.type]


def _opened(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {key: _opened(one) for key, one in schema.items() if (key, one) != ("additionalProperties", False)}
    return [_opened(one) for one in schema] if isinstance(schema, list) else schema


def _unknown(root: Schema, schema: Any, value: Any, path: str) -> Iterator[tuple[str, str]]:
    """The members that the schema does not name, wherever they are. Of several that fit it is the kindest."""
    if "$ref" in schema:
        yield from _unknown(root, root["$defs"][schema["$ref"].rpartition("/")[2]], value, path)
    elif "anyOf" in schema:
        every = [list(_unknown(root, one, value, path)) for one in schema["anyOf"] if _fits(root, one, value)]
        yield from min(every, key=len, default=[])
    elif isinstance(value, list) and "items" in schema:
        for n, one in enumerate(value):
            yield from _unknown(root, schema["items"], one, f"{path}[{n}]")
    elif isinstance(value, dict):
        members, others = schema.get("properties", {}), schema.get("additionalProperties", True)
        for name, one in value.items():
            if name in members:
                yield from _unknown(root, members[name], one, f"{path}.{name}")
            elif isinstance(others, dict):
                yield from _unknown(root, others, one, f"{path}.{name}")
            elif others is False:
                yield path, name


def _fits(root: Schema, schema: Schema, value: Any) -> bool:
    opened: Callable[[Any], bool] = Draft202012Validator(_opened({**root, **schema})).is_valid
    return opened(value)
