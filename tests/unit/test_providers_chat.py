"""The chat wire's decoder: what odd servers send, without a server."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.lib.providers.chat.decode import ChatDecoder
from app.lib.providers.errors import ProviderErrorKind
from app.lib.providers.model import Delta, ModelAnswer
from tests.wires.script import DONE, Call, Reasoning, answer, chunk, event


def bytes_of(*parts: Any, **options: Any) -> bytes:
    return b"".join(step for step in answer(*parts, **options).steps if isinstance(step, bytes))


def decoded(data: bytes, size: int = 1_000_000) -> tuple[list[Delta], ChatDecoder]:
    decoder = ChatDecoder("openai", request_size=400)
    deltas = [delta for at in range(0, len(data), size) for delta in decoder.feed(data[at : at + size])]
    return deltas + decoder.end(), decoder


def answered(data: bytes) -> ModelAnswer:
    _, decoder = decoded(data)
    assert decoder.failure is None
    return decoder.answer()


def said(answer: ModelAnswer, kind: str = "message") -> str:
    item = next(item for item in answer.items if item["type"] == kind)
    return "".join(part.get("text") or part.get("refusal", "") for part in item.get("content") or item["summary"])


def calls(answer: ModelAnswer) -> list[tuple[str, str]]:
    return [(item["name"], item["arguments"]) for item in answer.items if item["type"] == "function_call"]


def tools(*parts: dict[str, Any], finish: str = "tool_calls") -> bytes:
    return b"".join(chunk({"tool_calls": [part]}) for part in parts) + chunk(finish_reason=finish) + DONE


def test_what_one_read_brought_is_one_delta_of_each_kind_in_order() -> None:
    deltas, _ = decoded(bytes_of(Reasoning("let me think"), "it is done"))

    assert deltas == [Delta("let me think", reasoning=True), Delta("it is done")]


@pytest.mark.parametrize("size", [1, 2, 7, 64])
def test_deltas_add_up_to_the_message_at_any_split(size: int) -> None:
    data = bytes_of(Reasoning("warum "), "<think>grübel</think>Es ist 😀 vollbracht.", Call("go", {"to": "Köln"}))

    deltas, decoder = decoded(data, size)

    assert "".join(d.text for d in deltas if not d.reasoning) == "Es ist 😀 vollbracht." == said(decoder.answer())
    assert "".join(d.text for d in deltas if d.reasoning) == "warum grübel" == said(decoder.answer(), "reasoning")
    assert calls(decoder.answer()) == [("go", '{"to":"Köln"}')]
    assert decoder.answer().finish_reason == "tool_calls"


def test_items_stand_in_the_order_they_began() -> None:
    data = bytes_of(Reasoning("hm"), "I will look.", Call("look"), Call("listen"))

    assert [item["type"] for item in answered(data).items] == ["reasoning", "message", "function_call", "function_call"]


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning", "reasoning_text", "thinking"])
def test_reasoning_is_known_by_all_its_names(field: str) -> None:
    assert said(answered(bytes_of(Reasoning("hm hm", field), "yes")), "reasoning") == "hm hm"


def test_reasoning_under_two_names_counts_once() -> None:
    data = chunk({"reasoning": "hm", "reasoning_content": "hm", "content": ""}) + bytes_of("yes")

    assert said(answered(data), "reasoning") == "hm"


def test_content_in_typed_parts_is_read() -> None:
    parts = [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"type": "text", "text": "yes"}, 7]

    result = answered(chunk({"content": parts}) + chunk(finish_reason="stop") + DONE)

    assert (said(result, "reasoning"), said(result)) == ("hm", "yes")


def test_parallel_calls_are_put_together_by_index() -> None:
    data = tools(
        {"index": 0, "id": "a", "function": {"name": "f", "arguments": '{"x"'}},
        {"index": 1, "id": "b", "function": {"name": "g", "arguments": "{"}},
        {"index": 0, "function": {"arguments": ":1}"}},
        {"index": 1, "function": {"arguments": "}"}},
    )

    assert calls(answered(data)) == [("f", '{"x":1}'), ("g", "{}")]


def test_calls_without_index_are_told_apart_by_id() -> None:
    data = tools(
        {"id": "a", "function": {"name": "f", "arguments": '{"x"'}},
        {"id": "b", "function": {"name": "f", "arguments": "{}"}},
        {"id": "a", "function": {"arguments": ":1}"}},
    )

    assert calls(answered(data)) == [("f", '{"x":1}'), ("f", "{}")]


def test_calls_without_index_and_id_are_told_apart_by_name() -> None:
    data = tools(
        {"function": {"name": "f", "arguments": '{"x":'}},
        {"function": {"arguments": "1}"}},
        {"function": {"name": "f", "arguments": {"y": 2}}},
    )

    assert calls(answered(data)) == [("f", '{"x":1}'), ("f", '{"y":2}')]


def test_whole_calls_in_one_chunk_without_index_are_separate() -> None:
    parts = [{"function": {"name": "f", "arguments": ""}}, {"function": {"name": "f", "arguments": ""}}]

    assert calls(answered(chunk({"tool_calls": parts}, "tool_calls") + DONE)) == [("f", "{}"), ("f", "{}")]


def test_calls_that_all_use_index_zero_are_separate() -> None:
    data = tools(
        {"index": 0, "id": "a", "function": {"name": "f", "arguments": '{"x":1}'}},
        {"index": 0, "id": "b", "function": {"name": "f", "arguments": '{"x":2}'}},
    )

    assert calls(answered(data)) == [("f", '{"x":1}'), ("f", '{"x":2}')]


def test_a_name_and_id_that_are_repeated_in_every_part_are_one_call() -> None:
    part = {"index": 0, "id": "a"}
    data = tools(
        {**part, "function": {"name": "f", "arguments": '{"x'}},
        {**part, "function": {"name": "f", "arguments": '":1}'}},
    )

    assert calls(answered(data)) == [("f", '{"x":1}')]


def test_the_old_function_call_is_read() -> None:
    data = chunk({"function_call": {"name": "f", "arguments": '{"x":'}}) + chunk({"function_call": {"arguments": "1}"}})

    assert calls(answered(data + chunk(finish_reason="function_call") + DONE)) == [("f", '{"x":1}')]


def test_call_ids_are_ours_and_never_repeat() -> None:
    items = answered(bytes_of(Call("f", id=""), Call("g", id="same"), Call("h", id="same"))).items
    ids = [item["call_id"] for item in items]

    assert len(set(ids)) == 3
    assert all(len(each) == 9 and each.isalnum() for each in ids)


def test_arguments_that_are_no_object_are_kept_as_they_came() -> None:
    assert calls(answered(bytes_of(Call("f", "not json"), Call("g", "[1]")))) == [("f", "not json"), ("g", "[1]")]


def test_half_a_call_at_the_length_limit_is_left_out() -> None:
    result = answered(bytes_of("So. ", Call("f", {"x": 1}), Call("g", '{"half'), finish_reason="length"))

    assert (calls(result), said(result), result.finish_reason) == ([("f", '{"x":1}')], "So. ", "length")


@pytest.mark.parametrize(
    ("reason", "ours"),
    [
        ("stop", "stop"),
        ("length", "length"),
        ("content_filter", "content_filter"),
        ("eos", "stop"),
        ("MAX_TOKENS", "length"),
    ],
)
def test_finish_reasons_are_in_our_words(reason: str, ours: str) -> None:
    assert answered(bytes_of("hello", finish_reason=reason)).finish_reason == ours


def test_calls_make_the_reason_tool_calls_whatever_the_server_says() -> None:
    assert answered(bytes_of(Call("f"), finish_reason="stop")).finish_reason == "tool_calls"
    assert answered(bytes_of("no calls", finish_reason="tool_calls")).finish_reason == "stop"


def test_a_refusal_is_visible_and_named() -> None:
    data = chunk({"refusal": "I can"}) + chunk({"refusal": "not."}) + chunk(finish_reason="stop") + DONE

    deltas, decoder = decoded(data)

    assert deltas == [Delta("I cannot.")]
    assert decoder.answer().finish_reason == "refusal"
    assert decoder.answer().items[0]["content"] == [{"type": "refusal", "refusal": "I cannot."}]


@pytest.mark.parametrize(("reason", "kind"), [("error", "server"), ("abort", "cut")])
def test_a_finish_reason_can_be_a_failure(reason: str, kind: str) -> None:
    deltas, decoder = decoded(bytes_of("half an", finish_reason=reason))

    assert deltas == [Delta("half an")]
    assert decoder.failure is not None
    assert decoder.failure.reason == kind


USAGE = {
    "prompt_tokens": 100,
    "completion_tokens": 20,
    "prompt_tokens_details": {"cached_tokens": 60},
    "completion_tokens_details": {"reasoning_tokens": 12},
}


@pytest.mark.parametrize(
    "last",
    [
        event({"choices": [], "usage": USAGE}),
        event({"choices": [], "x_groq": {"usage": USAGE}}),
        event({"choices": [{"index": 0, "delta": {}, "usage": USAGE}]}),
        event({"choices": [], "usage": USAGE}) + event({"choices": [], "usage": None}),
    ],
)
def test_usage_is_found_where_servers_put_it(last: bytes) -> None:
    usage = answered(chunk({"content": "hi"}) + chunk(finish_reason="stop") + last + DONE).usage

    assert (usage.input_tokens, usage.output_tokens, usage.cached_tokens, usage.reasoning_tokens) == (100, 20, 60, 12)
    assert usage.source == "provider"


@pytest.mark.parametrize("nonsense", [None, {}, {"prompt_tokens": "many", "completion_tokens": 1}, [1], 7])
def test_usage_that_nobody_told_is_estimated(nonsense: Any) -> None:
    data = chunk({"content": "x" * 40}) + chunk(finish_reason="stop", usage=nonsense) + DONE

    usage = answered(data).usage

    assert (usage.input_tokens, usage.output_tokens, usage.source) == (100, 10, "estimated")


def test_the_reason_without_the_end_marker_is_enough() -> None:
    assert said(answered(bytes_of("whole", done=False))) == "whole"


def test_the_end_marker_without_a_reason_is_enough() -> None:
    assert answered(bytes_of("whole", finish_reason=None)).finish_reason == "stop"


def test_what_follows_the_end_marker_is_not_read() -> None:
    assert said(answered(bytes_of("whole") + b"data: garbage\n\n")) == "whole"


@pytest.mark.parametrize("end", [b"", b"data: {", b'data: {"choices":[{"delta":{"content":"more"}}'])
def test_a_polite_end_without_marker_is_a_cut(end: bytes) -> None:
    deltas, decoder = decoded(bytes_of("half an", finish_reason=None, done=False) + end)

    assert deltas == [Delta("half an")]
    assert decoder.failure is not None
    assert decoder.failure.reason is ProviderErrorKind.CUT


@pytest.mark.parametrize(
    ("bad", "kind"),
    [
        (b"data: not json\n\n", "malformed"),
        (b"data: [1]\n\n", "malformed"),
        (b'data: {"choices": 7}\n\n', "malformed"),
        (b'data: {"choices":[{"delta":{"content":"\xff"}}]}\n\n', "malformed"),
        (b"data: " + b"[" * 100_000 + b"\n\n", "malformed"),
        (b"data: [DONE]\n\n", "malformed"),
        (b'data: {"error":{"message":"sk-key","type":"overloaded_error"}}\n\n', "overloaded"),
        (b'data: {"error":{"message":"sk-key","code":429}}\n\n', "rate_limit"),
        (b'data: {"error":"boom"}\n\n', "server"),
        (b'data: {"choices":"x","error":{"code":"context_length_exceeded"}}\n\n', "too_large"),
        (b'data: {"object":"error","message":"boom","code":400}\n\n', "bad_request"),
        (b'event: error\ndata: {"message":"boom"}\n\n', "server"),
        (b"event: error\ndata: boom\n\n", "server"),
    ],
)
def test_what_is_not_an_answer_is_a_failure_of_its_kind(bad: bytes, kind: str) -> None:
    _, decoder = decoded(bad)

    assert decoder.failure is not None
    assert decoder.failure.reason == kind
    assert "sk-key" not in decoder.failure.detail
    assert "boom" not in decoder.failure.detail


def test_text_before_a_failure_is_not_lost() -> None:
    deltas, decoder = decoded(bytes_of("so far", finish_reason=None, done=False) + b"data: oops\n\n")

    assert deltas == [Delta("so far")]
    assert decoder.failure is not None


def test_unknown_events_and_fields_change_nothing() -> None:
    odd = event({"type": "ping", "at": 7}) + event({"choices": [], "prompt_filter_results": [{}]}) + b": comment\n\n"

    assert said(answered(odd + bytes_of("fine") + odd)) == "fine"


def test_a_second_choice_is_not_ours() -> None:
    other = event({"choices": [{"index": 1, "delta": {"content": "other"}}]})

    assert said(answered(other + bytes_of("ours"))) == "ours"


def test_half_an_escaped_character_waits_for_its_other_half() -> None:
    halves = (
        rb'data: {"choices":[{"delta":{"content":"a\ud83d"}}]}',
        rb'data: {"choices":[{"delta":{"content":"\ude00b"}}]}',
    )
    data = b"".join(half + b"\n\n" for half in halves) + bytes_of(" end")

    deltas, decoder = decoded(data, 60)

    assert said(decoder.answer()) == "a😀b end" == "".join(delta.text for delta in deltas)


def test_a_lone_half_of_a_character_is_replaced() -> None:
    data = rb'data: {"choices":[{"delta":{"content":"a\ud83d"},"finish_reason":"stop"}]}' + b"\n\n" + DONE

    result = answered(data)

    assert said(result) == "a\ufffd"
    assert msgspec.json.encode(result)


def test_nul_becomes_a_character_that_databases_take() -> None:
    assert said(answered(chunk({"content": "a\x00b"}) + bytes_of("c"))) == "a\ufffdbc"


def test_a_whole_body_is_read_like_a_stream() -> None:
    message = {
        "role": "assistant",
        "content": "whole",
        "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": "{}"}}],
    }
    body = msgspec.json.encode(
        {"choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}], "usage": USAGE}
    )
    decoder = ChatDecoder("openai", request_size=1)

    deltas = decoder.feed_whole(body) + decoder.end()

    assert deltas == [Delta("whole")]
    assert calls(decoder.answer()) == [("f", "{}")]
    assert decoder.answer().usage.input_tokens == 100


def test_an_endless_answer_is_refused() -> None:
    data = chunk({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f", "arguments": "x" * 1_000_000}}]})
    decoder = ChatDecoder("openai", request_size=1)

    for _ in range(40):
        decoder.feed(data)

    assert decoder.failure is not None
    assert decoder.failure.reason is ProviderErrorKind.MALFORMED


PIECES = [
    b"data: ",
    b"\n",
    b"\n\n",
    b"\r",
    b"[DONE]",
    b"{",
    b"}",
    b'{"choices":[{"delta":',
    b'"content":"a"',
    b"\xff",
    b"null",
]


@given(st.lists(st.sampled_from([*PIECES, chunk({"content": "a"}), DONE, chunk(finish_reason="stop")]), max_size=12))
def test_no_bytes_make_the_decoder_raise(pieces: list[bytes]) -> None:
    decoder = ChatDecoder("openai", request_size=1)

    deltas = [delta for piece in pieces for delta in decoder.feed(piece)] + decoder.end()

    assert decoder.failure is not None or decoder.settled
    if decoder.failure is None and deltas:
        assert said(decoder.answer()) == "".join(delta.text for delta in deltas)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["choices", "delta", "content", "tool_calls", "function", "name", "index", "usage", "error"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.lists(JSON, max_size=4))
def test_no_json_makes_the_decoder_raise(values: list[Any]) -> None:
    _, decoder = decoded(b"".join(event(value) for value in values) + chunk(finish_reason="stop"))

    assert decoder.failure is not None or decoder.answer().items is not None
