"""From a call to the body of a Responses request."""

import time
from typing import Any

import msgspec
import pytest

from app.lib.providers.model import ModelCall, ToolSchema
from app.lib.providers.responses.request import body_of, input_of

TOOL = ToolSchema("look", "Look.", {"type": "object", "properties": {}})
NO_RESULT = "No result: the call was interrupted, its outcome is unknown."


def call_of(*items: dict[str, Any], **options: Any) -> ModelCall:
    return ModelCall(model=options.pop("model", "m"), instructions=None, items=list(items), **options)


def sent(call: ModelCall) -> dict[str, Any]:
    decoded: dict[str, Any] = msgspec.json.decode(body_of(call, origin="here"))
    return decoded


def user(content: Any) -> dict[str, Any]:
    return {"type": "message", "role": "user", "content": content}


def own(kind: str, **members: Any) -> dict[str, Any]:
    return {"type": kind, "id": "x_1", **members, "origin": "here"}


def said(text: str) -> dict[str, Any]:
    return own("message", role="assistant", content=[{"type": "output_text", "text": text, "annotations": []}])


def called(call_id: str) -> dict[str, Any]:
    return own("function_call", call_id=call_id, name="look", arguments="{}")


def output(call_id: str, text: Any = "seen") -> dict[str, Any]:
    return {"type": "function_call_output", "call_id": call_id, "output": text, "status": "incomplete"}


def shape(*items: dict[str, Any]) -> list[str]:
    """The kinds, with the ids of calls and results."""
    return [f"{item['type']}{item.get('call_id', '')}" for item in input_of(call_of(*items), "here")]


def test_own_items_go_as_they_are_and_others_in_plain_words() -> None:
    items = [
        user("a"),
        own("web_search_call", action={"new": [1]}),
        said("b"),
        {**said("c"), "origin": "there", "status": "incomplete"},
        {"type": "message", "role": "assistant", "content": "d"},
        {**called("1"), "origin": "there"},
        output("1"),
        {"type": "dream_call", "id": "d"},
    ]

    assert input_of(call_of(*items), "here") == [
        user("a"),
        {"type": "web_search_call", "id": "x_1", "action": {"new": [1]}},
        {name: value for name, value in said("b").items() if name != "origin"},
        {"type": "message", "role": "assistant", "content": "c"},
        {"type": "message", "role": "assistant", "content": "d"},
        {"type": "function_call", "call_id": "1", "name": "look", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "1", "output": "seen"},
    ]


@pytest.mark.parametrize(
    "item",
    [
        {"type": "reasoning", "id": "rs", "summary": [{"type": "summary_text", "text": "Hm."}]},
        {"type": "reasoning", "id": "rs", "summary": [], "encrypted_content": 'anthropic:{"signature":"s"}'},
        {"type": "reasoning", "id": "rs", "summary": [], "encrypted_content": "gAAAA", "origin": "there"},
    ],
)
def test_reasoning_of_others_is_not_sent(item: dict[str, Any]) -> None:
    assert shape(user("a"), item, said("b")) == ["message", "message"]


def test_reasoning_that_nothing_of_its_own_follows_is_not_sent() -> None:
    thought = own("reasoning", summary=[])

    assert shape(user("a"), thought) == ["message"]
    assert shape(user("a"), thought, user("b")) == ["message", "message"]
    assert shape(thought, {**said("b"), "origin": "there"}) == ["message"]
    assert shape(thought, thought, said("b"), thought) == ["reasoning", "reasoning", "message"]
    assert shape(thought, called("1"), output("1"), thought) == ["reasoning", "function_call1", "function_call_output1"]


def test_results_stand_behind_their_calls_wherever_they_were() -> None:
    calls = ["function_call1", "function_call2", "function_call_output1", "function_call_output2"]

    assert shape(called("1"), called("2"), output("2"), output("1")) == calls
    assert shape(output("1"), called("1"), called("2"), user("x"), output("2")) == [*calls, "message"]


def test_a_call_without_result_is_answered_and_a_result_without_call_left_out() -> None:
    items = input_of(call_of(called("1"), user("x"), output("7")), "here")

    assert [item.get("output") for item in items] == [None, NO_RESULT, None]
    assert shape(output("7"), user("x")) == ["message"]


def test_an_id_may_be_used_again_in_a_later_turn() -> None:
    items = input_of(call_of(called("1"), output("1", "a"), called("1"), output("1", "b")), "here")

    assert [item["output"] for item in items if "output" in item] == ["a", "b"]


def test_options_go_under_the_names_of_this_api() -> None:
    body = sent(
        call_of(
            user("x"),
            tools=[TOOL],
            tool_choice="look",
            parallel_tool_calls=False,
            temperature=0.0,
            top_p=0.5,
            max_output_tokens=7,
            reasoning_effort="low",
        )
    )

    assert body["tool_choice"] == {"type": "function", "name": "look"}
    assert (body["parallel_tool_calls"], body["temperature"], body["top_p"]) == (False, 0.0, 0.5)
    assert body["max_output_tokens"] == 7
    assert body["reasoning"] == {"effort": "low", "summary": "auto"}


@pytest.mark.parametrize("model", ["gpt-4o", "gpt-4.1-mini", "gpt-3.5-turbo", "gpt-5-chat-latest"])
def test_models_that_do_not_reason_are_not_asked_for_it(model: str) -> None:
    assert "include" not in sent(call_of(user("x"), model=model))


SCHEMA = {"type": "object", "properties": {}}


@pytest.mark.parametrize(
    ("wanted", "format"),
    [
        ({"type": "json_object"}, {"type": "json_object"}),
        (SCHEMA, {"type": "json_schema", "name": "answer", "schema": SCHEMA, "strict": True}),
        (
            {"type": "json_schema", "name": "n", "schema": SCHEMA},
            {"type": "json_schema", "name": "n", "schema": SCHEMA},
        ),
        (
            {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}},
            {"type": "json_schema", "name": "n", "schema": SCHEMA},
        ),
    ],
)
def test_a_schema_may_come_in_any_wrapping(wanted: dict[str, Any], format: dict[str, Any]) -> None:  # noqa: A002
    assert sent(call_of(user("x"), response_format=wanted))["text"] == {"format": format}


def test_half_a_character_does_not_stop_the_request() -> None:
    assert sent(call_of(user("a\ud800b")))["input"][0]["content"] == "a\ufffdb"


def test_a_history_of_400_items_is_cheap() -> None:
    history: list[dict[str, Any]] = []
    for number in range(80):
        text = "word " * 100
        thought = own("reasoning", summary=[], encrypted_content="gA" * 500)
        history += [user([{"type": "input_text", "text": text}]), thought, called(f"c{number}")]
        history += [output(f"c{number}", text), said(text)]
    call = call_of(*history, tools=[TOOL] * 10)

    body_of(call, origin="here")
    start = time.process_time()
    body_of(call, origin="here")

    assert time.process_time() - start < 0.025
