"""From the bytes of a Responses stream to deltas and a finished answer."""

from typing import Any

import msgspec
import pytest

from app.lib.providers.model import Delta, ModelAnswer
from app.lib.providers.responses.decode import ResponsesDecoder
from tests.wires.responses import Hosted, Refusal, Thought, answer, event, failed, response, usage_of
from tests.wires.script import Call


def decoder() -> ResponsesDecoder:
    return ResponsesDecoder("openai_responses", request_size=400, origin="here")


def bytes_of(*parts: Any, **options: Any) -> bytes:
    return b"".join(step for step in answer(*parts, **options).steps if isinstance(step, bytes))


def read(*data: bytes) -> tuple[str, str, ModelAnswer]:
    """Text, reasoning and the answer."""
    made = decoder()
    deltas: list[Delta] = [delta for each in data for delta in made.feed(each)]
    assert made.failure is None
    text, reasoning = ("".join(delta.text for delta in deltas if delta.reasoning is kind) for kind in (False, True))
    return text, reasoning, made.answer()


def done(item: Any, index: Any = 0) -> bytes:
    return event("response.output_item.done", output_index=index, item=item)


def completed(*output: Any, status: str = "completed", **members: Any) -> bytes:
    return event(f"response.{status}", response=response(status, list(output), **members))


def message(text: Any = "Hi.", **members: Any) -> dict[str, Any]:
    return {"type": "message", "id": "msg_0", "content": [{"type": "output_text", "text": text}], **members}


def call(arguments: Any = "{}", **members: Any) -> dict[str, Any]:
    return {"type": "function_call", "id": "fc_0", "call_id": "c", "name": "look", "arguments": arguments, **members}


def test_what_nobody_knows_changes_nothing() -> None:
    strange = (
        event("response.telepathy.delta", delta="boo", output_index=9),
        event("response.audio.delta", delta={"no": "text"}),
        event("response.output_text.annotation.added", output_index=0, annotation={"type": "?"}),
        b"event: response.mood\ndata: {}\n\n",
        b'data: {"type":7,"delta":[]}\n\n',
        b": comment\n\n",
        event("response.output_item.done", item=None),
        event("response.output_item.done", item={"id": "no type"}),
        done({"type": "function_call_output", "call_id": "c", "output": "not theirs to say"}, 5),
    )

    text, _, result = read(*strange, bytes_of("Hello you."))

    assert text == "Hello you."
    assert [item["type"] for item in result.items] == ["message"]


def test_items_of_all_kinds_are_kept_as_they_are() -> None:
    hosted = {"type": "dream_call", "id": "dc_1", "status": "completed", "dream": {"of": [1, None, 2.5]}}
    phased = message(role="assistant", phase="commentary", status="completed", mood=None)

    _, _, result = read(
        done(hosted), done(phased, 1), done(call(namespace="n", caller={"type": "direct"}), 2), completed()
    )

    assert [{k: v for k, v in item.items() if k != "origin"} for item in result.items] == [
        hosted,
        phased,
        call(namespace="n", caller={"type": "direct"}),
    ]
    assert {item["origin"] for item in result.items} == {"here"}


def test_the_sealed_reasoning_is_that_of_the_finished_item() -> None:
    _, reasoning, result = read(bytes_of(Thought(("**A**", "**B**"), sealed="gAAAAAB-whole"), "So."))

    assert reasoning == "**A**\n\n**B**"
    assert result.items[0]["encrypted_content"] == "gAAAAAB-whole"


def test_reasoning_that_comes_in_two_wordings_is_told_once() -> None:
    wordings = (
        event("response.reasoning_summary_text.delta", output_index=0, summary_index=0, delta="In short."),
        event("response.reasoning_text.delta", output_index=0, content_index=0, delta="At length."),
    )

    assert read(*wordings, bytes_of("So."))[1] == "In short."


@pytest.mark.parametrize("start", ["", "Hello "])
def test_what_no_delta_brought_is_told_when_its_item_is_finished(start: str) -> None:
    deltas = [event("response.output_text.delta", output_index=0, delta=start)] if start else []

    text, reasoning, _ = read(
        done({"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm."}]}, 1),
        *deltas,
        done(message("Hello you.")),
        completed(),
    )

    assert (text, reasoning) == ("Hello you.", "Hm.")


def test_items_that_only_the_end_tells_of_are_taken_from_there() -> None:
    text, _, result = read(completed(message("All at once."), call()))

    assert text == "All at once."
    assert ([item["type"] for item in result.items], result.finish_reason) == (
        ["message", "function_call"],
        "tool_calls",
    )


def test_items_that_share_an_index_are_both_there() -> None:
    _, _, result = read(done(message(id="msg_1")), done(message(id="msg_2")), completed())

    assert [item["id"] for item in result.items] == ["msg_1", "msg_2"]


def test_a_message_that_was_never_finished_is_kept_as_far_as_it_came() -> None:
    text, _, result = read(
        event("response.output_text.delta", output_index=0, delta="As long as"),
        completed(status="incomplete", incomplete_details={"reason": "max_output_tokens"}),
    )

    assert text == result.items[0]["content"][0]["text"] == "As long as"
    assert (result.items[0]["status"], result.finish_reason) == ("incomplete", "length")


def test_parallel_calls_whose_parts_are_mixed_stay_apart() -> None:
    parts = [(0, '{"a"'), (1, '{"b"'), (0, ":1}"), (1, ":2}")]
    begun = [event("response.output_item.added", output_index=n, item=call("", id=f"fc_{n}")) for n in (0, 1)]
    deltas = [event("response.function_call_arguments.delta", output_index=n, delta=piece) for n, piece in parts]

    _, _, result = read(*begun, *deltas, done(call("", id="fc_1"), 1), done(call("", id="fc_0"), 0), completed())

    assert [(item["id"], item["arguments"]) for item in result.items] == [("fc_0", '{"a":1}'), ("fc_1", '{"b":2}')]


