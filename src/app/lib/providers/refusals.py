"""What a provider's refusal means, in our words.

A provider's body is read to tell kinds apart and never repeated: it may quote the prompt, the key or its own insides.
"""

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from math import isfinite
from typing import Any

import msgspec

from app.lib.providers.errors import ProviderError, ProviderErrorKind
from app.lib.providers.faults import kind_of_fault

Kind = ProviderErrorKind

_BY_STATUS = {
    401: Kind.AUTHENTICATION,
    402: Kind.PERMISSION,
    403: Kind.PERMISSION,
    404: Kind.NOT_FOUND,
    408: Kind.TIMEOUT,
    409: Kind.SERVER,
    413: Kind.TOO_LARGE,
    424: Kind.SERVER,
    429: Kind.RATE_LIMIT,
    498: Kind.OVERLOADED,
    503: Kind.OVERLOADED,
    504: Kind.TIMEOUT,
    524: Kind.TIMEOUT,
    529: Kind.OVERLOADED,
}
_BY_WORD = (
    ("contextlength", Kind.TOO_LARGE),
    ("overloaded", Kind.OVERLOADED),
    ("unavailable", Kind.OVERLOADED),
    ("capacity", Kind.OVERLOADED),
    ("ratelimit", Kind.RATE_LIMIT),
    ("toomanyrequests", Kind.RATE_LIMIT),
    ("insufficientquota", Kind.RATE_LIMIT),
    ("resourceexhausted", Kind.RATE_LIMIT),
    ("image", Kind.BAD_REQUEST),
    ("toolarge", Kind.TOO_LARGE),
    ("apikey", Kind.AUTHENTICATION),
    ("authentication", Kind.AUTHENTICATION),
    ("unauthorized", Kind.AUTHENTICATION),
    ("permission", Kind.PERMISSION),
    ("forbidden", Kind.PERMISSION),
    ("billing", Kind.PERMISSION),
    ("residency", Kind.PERMISSION),
    ("notfound", Kind.NOT_FOUND),
    ("timeout", Kind.TIMEOUT),
    ("invalidrequest", Kind.BAD_REQUEST),
    ("badrequest", Kind.BAD_REQUEST),
    ("invalidprompt", Kind.BAD_REQUEST),
    ("policy", Kind.BAD_REQUEST),
)
"""Of lower-case letters alone, since one says `rate_limit_error`, the next `RateLimitError` and a third it in words."""
_NO_LETTER = re.compile(r"[^a-z]+")
_TOO_LONG = "prompt is too long"
"""What Anthropic says of a conversation that is: in the message, and nowhere else."""
_SAID = {
    Kind.BAD_REQUEST: "did not accept the request",
    Kind.AUTHENTICATION: "did not accept the key",
    Kind.PERMISSION: "does not let this key use the model",
    Kind.NOT_FOUND: "does not know the model, or has nothing at this address",
    Kind.TOO_LARGE: "takes no conversation of this size",
    Kind.RATE_LIMIT: "takes no more requests from this key for now",
    Kind.OVERLOADED: "is overloaded",
    Kind.SERVER: "failed",
    Kind.TIMEOUT: "took too long",
    Kind.UNREACHABLE: "could not be reached",
    Kind.CUT: "broke off in the middle of its answer",
    Kind.MALFORMED: "sent something that is not an answer",
    Kind.RESTING: "has failed for several users just now and is left alone for a moment",
}
_REQUEST_ID_HEADERS = ("x-request-id", "request-id", "x-amzn-requestid")
_REQUEST_ID = re.compile(r"[\w.:-]{1,128}")
_LONGEST_WAIT = 86_400.0
_NO = r"(\bnot\b|n't\b|\bunsupported\b|\bdisabled\b)"
_NO_STREAMS = re.compile(
    rf"\bstream(s|ing)?\b.{{0,60}}{_NO}|{_NO}.{{0,60}}\bstream(s|ing)?\b", re.IGNORECASE | re.DOTALL
)
_A_STATUS = re.compile(r"[45]\d\d")
_ERROR, _SERVER_ERROR = 400, 500


def trouble(provider: str, kind: Kind, **about: Any) -> ProviderError:
    """The error of a kind, in one sentence."""
    status = about.get("status")
    return ProviderError(kind, f"{provider} {_SAID[kind]}{f' ({status})' if status else ''}.", **about)


def refused(provider: str, status: int, headers: Mapping[str, str], body: bytes, *, key: str = "") -> ProviderError:
    """A response whose status is not 200."""
    kind = kind_of_fault(headers.get("x-amzn-errortype", ""), body) or _kind_of_status(status)
    if kind is Kind.BAD_REQUEST:
        try:
            said = _kind_of_words(msgspec.json.decode(body))
        except (ValueError, RecursionError):
            said = None
        # A body may say more exactly what was wrong with the request, but not that the request was right.
        kind = said if said in {Kind.TOO_LARGE, Kind.AUTHENTICATION, Kind.NOT_FOUND} else kind
    return trouble(
        provider, kind, status=status, retry_after=retry_after(headers), upstream_request_id=request_id(headers, key)
    )


def refuses_streams(status: int, body: bytes) -> bool:
    """Whether a refusal says that it is the streaming that it does not like."""
    if _kind_of_status(status) is not Kind.BAD_REQUEST:
        return False
    try:
        said = msgspec.json.decode(body)
    except (ValueError, RecursionError):
        return False
    error = said.get("error", said) if isinstance(said, dict) else said
    if isinstance(error, dict) and error.get("param") == "stream":
        return True
    message = error.get("message") or error.get("detail") if isinstance(error, dict) else error
    return _NO_STREAMS.search(str(message)) is not None


def reported(provider: str, error: Any) -> ProviderError:
    """An error object where an answer was due: in a body with status 200, or in the middle of a stream."""
    return trouble(provider, _kind_of_words(error) or Kind.SERVER)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds, from any of the forms in use. A date counts from the response's own, so that clocks need not agree."""
    for header, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        value = headers.get(header, "")
        try:
            seconds = float(value) * unit
        except ValueError:
            continue
        return min(max(seconds, 0.0), _LONGEST_WAIT) if isfinite(seconds) else None
    try:
        wait = parsedate_to_datetime(headers["retry-after"]) - parsedate_to_datetime(headers["date"])
    except (KeyError, ValueError, TypeError):
        return None
    return min(max(wait.total_seconds(), 0.0), _LONGEST_WAIT)


def request_id(headers: Mapping[str, str], key: str = "") -> str | None:
    for header in _REQUEST_ID_HEADERS:
        value = headers.get(header, "")
        if _REQUEST_ID.fullmatch(value) and not (key and key in value):
            return value
    return None


def _kind_of_status(status: int) -> Kind:
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status >= _SERVER_ERROR:
        return Kind.SERVER
    # What is neither an answer nor an error (a redirect, which is never followed) is not this protocol.
    return Kind.BAD_REQUEST if status >= _ERROR else Kind.MALFORMED


def _kind_of_words(body: Any) -> Kind | None:
    error = body.get("error", body) if isinstance(body, dict) else body
    if isinstance(error, dict) and _TOO_LONG in str(error.get("message")):
        return Kind.TOO_LARGE
    names = ("code", "type", "status", "status_code")
    fields = [str(error.get(name) or "") for name in names] if isinstance(error, dict) else [str(error)]
    for value in fields:
        if _A_STATUS.fullmatch(value):
            return _kind_of_status(int(value))
    words = " ".join(_NO_LETTER.sub("", value.lower()) for value in fields)
    return next((kind for word, kind in _BY_WORD if word in words), None)
