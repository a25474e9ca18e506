"""The tools as a model is told about them."""

from typing import Any

import pytest

from app.domain.agents.tools.catalog import TOOLS, Tool

EFFECTS = {"create_todo", "update_todo", "delete_todo", "schedule_todo", "batch_update_schedule"}


def test_the_catalogue_names_each_tool_once() -> None:
    assert {*TOOLS} == EFFECTS | {
        *(
            "get_todo_list",
            "search_todos",
            "analyze_schedule",
            "get_user_datetime",
            "get_user_quota",
            "ask_user",
            "hand_out",
        )
    }
    assert all(name == tool.name and tool.description for name, tool in TOOLS.items())


def test_what_changes_something_says_so() -> None:
    assert {tool.name for tool in TOOLS.values() if tool.effect} == EFFECTS


def test_none_of_them_leaves_the_user_to_say_whether_it_happened() -> None:
    assert all(tool.repeatable for tool in TOOLS.values())


@pytest.mark.parametrize("tool", TOOLS.values(), ids=lambda tool: tool.name)
def test_parameters_are_plain(tool: Tool) -> None:
    assert {*tool.parameters} == {"type", "properties", "required", "additionalProperties"}
    assert tool.parameters["additionalProperties"] is False
    for schema in schemas(tool.parameters):
        assert not {"$ref", "$defs", "anyOf", "title"} & {*schema}
        assert schema["type"] in {"object", "string", "integer", "boolean", "array"}


def schemas(schema: dict[str, Any]) -> list[dict[str, Any]]:
    inner = [*schema.get("properties", {}).values(), *([schema["items"]] if "items" in schema else [])]
    return [schema, *(deeper for one in inner for deeper in schemas(one))]


def test_required_arguments_are_those_without_a_default() -> None:
    required = {name: tool.parameters["required"] for name, tool in TOOLS.items() if tool.parameters["required"]}

    assert required == {
        "create_todo": ["item"],
        "update_todo": ["todo_id"],
        "delete_todo": ["todo_id"],
        "search_todos": ["query"],
        "batch_update_schedule": ["updates"],
        "ask_user": ["prompt"],
        "hand_out": ["name", "parts"],
    }
    assert {"from", "to"} <= {*TOOLS["get_todo_list"].parameters["properties"]}
