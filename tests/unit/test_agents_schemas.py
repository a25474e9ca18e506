"""What an agent may be made of."""

from typing import Any

import msgspec
import pytest

from app.domain.agents.schemas import AgentChanges, NewAgent

GOOD: list[dict[str, Any]] = [
    {"name": "a"},
    {"name": "x" * 100, "instructions": "y" * 20_000, "description": "z" * 1000},
    {"name": "Ärger 🙂", "instructions": "line one\nline two\n"},
    {"name": "a", "model": "openai_compatible/meta-llama/Llama-3:free"},
    {"name": "a", "model": None, "description": None},
    {"name": "a", "settings": {"temperature": 0, "top_p": 1, "max_output_tokens": 1, "reasoning_effort": "low"}},
]
BAD: list[dict[str, Any]] = [
    {},
    {"name": ""},
    {"name": " \u00a0 "},
    {"name": "x" * 101},
    {"name": "two\nlines"},
    {"name": "ends with a line feed\n"},
    {"name": "a\x00"},
    {"name": "a\ud83d"},
    {"name": None},
    {"name": "a", "instructions": "a\x00b"},
    {"name": "a", "instructions": "half a pair \udc00"},
    {"name": "a", "instructions": "y" * 20_001},
    {"name": "a", "description": "z" * 1001},
    {"name": "a", "model": "gpt"},
    {"name": "a", "model": "/x"},
    {"name": "a", "model": "openai/"},
    {"name": "a", "model": "openai/x y"},
    {"name": "a", "model": "openai/x\n"},
    {"name": "a", "model": "openai/" + "x" * 200},
    {"name": "a", "tools": "create_todo"},
    {"name": "a", "tools": None},
    {"name": "a", "handoffs": [str(n) for n in range(21)]},
    {"name": "a", "agent_tools": [str(n) for n in range(21)]},
    {"name": "a", "approve": "*"},
    {"name": "a", "settings": {"temperature": -0.1}},
    {"name": "a", "settings": {"temperature": float("nan")}},
    {"name": "a", "settings": {"max_output_tokens": 0}},
    {"name": "a", "settings": {"max_output_tokens": 2**70}},
    {"name": "a", "settings": {"api_key": "sk"}},
    {"name": "a", "owner_id": "018f0000-0000-7000-8000-000000000000"},
    {"name": "a", "id": "todo"},
]


@pytest.mark.parametrize("body", GOOD)
def test_a_good_body_is_taken(body: dict[str, Any]) -> None:
    assert msgspec.convert(body, NewAgent).name == body["name"]


@pytest.mark.parametrize("body", BAD)
def test_a_bad_body_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(body, NewAgent)


@pytest.mark.parametrize("body", [body for body in BAD if body])
def test_and_so_are_bad_changes(body: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(body, AgentChanges)
