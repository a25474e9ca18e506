"""Bedrock's binary frames, and from Responses items to Converse messages."""

import time
from typing import Any
from zlib import crc32

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.lib.providers.bedrock.eventstream import MAX_MESSAGE, MessageParser
from app.lib.providers.bedrock.request import body_of
from app.lib.providers.bedrock.sealed import Origin, reasoning_item
from app.lib.providers.model import ModelCall, ToolSchema
from tests.wires.bedrock import delta, frame

TOOL = ToolSchema("look", "Look.", {"type": "object", "properties": {}})
OLD, NEW = "anthropic.claude-sonnet-4-5-20250929-v1:0", "anthropic.claude-sonnet-5-0-v1:0"


def body(*items: dict[str, Any], **options: Any) -> dict[str, Any]:
    options = {"model": OLD, "instructions": None, "tools": [TOOL]} | options
    decoded: dict[str, Any] = msgspec.json.decode(body_of(ModelCall(items=list(items), **options))[0])
    return decoded


def messages(*items: dict[str, Any], **options: Any) -> list[dict[str, Any]]:
    said: list[dict[str, Any]] = body(*items, **options)["messages"]
    return said


def shape(*items: dict[str, Any]) -> list[str]:
    """`u` and `a` with texts, `<calls` and `>results`."""
    told = []
    for message in messages(*items):
        blocks = [
            block.get("text")
            or (f"<{block['toolUse']['toolUseId']}" if "toolUse" in block else f">{block['toolResult']['toolUseId']}")
            for block in message["content"]
        ]
        told.append(f"{message['role'][0]}:{' '.join(blocks)}")
    return told


def user(content: Any) -> dict[str, Any]:
    return {"type": "message", "role": "user", "content": content}


def assistant(text: str) -> dict[str, Any]:
    return {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]}


def called(call_id: str, arguments: str = "{}", name: str = "look") -> dict[str, Any]:
    return {"type": "function_call", "call_id": call_id, "name": name, "arguments": arguments}


def output(call_id: str, said: Any = "seen") -> dict[str, Any]:
    return {"type": "function_call_output", "call_id": call_id, "output": said}


@given(st.lists(st.binary(max_size=300), max_size=6), st.integers(1, 40))
def test_frames_are_read_at_any_split(payloads: list[bytes], size: int) -> None:
    data = b"".join(frame(payload, event_type="e", message_type="event") for payload in payloads)
    parser = MessageParser()
    read = []
    for at in range(0, len(data), size):
        found, sound = parser.feed(data[at : at + size])
        read += found
        assert sound

    assert [message.payload for message in read] == payloads
    assert all(message.headers == {":event-type": "e", ":message-type": "event"} for message in read)


@given(st.data())
def test_a_frame_with_any_bit_changed_is_not_read(data: st.DataObject) -> None:
    whole = bytearray(delta(0, text="Hello."))
    whole[data.draw(st.integers(0, len(whole) - 1))] ^= 1 << data.draw(st.integers(0, 7))

    assert MessageParser().feed(bytes(whole) + delta(0, text="Next.")) == ([], False)


@pytest.mark.parametrize("length", [0, 15, MAX_MESSAGE + 1, 2**32 - 1])
def test_a_length_that_cannot_be_is_refused_at_once(length: int) -> None:
    from_provider = frame(b"")
    prelude = length.to_bytes(4, "big") + from_provider[4:8]
    checksum = crc32(prelude).to_bytes(4, "big")

    assert MessageParser().feed(prelude + checksum) == ([], False)


def test_a_large_frame_in_small_pieces_is_cheap() -> None:
    whole = frame(b"x" * 1_000_000, message_type="event")
    parser = MessageParser()

    start = time.process_time()
    read = [message for at in range(0, len(whole), 64) for message in parser.feed(whole[at : at + 64])[0]]

    assert len(read) == 1
    assert time.process_time() - start < 1


