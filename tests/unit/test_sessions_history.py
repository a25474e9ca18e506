"""A conversation as people read it."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from app.domain.sessions.history import entries
from app.domain.sessions.models import SessionItem
from app.domain.sessions.schemas import HistoryEntry
from app.domain.sessions.service import title_of

AT = datetime(2026, 11, 21, tzinfo=UTC)
RUN = uuid4()


def told(*items: dict[str, Any]) -> list[HistoryEntry]:
    rows = (SessionItem(seq=n, run_id=RUN, item=item, created_at=AT) for n, item in enumerate(items, 1))
    return [*entries(rows)]


def call(arguments: Any, call_id: str = "c1", name: str = "create_todo") -> dict[str, Any]:
    return {"type": "function_call", "call_id": call_id, "name": name, "arguments": arguments}


def output(value: Any, call_id: str = "c1") -> dict[str, Any]:
    return {"type": "function_call_output", "call_id": call_id, "output": value}


def test_messages_calls_and_results_come_in_order_and_reasoning_not_at_all() -> None:
    found = told(
        {"role": "user", "content": "add milk"},
        {"type": "reasoning", "id": "r", "summary": [{"type": "summary_text", "text": "hm"}]},
        call('{"item":"milk"}'),
        output('{"todo_id":"1"}'),
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Do"}, {"text": "ne"}]},
    )

    assert [(e.seq, e.role, e.content, e.tool_name) for e in found] == [
        (1, "user", "add milk", None),
        (3, "assistant", "", "create_todo"),
        (4, "tool", '{"todo_id":"1"}', "create_todo"),
        (5, "assistant", "Done", None),
    ]
    assert found[1].arguments == {"item": "milk"}
    assert found[2].tool_call_id == "c1"


def test_on_the_wire_an_entry_holds_only_what_it_has() -> None:
    wire = msgspec.to_builtins(told({"role": "user", "content": "hi"})[0])

    assert wire.keys() == {"role", "content", "seq", "created_at", "run_id"}


def test_input_parts_and_refusals_are_text_too() -> None:
    found = told(
        {"role": "developer", "content": [{"type": "input_text", "text": "be kind"}]},
        {"type": "message", "role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]},
    )

    assert [(e.role, e.content) for e in found] == [("system", "be kind"), ("assistant", "No.")]


def test_an_answer_that_was_cut_off_says_so() -> None:
    cut, whole = told(
        {"type": "message", "role": "assistant", "status": "incomplete", "content": [{"text": "Do"}]},
        {"type": "message", "role": "assistant", "status": "completed", "content": [{"text": "Done"}]},
    )

    assert (cut.partial, whole.partial) == (True, False)


def test_credentials_are_taken_out_at_any_depth() -> None:
    found = told(call('{"a":[{"api_key":"sk-1"}],"max_tokens":3}'), output('[{"b":{"Password":"x"}}]'))

    assert found[0].arguments == {"a": [{"api_key": "[REDACTED]"}], "max_tokens": 3}
    assert found[1].content == '[{"b":{"Password":"[REDACTED]"}}]'


@pytest.mark.parametrize("value", ["x" * 6000, msgspec.json.encode({"a": "x" * 6000}).decode()])
def test_long_strings_are_cut(value: str) -> None:
    (found,) = told(output(value))

    assert "x" * 5000 + "... [truncated]" in found.content
    assert "x" * 5001 not in found.content


@pytest.mark.parametrize("text", ["1e5", "null", '"quoted"', "not json", "", '{"cut": ', "a\x00b"])
def test_a_result_that_is_text_stays_as_it_is(text: str) -> None:
    (found,) = told(output(text))

    assert found.content == text


@pytest.mark.parametrize("raw", ["[" * 900 + "]" * 900, "[" * 100_000])
def test_nesting_without_end_is_no_crash(raw: str) -> None:
    assert told(output(raw))[0].role == "tool"


@pytest.mark.parametrize("raw", ["", "[]", "no json", None, 3])
def test_arguments_that_are_no_object_are_none(raw: Any) -> None:
    assert told(call(raw))[0].arguments == {}


@pytest.mark.parametrize(
    ("message", "title"),
    [
        ("", None),
        (" \n ", None),
        ("add  milk\n please", "add milk please"),
        ("nul \x00 and half \ud83d a pair", "nul and half a pair"),
        ("x" * 60, "x" * 60),
        ("x" * 61, "x" * 59 + "…"),
        ("word " * 20, "word word word word word word word word word word word…"),
    ],
)
def test_a_title_is_the_beginning_on_one_line(message: str, title: str | None) -> None:
    assert title_of(message) == title
