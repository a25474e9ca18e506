"""From Responses items to chat messages."""

import time
from typing import Any

import msgspec

from app.lib.providers.chat.request import body_of, messages_of
from app.lib.providers.model import ModelCall, ToolSchema
from app.lib.providers.presets import PLAIN

TOOL = ToolSchema("look", "Look.", {"type": "object", "properties": {}})


def call_of(*items: dict[str, Any], **options: Any) -> ModelCall:
    return ModelCall(model="m", instructions=options.pop("instructions", None), items=list(items), **options)


def user(content: Any) -> dict[str, Any]:
    return {"type": "message", "role": "user", "content": content}


def assistant(text: str) -> dict[str, Any]:
    return {
        "type": "message",
        "role": "assistant",
        "content": [{"type": "output_text", "text": text, "annotations": []}],
    }


def called(call_id: str, name: str = "look", arguments: str = "{}") -> dict[str, Any]:
    return {"type": "function_call", "call_id": call_id, "name": name, "arguments": arguments}


def output(call_id: str, text: Any = "seen") -> dict[str, Any]:
    return {"type": "function_call_output", "call_id": call_id, "output": text}


def shape(*items: dict[str, Any]) -> list[str]:
    """`a` with its calls, `t` with its call, and so on."""
    told = []
    for message in messages_of(call_of(*items)):
        ids = ",".join(call["id"] for call in message.get("tool_calls", []))
        said = message["content"] or ""
        told.append(f"{message['role'][0]}:{said}{f'[{ids}]' if ids else ''}{message.get('tool_call_id', '')}")
    return told


def body(call: ModelCall) -> dict[str, Any]:
    decoded: dict[str, Any] = msgspec.json.decode(body_of(call, PLAIN))
    return decoded


def test_messages_become_plain_strings() -> None:
    parts = [{"type": "input_text", "text": "one"}, {"type": "input_text", "text": "two"}]

    items = user(parts), assistant("three"), {"role": "user", "content": "four"}

    assert messages_of(call_of(*items, instructions="Be.")) == [
        {"role": "system", "content": "Be."},
        {"role": "user", "content": "one\ntwo"},
        {"role": "assistant", "content": "three"},
        {"role": "user", "content": "four"},
    ]  # fmt: skip


def test_images_stay_parts() -> None:
    parts = [
        {"type": "input_text", "text": "what is it?"},
        {"type": "input_image", "image_url": "data:x", "detail": "low"},
    ]

    assert messages_of(call_of(user(parts)))[0]["content"] == [
        {"type": "text", "text": "what is it?"},
        {"type": "image_url", "image_url": {"url": "data:x", "detail": "low"}},
    ]


def test_a_call_and_its_result_are_paired() -> None:
    assert messages_of(call_of(called("a", arguments='{"x":1}'), output("a", "seen"))) == [
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "a", "type": "function", "function": {"name": "look", "arguments": '{"x":1}'}}],
        },
        {"role": "tool", "tool_call_id": "a", "content": "seen"},
    ]


def test_calls_of_one_answer_are_one_message_with_its_text() -> None:
    assert shape(user("q"), assistant("hm"), called("a"), called("b"), output("b", "B"), output("a", "A")) == [
        "u:q",
        "a:hm[a,b]",
        "t:Aa",
        "t:Bb",
    ]


def test_a_message_between_calls_and_results_breaks_no_pair() -> None:
    assert shape(called("a"), assistant("hm"), output("a"), user("next")) == ["a:hm[a]", "t:seena", "u:next"]
    assert shape(called("a"), user("next"), output("a")) == ["a:[a]", "t:seena", "u:next"]


def test_rounds_of_calls_stay_apart() -> None:
    assert shape(called("a"), output("a"), called("b"), output("b"), assistant("done")) == [
        "a:[a]",
        "t:seena",
        "a:[b]",
        "t:seenb",
        "a:done",
    ]


def test_a_call_without_result_is_answered_that_there_is_none() -> None:
    first, second = shape(called("a"), user("next"))[1:]

    assert first.startswith("t:No result")
    assert second == "u:next"


def test_a_result_without_call_and_unknown_items_are_left_out() -> None:
    reasoning = {"type": "reasoning", "id": "r", "summary": []}

    assert shape(output("x"), reasoning, {"type": "web_search_call"}, user("q")) == ["u:q"]


def test_an_id_that_is_used_twice_keeps_its_results_in_order() -> None:
    assert shape(called("a"), output("a", "1"), called("a"), output("a", "2")) == ["a:[a]", "t:1a", "a:[a]", "t:2a"]


def test_arguments_that_are_no_object_do_not_spoil_later_requests() -> None:
    (message, _) = messages_of(call_of(called("a", arguments='{"half'), output("a")))

    assert message["tool_calls"][0]["function"]["arguments"] == '{"invalid_arguments":"{\\"half"}'
    assert (
        messages_of(call_of(called("a", arguments=""), output("a")))[0]["tool_calls"][0]["function"]["arguments"]
        == "{}"
    )


def test_results_that_are_no_text_are_encoded() -> None:
    parts = [{"type": "input_text", "text": "seen"}]

    assert messages_of(call_of(called("a"), output("a", {"x": 1})))[1]["content"] == '{"x":1}'
    assert messages_of(call_of(called("a"), output("a", parts)))[1]["content"] == "seen"


def test_only_what_was_set_is_sent() -> None:
    assert body(call_of(user("q"))) == {
        "model": "m",
        "messages": [{"role": "user", "content": "q"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_settings_and_tools_are_sent() -> None:
    sent = body(
        call_of(
            user("q"),
            tools=[TOOL],
            tool_choice="look",
            parallel_tool_calls=False,
            temperature=0.0,
            max_output_tokens=7,
            reasoning_effort="low",
        )
    )

    assert sent["tools"] == [
        {"type": "function", "function": {"name": "look", "description": "Look.", "parameters": TOOL.parameters}}
    ]
    assert sent["tool_choice"] == {"type": "function", "function": {"name": "look"}}
    assert (sent["parallel_tool_calls"], sent["temperature"], sent["max_tokens"]) == (False, 0.0, 7)


def test_without_tools_nothing_is_said_of_them() -> None:
    assert "tool_choice" not in body(call_of(user("q"), tool_choice="auto", parallel_tool_calls=True))


def test_a_schema_is_wrapped_as_chat_wants_it() -> None:
    schema = {"type": "object", "properties": {}}
    wrapped = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, "strict": True}}
    flat = {"type": "json_schema", "name": "answer", "schema": schema, "strict": True}

    for given in (schema, wrapped, flat):
        assert body(call_of(user("q"), response_format=given))["response_format"] == wrapped
    assert body(call_of(user("q"), response_format={"type": "json_object"}))["response_format"] == {
        "type": "json_object"
    }


def test_half_a_character_in_the_history_does_not_stop_the_request() -> None:
    assert body(call_of(user("a\ud83d")))["messages"] == [{"role": "user", "content": "a\ufffd"}]


def test_a_history_of_400_items_is_cheap() -> None:
    history: list[dict[str, Any]] = []
    for number in range(100):
        text = "word " * 100
        history += [user([{"type": "input_text", "text": text}]), called(f"c{number}", arguments='{"x": "y"}')]
        history += [output(f"c{number}", text), assistant(text)]
    call = call_of(*history, instructions="Be brief.", tools=[TOOL] * 10)

    body_of(call, PLAIN)
    start = time.process_time()
    body_of(call, PLAIN)

    assert time.process_time() - start < 0.025
