"""The Bedrock wire's decoder: what ends an answer, and what breaks it off."""

import pytest

from app.lib.providers.bedrock.decode import BedrockDecoder
from app.lib.providers.bedrock.sealed import Origin
from app.lib.providers.model import Delta
from tests.wires.bedrock import answer, delta, event, exception, frame
from tests.wires.script import Step

BEGUN = answer("half an ans", stop=None).steps
ERROR = frame(b"", message_type="error", error_code="internalError", error_message="no")


def decoded(*steps: Step) -> tuple[str, BedrockDecoder]:
    decoder = BedrockDecoder("bedrock", origin=Origin("m", "p"), request_size=400)
    deltas: list[Delta] = [each for step in steps if isinstance(step, bytes) for each in decoder.feed(step)]
    return "".join(each.text for each in deltas + decoder.end()), decoder


def reason(decoder: BedrockDecoder) -> str:
    assert decoder.failure is not None
    assert "sk-secret" not in decoder.failure.detail
    return decoder.failure.reason


@pytest.mark.parametrize(
    ("after", "kind"),
    [
        (exception("modelTimeoutException"), "timeout"),
        (exception("validationException", "Input is too long"), "too_large"),
        (exception("newException"), "server"),
        (ERROR, "server"),
        (frame(b"{]", event_type="contentBlockDelta", message_type="event"), "malformed"),
        (frame(b'{"usage":"\xc3"}', event_type="metadata", message_type="event"), "malformed"),
        (b"<html>Welcome to the proxy</html>", "malformed"),
        (delta(0, text=" more")[:-1], "cut"),
        (delta(0, text=" more")[:9], "cut"),
        (b"", "cut"),
    ],
)  # fmt: skip
def test_a_stream_that_breaks_off_keeps_its_text(after: bytes, kind: str) -> None:
    text, decoder = decoded(*BEGUN, after)

    assert (text, reason(decoder)) == ("half an ans", kind)


@pytest.mark.parametrize("at", [0, 9, 20, 70, -1])
def test_a_changed_bit_is_noticed(at: int) -> None:
    broken = bytearray(delta(0, text=" and more of it, in a longer piece"))
    broken[at] ^= 1

    text, decoder = decoded(*BEGUN, bytes(broken), event("messageStop", stopReason="end_turn"))

    assert (text, reason(decoder)) == ("half an ans", "malformed")


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"message":"sk-secret"}', "malformed"),
        (b'{"__type":"a.b#ThrottlingException"}', "rate_limit"),
        (b'{"__type":"a.b#NewException"}', "server"),
        (b"{]", "malformed"),
    ],
)
def test_a_body_that_is_json_is_no_answer(body: bytes, kind: str) -> None:
    _, decoder = decoded()
    decoder.failure = None
    decoder.feed_whole(body)

    assert reason(decoder) == kind


@pytest.mark.parametrize(
    ("stop", "finish"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("guardrail_intervened", "content_filter"),
        ("content_filtered", "content_filter"),
        ("refusal", "refusal"),
        ("of_a_later_day", "stop"),
    ],
)
def test_a_stop_reason_has_its_name(stop: str, finish: str) -> None:
    _, decoder = decoded(*answer("Well.", stop=stop).steps)

    assert decoder.answer().finish_reason == finish


def test_what_breaks_behind_a_whole_answer_takes_nothing_from_it() -> None:
    text, decoder = decoded(*BEGUN, event("messageStop", stopReason="end_turn"), ERROR, b"<html>")

    assert (text, decoder.failure, decoder.answer().usage.source) == ("half an ans", None, "estimated")


def test_halves_of_a_character_are_joined() -> None:
    def piece(text: bytes) -> bytes:
        return frame(b'{"delta":{"text":"%b"}}' % text, event_type="contentBlockDelta", message_type="event")

    assert decoded(piece(rb"\ud83d"), piece(rb"\ude00"), event("messageStop", stopReason="end_turn"))[0] == "😀"
