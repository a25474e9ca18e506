"""What a provider's refusal means, told from its status, its headers and its body."""

from typing import Any

import msgspec
import pytest

from app.lib.providers.refusals import refused, reported

KEY = "sk-very-secret"
DATE = "Sat, 21 Nov 2026 12:00:00 GMT"


def kind(status: int, body: Any = None, **headers: str) -> str:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    data = body if isinstance(body, bytes) else msgspec.json.encode(body)
    error = refused("openai", status, named, data, key=KEY)
    assert (error.status, KEY in error.detail) == (status, False)
    return error.reason


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (201, "malformed"),
        (302, "malformed"),
        (400, "bad_request"),
        (401, "authentication"),
        (402, "permission"),
        (403, "permission"),
        (404, "not_found"),
        (408, "timeout"),
        (409, "server"),
        (413, "too_large"),
        (422, "bad_request"),
        (424, "server"),
        (429, "rate_limit"),
        (500, "server"),
        (502, "server"),
        (503, "overloaded"),
        (504, "timeout"),
        (529, "overloaded"),
    ],
)
def test_a_status_has_its_kind(status: int, reason: str) -> None:
    assert kind(status, {"error": {"message": f"{KEY} leaked"}}) == reason


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"error": {"code": "context_length_exceeded"}}, "too_large"),
        ({"error": {"type": "invalid_request_error", "message": "prompt is too long: 208310 > 200000"}}, "too_large"),
        ({"error": {"code": "model_not_found"}}, "not_found"),
        ({"error": {"code": "invalid_api_key"}}, "authentication"),
        ({"object": "error", "type": "NotFoundError", "code": None}, "not_found"),
        ({"error": {"type": "overloaded_error"}}, "bad_request"),
        ({"error": "?"}, "bad_request"),
        ([KEY], "bad_request"),
        (b"<html>", "bad_request"),
        (b"\xff" * 200_000, "bad_request"),
        (b"[" * 100_000, "bad_request"),
    ],
)
def test_a_bad_request_may_say_why(body: Any, reason: str) -> None:
    assert kind(400, body) == reason


@pytest.mark.parametrize(
    ("status", "name", "reason"),
    [
        (400, "ValidationException", "bad_request"),
        (400, "ServiceQuotaExceededException", "rate_limit"),
        (403, "AccessDeniedException", "permission"),
        (403, "UnrecognizedClientException", "authentication"),
        (403, "InvalidSignatureException", "authentication"),
        (403, "ExpiredTokenException", "authentication"),
        (404, "ResourceNotFoundException", "not_found"),
        (408, "ModelTimeoutException", "timeout"),
        (424, "ModelErrorException", "server"),
        (429, "ThrottlingException", "rate_limit"),
        (429, "ModelNotReadyException", "overloaded"),
        (500, "InternalServerException", "server"),
        (503, "ServiceUnavailableException", "overloaded"),
    ],
)
def test_aws_says_it_in_a_header(status: int, name: str, reason: str) -> None:
    assert kind(status, {"message": "no"}, x_amzn_errortype=f"{name}:http://internal.amazon.com/coral/") == reason


def test_bedrock_says_in_words_that_a_conversation_is_too_long() -> None:
    body = {"message": "Input is too long for requested model."}

    assert kind(400, body, x_amzn_errortype="ValidationException") == "too_large"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ({"code": 502}, "server"),
        ({"code": "429"}, "rate_limit"),
        ({"status_code": 400, "code": "tool_use_failed"}, "bad_request"),
        ({"type": "RateLimitError"}, "rate_limit"),
        ({"type": "Too Many Requests"}, "rate_limit"),
        ({"type": "BadRequestError"}, "bad_request"),
        ({"code": "image_file_not_found"}, "bad_request"),
        ({"code": "cyber_policy_violation"}, "bad_request"),
        ({"code": "over_capacity"}, "overloaded"),
        ({"code": 200}, "server"),
        ({"type": ["?"]}, "server"),
        ("model 'x' not found", "not_found"),
        ({}, "server"),
    ],
)
def test_an_error_object_has_its_kind_however_it_is_spelt(error: Any, reason: str) -> None:
    assert reported("openai", error).reason == reason


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after-ms": "250"}, 0.25),
        ({"retry-after": "Sat, 21 Nov 2026 12:00:30 GMT", "date": DATE}, 30.0),
        ({"retry-after": "Sat, 21 Nov 2020 12:00:30 GMT", "date": DATE}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "inf"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_seconds(headers: dict[str, str], seconds: float | None) -> None:
    assert refused("openai", 429, headers, b"").retry_after == seconds


@pytest.mark.parametrize("header", ["x-request-id", "request-id", "x-amzn-requestid"])
def test_a_request_id_is_kept_unless_it_holds_the_key(header: str) -> None:
    assert refused("openai", 500, {header: "req-7"}, b"", key=KEY).upstream_request_id == "req-7"
    assert refused("openai", 500, {header: f"req-{KEY}"}, b"", key=KEY).upstream_request_id is None
    assert refused("openai", 500, {header: "a b"}, b"", key=KEY).upstream_request_id is None
