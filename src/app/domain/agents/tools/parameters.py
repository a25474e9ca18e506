"""Argument structs as the plain JSON schemas that providers want: everything in place, nothing referred to."""

from typing import Any

import msgspec

_REF = "#/$defs/"


def parameters_of(arguments: type[msgspec.Struct]) -> dict[str, Any]:
    (root,), components = msgspec.json.schema_components([arguments], ref_template=_REF + "{name}")
    plain: dict[str, Any] = _inline(root, components)
    return {
        "type": "object",
        "properties": plain["properties"],
        "required": plain["required"],
        "additionalProperties": False,
    }


def _inline(schema: Any, components: dict[str, Any]) -> Any:
    """Nullable means optional here: null for an optional argument is taken as its absence anyway."""
    if isinstance(schema, list):
        return [_inline(member, components) for member in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        referred = components[schema["$ref"].removeprefix(_REF)]
        return _inline({**referred, **{name: value for name, value in schema.items() if name != "$ref"}}, components)
    if "anyOf" in schema:
        kinds = [kind for kind in schema["anyOf"] if kind != {"type": "null"}]
        if len(kinds) == 1:
            rest = {name: value for name, value in schema.items() if name != "anyOf"}
            return _inline({**kinds[0], **rest}, components)
    if "enum" in schema:
        schema = {"type": "string", **schema}
    left_out = {"title"} | ({"default"} if schema.get("default", ...) is None else set())
    if "properties" in schema:
        properties = {name: _inline(member, components) for name, member in schema["properties"].items()}
        rest = {name: value for name, value in schema.items() if name not in {"properties", "title", "description"}}
        return {**rest, "properties": properties, "additionalProperties": False}
    return {name: _inline(value, components) for name, value in schema.items() if name not in left_out}