@pytest.mark.parametrize(
    ("arguments", "status", "kept"),
    [
        ('{"a": 1}', "incomplete", True),
        ('{"a": ', "incomplete", False),
        ("", "incomplete", False),
        ("", "completed", True),
    ],
)
def test_only_a_whole_call_of_an_answer_that_was_cut_off_is_kept(arguments: str, status: str, kept: bool) -> None:  # noqa: FBT001
    _, _, result = read(done(call(arguments)), completed(status=status))

    assert bool(result.items) is kept
    assert all(isinstance(msgspec.json.decode(item["arguments"]), dict) for item in result.items)


@pytest.mark.parametrize(
    "item",
    [
        message(7),
        message(content="Hi."),
        message(content=["Hi."]),
        {"type": "reasoning", "id": "rs", "summary": {"text": "Hm."}},
        {"type": "reasoning", "id": "rs", "summary": [], "content": [{"text": ["Hm."]}]},
        {"type": "dream_call", "of": msgspec.json.decode(b"[" * 80 + b"]" * 80)},
    ],
)
def test_an_item_that_nobody_could_go_on_with_is_malformed(item: dict[str, Any]) -> None:
    made = decoder()

    made.feed(done(item))

    assert made.failure is not None
    assert made.failure.reason == "malformed"


def test_no_text_holds_what_no_database_takes() -> None:
    halves = [rb"\ud83d", rb"\ude00\u0000"]
    delta = rb'data: {"type":"response.output_text.delta","output_index":0,"delta":"%b"}'
    content = rb'[{"text":"\ud83d\ude00\u0000\ud800"}]'
    item = rb'data: {"type":"response.output_item.done","output_index":0,"item":{"type":"message","content":%b}}'
    stream = b"".join(line + b"\n\n" for line in (*(delta % half for half in halves), item % content))

    text, _, result = read(stream + completed().replace(b"resp_1", rb"resp\ud800"))

    assert result.response_id == "resp\ufffd"
    assert text == result.items[0]["content"][0]["text"] == "😀\ufffd\ufffd"


@pytest.mark.parametrize(
    "usage",
    [
        None,
        {},
        {"input_tokens": "7", "output_tokens": 1},
        {"input_tokens": True, "output_tokens": 1},
        [],
        {"input_tokens": 7},
    ],
)
def test_usage_that_is_no_use_is_estimated(usage: Any) -> None:
    _, _, result = read(bytes_of(Thought("Hm hm."), Call("look", {"at": "everything"}), usage=usage))

    assert result.usage.source == "estimated"
    assert result.usage.input_tokens == 100
    assert result.usage.output_tokens > result.usage.reasoning_tokens > 0


def test_usage_is_told_with_its_parts() -> None:
    used = read(bytes_of("Hi.", usage=usage_of(12, 9, cached=4, reasoning=3)))[2].usage

    assert (used.input_tokens, used.output_tokens, used.cached_tokens, used.reasoning_tokens) == (12, 9, 4, 3)


def test_several_messages_stay_several() -> None:
    text, _, result = read(bytes_of("I look. ", Hosted({"type": "web_search_call", "id": "ws"}), "Found."))

    assert text == "I look. Found."
    assert [item["type"] for item in result.items] == ["message", "web_search_call", "message"]


def test_an_answer_without_end_is_refused() -> None:
    made = decoder()

    made.feed(b"data: " + b"x" * (5 * 1024 * 1024))

    assert made.failure is not None
    assert made.failure.reason == "malformed"


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (event("error", code="rate_limit_exceeded", message="sk-key", param=None), "rate_limit"),
        (event("error", error={"type": "invalid_request_error", "code": "context_length_exceeded"}), "too_large"),
        (b'data: {"error":{"code":503}}\n\n', "overloaded"),
        (b"event: error\ndata: ?\n\n", "server"),
        (failed({"code": "invalid_prompt", "message": "sk-key"}), "bad_request"),
        (failed({"code": "cyber_policy_violation", "message": "sk-key"}), "bad_request"),
        (failed(None), "server"),
        (event("response.cancelled", response=response("cancelled", [])), "server"),
        (event("response.completed", response=None), "malformed"),
        (b"data: {]\n\n", "malformed"),
        (b"data: [1]\n\n", "malformed"),
        (b"data: [DONE]\n\n", "cut"),
        (b"", "cut"),
    ],
)
def test_what_is_not_an_answer_is_a_failure_of_its_kind(data: bytes, kind: str) -> None:
    reading = decoder()
    reading.feed(data)
    reading.end()

    assert reading.failure is not None
    assert reading.failure.reason == kind
    assert "sk-key" not in reading.failure.detail


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"error":{"code":"rate_limit_exceeded"}}', "rate_limit"),
        (b'{"detail":"what?"}', "malformed"),
        (b"[1]", "malformed"),
        (b"{]", "malformed"),
        (msgspec.json.encode(response("queued", [])), "malformed"),
        (msgspec.json.encode(response("failed", [], error={"code": "server_error"})), "server"),
    ],
)
def test_a_body_that_is_no_answer_is_a_failure_of_its_kind(body: bytes, kind: str) -> None:
    reading = decoder()
    reading.feed_whole(body)

    assert reading.failure is not None
    assert reading.failure.reason == kind


def test_a_refusal_is_said_and_named() -> None:
    text, _, answer = read(bytes_of(Refusal("I must not.")))

    assert (text, answer.finish_reason) == ("I must not.", "refusal")
    assert answer.items[0]["content"] == [{"type": "refusal", "refusal": "I must not."}]