def test_turns_are_taken_and_results_come_first() -> None:
    assert shape(user("q"), assistant("hm"), called("a"), called("b"), output("b"), output("a"), user("next")) == [
        "u:q",
        "a:hm <a <b",
        "u:>a >b next",
    ]
    assert shape(user("q"), user("r"), assistant("a"), assistant("b")) == ["u:q r", "a:a b"]
    assert shape(user("q"), called("a"), user("next"), output("a")) == ["u:q", "a:<a", "u:>a next"]
    assert shape(user("q"), called("a"), output("a"), called("b"), output("b"), assistant("done")) == [
        "u:q",
        "a:<a",
        "u:>a",
        "a:<b",
        "u:>b",
        "a:done",
    ]


def test_a_history_without_its_beginning_begins_with_the_user() -> None:
    assert shape(assistant("hm"), user("q")) == ["u:(The conversation begins before this.)", "a:hm", "u:q"]


def test_blank_text_and_what_belongs_to_nothing_are_left_out() -> None:
    assert shape(user(" \n"), output("x"), {"type": "web_search_call"}, user("q"), assistant("")) == ["u:q"]


def test_an_id_is_one_that_bedrock_takes_and_never_there_twice() -> None:
    long = "x" * 80
    history = user("q"), called("a"), output("a", "1"), called("a"), output("a", "2"), called(f"ü{long}")
    blocks = [block for message in messages(*history) for block in message["content"]]
    ids = [block["toolUse"]["toolUseId"] for block in blocks if "toolUse" in block]

    assert ids == ["a", "a-1", f"_{long}"[:64]]


def test_a_call_without_result_is_answered_that_there_is_none() -> None:
    result = messages(user("q"), called("a"), user("next"))[2]["content"][0]["toolResult"]

    assert result["content"][0]["text"].startswith("No result")


def test_arguments_that_are_no_object_do_not_spoil_later_requests() -> None:
    use = messages(user("q"), called("a", '{"half', name="lo ok!"), output("a"))[1]["content"][0]["toolUse"]

    assert (use["name"], use["input"]) == ("lo_ok_", {"invalid_arguments": '{"half'})


def test_without_tools_calls_are_written_out() -> None:
    history = user("q"), called("a", '{"x":1}'), output("a")
    choices: list[dict[str, Any]] = [{"tools": []}, {"tool_choice": "none"}]
    for options in choices:
        sent = body(*history, **options)

        assert "toolConfig" not in sent
        assert [message["content"] for message in sent["messages"][1:]] == [
            [{"text": '[Called look with {"x":1}]'}],
            [{"text": "[look returned: seen]"}],
        ]


def test_images_and_results_of_any_shape_are_sent() -> None:
    picture = {"type": "input_image", "image_url": "data:image/png;base64,AAAA"}
    elsewhere = {"type": "input_image", "image_url": "https://x.example/i.png"}
    image = {"image": {"format": "png", "source": {"bytes": "AAAA"}}}
    sent = messages(user([picture, elsewhere]), called("a"), output("a", [picture]), called("b"), output("b", {"x": 1}))

    assert sent[0]["content"] == [image]
    assert sent[2]["content"][0]["toolResult"]["content"] == [image]
    assert sent[4]["content"][0]["toolResult"]["content"] == [{"text": '{"x":1}'}]


def test_system_messages_go_where_the_system_speaks() -> None:
    sent = body(user("q"), {"role": "developer", "content": "Be kind."}, instructions="Be.")

    assert sent["system"] == [{"text": "Be."}, {"text": "Be kind."}]
    assert len(sent["messages"]) == 1


def test_settings_are_sent() -> None:
    sent = body(user("q"), tool_choice="look", temperature=0.0, top_p=0.5, max_output_tokens=7)

    assert sent["toolConfig"]["toolChoice"] == {"tool": {"name": "look"}}
    assert sent["inferenceConfig"] == {"maxTokens": 7, "temperature": 0.0, "topP": 0.5}
    assert body(user("q"), tool_choice="required")["toolConfig"]["toolChoice"] == {"any": {}}


