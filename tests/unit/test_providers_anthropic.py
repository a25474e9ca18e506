"""The messages wire's decoder: what servers send, without a server."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.lib.providers.anthropic.decode import AnthropicDecoder
from app.lib.providers.errors import ProviderErrorKind
from app.lib.providers.model import Delta, ModelAnswer
from tests.wires.anthropic import (
    Block,
    Cited,
    Other,
    Redacted,
    Thought,
    answer,
    begin,
    block,
    end,
    event,
    failure,
    message,
    stopped,
)
from tests.wires.script import Call


def bytes_of(*parts: Any, **options: Any) -> bytes:
    return b"".join(step for step in answer(*parts, **options).steps if isinstance(step, bytes))


def new_decoder() -> AnthropicDecoder:
    return AnthropicDecoder("anthropic", request_size=400, origin="o", prefix="p")


def decoded(data: bytes, size: int = 1_000_000) -> tuple[list[Delta], AnthropicDecoder]:
    decoder = new_decoder()
    deltas = [delta for at in range(0, len(data), size) for delta in decoder.feed(data[at : at + size])]
    return deltas + decoder.end(), decoder


def answered(data: bytes) -> ModelAnswer:
    _, decoder = decoded(data)
    assert decoder.failure is None
    return decoder.answer()


def texts(answer: ModelAnswer, kind: str = "message") -> list[str]:
    items = [item for item in answer.items if item["type"] == kind]
    return ["".join(p.get("text") or p.get("refusal", "") for p in i.get("content") or i["summary"]) for i in items]


def calls(answer: ModelAnswer) -> list[tuple[str, str]]:
    return [(item["name"], item["arguments"]) for item in answer.items if item["type"] == "function_call"]


def sealed(answer: ModelAnswer) -> list[dict[str, Any]]:
    kept = [item["encrypted_content"] for item in answer.items if item["type"] == "reasoning"]
    return [msgspec.json.decode(each.removeprefix("anthropic:")) for each in kept]


@pytest.mark.parametrize("size", [1, 2, 7, 64, 1_000_000])
def test_deltas_add_up_to_the_answer_at_any_split(size: int) -> None:
    data = bytes_of(Thought("warum denn nicht"), "Es ist 😀 vollbracht.", Call("go", {"to": "Köln"}), Call("stop"))

    deltas, decoder = decoded(data, size)

    result = decoder.answer()
    assert "".join(d.text for d in deltas if not d.reasoning) == "Es ist 😀 vollbracht." == texts(result)[0]
    assert "".join(d.text for d in deltas if d.reasoning) == "warum denn nicht" == texts(result, "reasoning")[0]
    assert calls(result) == [("go", '{"to":"Köln"}'), ("stop", "{}")]
    assert (result.finish_reason, result.response_id) == ("tool_calls", "msg_1")


def test_what_one_read_brought_is_one_delta_of_each_kind_in_order() -> None:
    deltas, _ = decoded(bytes_of(Thought("let me think"), "it is done"))

    assert deltas == [Delta("let me think", reasoning=True), Delta("it is done")]


def test_items_stand_in_the_order_of_their_blocks() -> None:
    result = answered(bytes_of(Thought("a"), "one", Redacted(), Thought("b"), Call("look"), "two"))

    assert [item["type"] for item in result.items] == [
        "reasoning",
        "message",
        "reasoning",
        "reasoning",
        "function_call",
        "message",
    ]


def test_each_thought_keeps_its_signature_and_where_it_is_from() -> None:
    result = answered(bytes_of(Thought("a", "sig-a"), Redacted("hidden"), Thought("", "sig-b"), "so"))

    assert sealed(result) == [
        {"origin": "o", "prefix": "p", "signature": "sig-a"},
        {"origin": "o", "prefix": "p", "redacted": "hidden"},
        {"origin": "o", "prefix": "p", "signature": "sig-b"},
    ]
    assert texts(result, "reasoning") == ["a", "", ""]


def test_a_thought_that_had_to_be_changed_has_no_signature_any_more() -> None:
    assert sealed(answered(bytes_of(Thought("a\x00b", "sig"), "so"))) == [
        {"origin": "o", "prefix": "p", "signature": ""}
    ]


def test_texts_that_follow_one_another_are_one_message_with_its_citations() -> None:
    page = {"type": "web_search_result_location", "url": "https://a.example", "title": "A", "cited_text": "x"}
    document = {"type": "char_location", "document_index": 0, "cited_text": "x"}

    result = answered(bytes_of("So. ", Cited("It is.", page), Cited(" Yes.", document)))

    (item,) = result.items
    assert item["content"] == [
        {
            "type": "output_text",
            "text": "So. It is. Yes.",
            "annotations": [
                {"type": "url_citation", "url": "https://a.example", "title": "A", "start_index": 4, "end_index": 10}
            ],
        }
    ]


@pytest.mark.parametrize(
    ("reason", "ours"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("pause_turn", "length"),
        ("refusal", "refusal"),
        ("tool_use", "stop"),
        ("something_new", "stop"),
        (None, "stop"),
    ],
)
def test_stop_reasons_are_in_our_words(reason: str | None, ours: str) -> None:
    assert answered(bytes_of("hello", stop=reason)).finish_reason == ours


@pytest.mark.parametrize("stop", ["max_tokens", "refusal", "model_context_window_exceeded", "pause_turn"])
def test_half_a_call_at_the_limit_is_left_out(stop: str) -> None:
    result = answered(bytes_of("So. ", Call("f", {"x": 1}), Call("g", '{"half'), Call("h", ""), stop=stop))

    assert (calls(result), texts(result)) == ([("f", '{"x":1}')], ["So. "])
    assert result.finish_reason in {"length", "refusal"}


def test_calls_make_the_reason_tool_calls_whatever_the_server_says() -> None:
    assert answered(bytes_of(Call("f"), stop="end_turn")).finish_reason == "tool_calls"


def test_arguments_that_are_no_object_are_kept_as_they_came() -> None:
    assert calls(answered(bytes_of(Call("f", "not json"), Call("g", "[1]")))) == [("f", "not json"), ("g", "[1]")]


def test_call_ids_are_ours_and_never_repeat() -> None:
    ids = [item["call_id"] for item in answered(bytes_of(Call("f", id="same"), Call("g", id="same"))).items]

    assert len(set(ids)) == 2
    assert "same" not in ids


def test_arguments_that_come_with_the_beginning_are_read() -> None:
    start = {"type": "tool_use", "id": "a", "name": "f", "input": {"x": 1}}
    data = begin() + event("content_block_start", index=0, content_block=start) + end("tool_use")

    assert calls(answered(data)) == [("f", '{"x":1}')]


def test_a_refusal_before_any_word_says_why_if_the_server_does() -> None:
    deltas, decoder = decoded(bytes_of(stop="refusal", type="refusal", explanation="That I cannot do."))

    assert deltas == [Delta("That I cannot do.")]
    assert decoder.answer().items[0]["content"] == [{"type": "refusal", "refusal": "That I cannot do."}]
    assert decoder.answer().finish_reason == "refusal"


def test_a_refusal_after_words_is_only_named() -> None:
    result = answered(bytes_of("Well", stop="refusal", type="refusal", explanation="No."))

    assert (texts(result), result.finish_reason) == (["Well"], "refusal")


def test_input_is_counted_with_what_came_from_the_cache_and_went_into_it() -> None:
    usage = answered(
        bytes_of(
            "hi",
            input_usage={
                "input_tokens": 10,
                "cache_read_input_tokens": 60,
                "cache_creation_input_tokens": 30,
                "output_tokens": 1,
            },
            output_usage={"output_tokens": 20, "output_tokens_details": {"thinking_tokens": 12}},
        )
    ).usage

    assert (usage.input_tokens, usage.cached_tokens, usage.output_tokens, usage.reasoning_tokens) == (100, 60, 20, 12)
    assert usage.source == "provider"


def test_later_counts_replace_earlier_ones_and_do_not_add_up() -> None:
    counts: list[dict[str, Any]] = [
        {"output_tokens": 3},
        {"input_tokens": 50, "cache_read_input_tokens": None, "output_tokens": 7},
    ]
    data = begin({"input_tokens": 40, "cache_read_input_tokens": 2, "output_tokens": 1}) + b"".join(block(0, "hi"))
    data += b"".join(stopped(usage=each) for each in counts) + event("message_stop")

    usage = answered(data).usage

    assert (usage.input_tokens, usage.output_tokens, usage.cached_tokens) == (52, 7, 2)


def test_what_a_cut_stream_used_is_told_as_far_as_it_is_known() -> None:
    data = begin({"input_tokens": 77, "output_tokens": 1}) + b"".join(block(0, Thought("x" * 40)))

    _, decoder = decoded(data + b"".join(block(1, "y" * 80)))

    usage = decoder.usage()
    assert (usage.input_tokens, usage.output_tokens, usage.reasoning_tokens) == (77, 30, 10)
    assert usage.source == "estimated"


@pytest.mark.parametrize("nonsense", [None, {}, {"input_tokens": "many"}, [1], 7])
def test_usage_that_nobody_told_is_estimated(nonsense: Any) -> None:
    data = event("message_start", message={"usage": nonsense}) + b"".join(block(0, "x" * 40))

    usage = answered(data + event("message_delta", delta={"stop_reason": "end_turn"}, usage=nonsense) + STOP).usage

    assert (usage.input_tokens, usage.output_tokens, usage.source) == (100, 10, "estimated")


STOP = event("message_stop")


@pytest.mark.parametrize("last", [b"", stopped(), b"data: {", b'event: message_stop\ndata: {"type":"mess'])
def test_a_polite_end_without_the_end_marker_is_a_cut(last: bytes) -> None:
    deltas, decoder = decoded(begin() + b"".join(block(0, "half an")) + last)

    assert deltas == [Delta("half an")]
    assert decoder.failure is not None
    assert decoder.failure.reason is ProviderErrorKind.CUT


def test_the_end_marker_may_lack_its_empty_line() -> None:
    assert texts(answered(bytes_of("whole").removesuffix(b"\n\n"))) == ["whole"]


def test_what_follows_the_end_marker_is_not_read() -> None:
    assert texts(answered(bytes_of("whole") + b"data: garbage\n\n")) == ["whole"]


@pytest.mark.parametrize(
    ("bad", "kind"),
    [
        (b"data: not json\n\n", "malformed"),
        (b"data: [1]\n\n", "malformed"),
        (b'data: {"type":"content_block_delta","index":"x"}\n\n', "malformed"),
        (b'data: {"type":"content_block_delta","delta":{"type":"text_delta","text":7}}\n\n', "malformed"),
        (b'data: {"type":"content_block_delta","delta":{"type":"text_delta","text":"\xff"}}\n\n', "malformed"),
        (b"data: " + b"[" * 100_000 + b"\n\n", "malformed"),
        (STOP, "malformed"),
        (failure("overloaded_error"), "overloaded"),
        (failure("rate_limit_error"), "rate_limit"),
        (failure("api_error"), "server"),
        (failure("authentication_error"), "authentication"),
        (failure("permission_error"), "permission"),
        (failure("billing_error"), "permission"),
        (failure("not_found_error"), "not_found"),
        (failure("request_too_large"), "too_large"),
        (failure("timeout_error"), "timeout"),
        (failure("invalid_request_error"), "bad_request"),
        (failure("invalid_request_error", "prompt is too long: 9 tokens > 8 maximum"), "too_large"),
        (b'data: {"error":{"type":"overloaded_error"}}\n\n', "overloaded"),
        (b"event: error\ndata: {}\n\n", "server"),
        (b"event: error\ndata: boom sk-secret\n\n", "server"),
        (b'data: {"type":"error"}\n\n', "server"),
    ],
)
def test_what_is_not_an_answer_is_a_failure_of_its_kind(bad: bytes, kind: str) -> None:
    _, decoder = decoded(bad)

    assert decoder.failure is not None
    assert decoder.failure.reason == kind
    assert "sk-secret" not in decoder.failure.detail


def test_text_before_a_failure_is_not_lost() -> None:
    deltas, decoder = decoded(begin() + b"".join(block(0, "so far")) + failure("overloaded_error"))

    assert deltas == [Delta("so far")]
    assert decoder.failure is not None


def test_unknown_events_blocks_deltas_and_fields_change_nothing() -> None:
    odd = event("novelty", delta=[7], index="x") + b": comment\n\n" + event("content_block_start", content_block=7)
    data = begin() + odd
    parts: list[Block] = [
        "fi",
        Other({"type": "server_tool_use", "id": "s", "name": "web_search"}, {"type": "input_json_delta"}),
        Other({"type": "text", "text": ""}, {"type": "novelty_delta", "text": 7}),
        Other({"type": "novelty"}, {"type": "text_delta", "text": "no"}),
        "ne",
    ]
    for index, part in enumerate(parts):
        data += b"".join(block(index, part)) + odd
    data += event("content_block_stop", index=99) + event("content_block_delta", index=0)

    result = answered(data + odd + end())

    assert texts(result) == ["fine"]
    assert [item["type"] for item in result.items] == ["message"]


def test_a_text_whose_beginning_was_left_out_is_read() -> None:
    delta = event("content_block_delta", index=0, delta={"type": "text_delta", "text": "hi"})

    assert texts(answered(begin() + delta + delta + end())) == ["hihi"]


def test_half_an_escaped_character_waits_for_its_other_half() -> None:
    halves = (
        rb'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a\ud83d"}}',
        rb'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"\ude00b"}}',
    )
    deltas, decoder = decoded(begin() + b"".join(half + b"\n\n" for half in halves) + end(), 60)

    assert texts(decoder.answer()) == ["a😀b"]
    assert "".join(delta.text for delta in deltas) == "a😀b"
    assert msgspec.json.encode(decoder.answer())


def test_a_whole_body_is_read_like_a_stream() -> None:
    content: list[dict[str, Any]] = [
        {"type": "thinking", "thinking": "hm", "signature": "sig"},
        {"type": "text", "text": "whole"},
        {"type": "tool_use", "id": "a", "name": "f", "input": {"x": 1}},
    ]
    usage = {"input_tokens": 9, "output_tokens": 4}
    decoder = new_decoder()

    deltas = decoder.feed_whole(msgspec.json.encode(message(content, stop_reason="tool_use", usage=usage)))

    assert deltas + decoder.end() == [Delta("hm", reasoning=True), Delta("whole")]
    assert decoder.failure is None
    result = decoder.answer()
    assert (calls(result), result.usage.input_tokens, result.usage.output_tokens) == ([("f", '{"x":1}')], 9, 4)


def test_an_endless_answer_is_refused() -> None:
    decoder = new_decoder()
    decoder.feed(begin())

    for index in range(40):
        decoder.feed(b"".join(block(index, Call("f", "x" * 1_000_000))))

    assert decoder.failure is not None
    assert decoder.failure.reason is ProviderErrorKind.MALFORMED


PIECES = [b"data: ", b"event: error", b"\n", b"\n\n", b"\r", b"{", b"}", b'{"type":"message_stop"', b"\xff", b"null"]


@given(st.lists(st.sampled_from([*PIECES, begin(), *block(0, "a"), stopped(), STOP]), max_size=12))
def test_no_bytes_make_the_decoder_raise(pieces: list[bytes]) -> None:
    decoder = new_decoder()

    deltas = [delta for piece in pieces for delta in decoder.feed(piece)] + decoder.end()

    assert decoder.failure is not None or decoder.done
    if decoder.failure is None and deltas:
        assert "".join(texts(decoder.answer())) == "".join(delta.text for delta in deltas)


NAMES = [
    "type",
    "index",
    "delta",
    "text",
    "content_block",
    "message",
    "usage",
    "input",
    "signature",
    "citation",
    "error",
]
KINDS = ["content_block_start", "content_block_delta", "message_start", "message_delta", "text", "tool_use", "thinking"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from([*KINDS, "text_delta", "input_json_delta", "\ud83d"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=12,
)


@given(st.lists(st.dictionaries(st.sampled_from(NAMES), JSON, max_size=4), max_size=4))
def test_no_json_makes_the_decoder_raise(values: list[dict[str, Any]]) -> None:
    data = b"".join(b"data: %b\n\n" % msgspec.json.encode(_sound(value)) for value in values)

    _, decoder = decoded(data + bytes_of("a"))

    assert decoder.failure is not None or msgspec.json.encode(decoder.answer())


def _sound(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    if isinstance(value, dict):
        return {name: _sound(member) for name, member in value.items()}
    return [_sound(member) for member in value] if isinstance(value, list) else value
