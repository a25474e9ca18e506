"""The built-in agents."""

import msgspec

from app.domain.agents.builtin import BUILTINS
from app.domain.agents.schemas import AgentDefinition, DefinitionSet
from app.domain.agents.tools import schedule, todos, user
from app.domain.agents.tools.catalog import TOOLS


def test_there_are_two() -> None:
    assert [*BUILTINS] == ["todo", "chat"]
    assert all(agent.key == name and agent.id is None for name, agent in BUILTINS.items())


def test_the_todo_agent_has_every_tool_for_todos() -> None:
    assert sorted(BUILTINS["todo"].tools) == sorted(tool.name for tool in (*todos.TOOLS, *schedule.TOOLS, *user.TOOLS))
    assert len(BUILTINS["todo"].tools) == 10
    assert BUILTINS["chat"].tools == []


def test_every_tool_its_instructions_name_exists() -> None:
    named = {word.strip(".,") for word in BUILTINS["todo"].instructions.split() if "_" in word}

    assert named
    assert named <= TOOLS.keys()


def test_a_definition_set_survives_json() -> None:
    definition = DefinitionSet(root="todo", agents={"todo": BUILTINS["todo"]})

    again = msgspec.json.decode(msgspec.json.encode(definition), type=DefinitionSet)

    assert again == definition
    assert isinstance(again.root_agent, AgentDefinition)