def test_claude_is_told_to_think_in_its_own_words_and_others_in_bedrocks() -> None:
    sent = body(user("q"), reasoning_effort="low", temperature=0.5)

    assert sent["additionalModelRequestFields"]["thinking"]["type"] == "enabled"
    assert sent["inferenceConfig"]["maxTokens"] > sent["additionalModelRequestFields"]["thinking"]["budget_tokens"]
    assert "temperature" not in sent["inferenceConfig"]
    assert "additionalModelRequestFields" not in body(user("q"), reasoning_effort="low", tool_choice="required")
    assert body(user("q"), model="openai.gpt-oss-120b-1:0", reasoning_effort="minimal")["outputConfig"] == {
        "effort": "low"
    }


def test_a_schema_is_sent_as_text() -> None:
    schema = {"type": "object", "properties": {}}
    for given_as in (
        schema,
        {"type": "json_schema", "name": "answer", "schema": schema},
        {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}},
    ):
        told = body(user("q"), response_format=given_as)["outputConfig"]["textFormat"]
        structure = {"jsonSchema": {"schema": msgspec.json.encode(schema).decode(), "name": "answer"}}
        assert told == {"type": "json_schema", "structure": structure}
    assert "outputConfig" not in body(user("q"), response_format={"type": "json_object"})


def thoughts(*items: dict[str, Any], **options: Any) -> list[Any]:
    return [
        block["reasoningContent"]
        for message in messages(*items, **options)
        for block in message["content"]
        if "reasoningContent" in block
    ]


def test_a_thought_of_another_model_or_wire_is_not_sent() -> None:
    foreign: list[dict[str, Any]] = [
        {"type": "reasoning", "id": "r", "summary": [{"type": "summary_text", "text": "Hm."}]},
        {"type": "reasoning", "id": "r", "summary": [], "encrypted_content": "gAAAA"},
        {"type": "reasoning", "id": "r", "summary": [], "encrypted_content": 'anthropic:{"origin":"x"}'},
        {"type": "reasoning", "id": "r", "summary": [], "encrypted_content": "bedrock:{"},
        reasoning_item(Origin("another", ""), "Hm.", signature="s"),
    ]
    for item in foreign:
        assert thoughts(user("q"), item, assistant("a"), user("r")) == []
    own = reasoning_item(Origin(OLD, ""), "Hm.", signature="s")
    assert thoughts(user("q"), own, assistant("a"), user("r")) == [{"reasoningText": {"text": "Hm.", "signature": "s"}}]


def test_no_message_ends_with_a_thought() -> None:
    own = reasoning_item(Origin(OLD, ""), "Hm.", signature="s")

    assert shape(user("q"), own, user("r")) == ["u:q r"]


def test_a_thought_that_is_bound_to_what_was_before_it_is_not_sent_after_a_change() -> None:
    asked = ModelCall(model=NEW, instructions="Be.", items=[user("q")], tools=[TOOL])
    own = reasoning_item(body_of(asked)[1], "Hm.", signature="s")
    history = user("q"), own, called("a"), output("a")

    assert len(thoughts(*history, model=NEW, instructions="Be.")) == 1
    assert len(thoughts(*history, model=NEW, instructions="Be.", tool_choice="auto")) == 1
    assert thoughts(*history, model=NEW, instructions="Be another.") == []
    assert thoughts(user("another q"), *history[1:], model=NEW, instructions="Be.") == []


def test_half_a_character_in_the_history_does_not_stop_the_request() -> None:
    assert messages(user("a\ud83d"))[0]["content"] == [{"text": "a\ufffd"}]


def test_a_history_of_400_items_is_cheap() -> None:
    history: list[dict[str, Any]] = []
    for number in range(100):
        text = "word " * 100
        history += [user([{"type": "input_text", "text": text}]), called(f"c{number}", '{"x": "y"}')]
        history += [output(f"c{number}", text), assistant(text)]
    call = ModelCall(model=OLD, instructions="Be brief.", items=history, tools=[TOOL] * 10)

    body_of(call)
    start = time.process_time()
    body_of(call)

    assert time.process_time() - start < 0.025
