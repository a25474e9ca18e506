"""The four wires side by side: what a test needs to say the same of each of them."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

import msgspec

from app.lib.providers.credentials import ApiKey, Credential
from tests.wires import anthropic, bedrock, responses, script
from tests.wires.anthropic import anthropic_server
from tests.wires.bedrock import bedrock_server
from tests.wires.chat import ChatWire, chat_server
from tests.wires.responses import responses_server
from tests.wires.script import Script, Step

KEY = "sk-very-secret"
NO = f"{KEY} said: no"
"""What no user may be shown."""


@dataclass(frozen=True)
class Dialect:
    provider: str
    model: str
    """The provider's own name of it."""
    serve: Callable[[], AbstractAsyncContextManager[ChatWire]]
    base_url: Callable[[ChatWire], str]
    answer: Callable[..., Script]
    thought: Callable[[str], Any]
    cut_off: dict[str, Any]
    """How `answer` says that the length limit was reached."""
    unfinished: dict[str, Any]
    """How `answer` leaves out the end."""
    overloaded: bytes
    """An error in the middle of a stream."""
    bad_json: bytes
    bad_utf8: bytes
    content_type: str = "text/event-stream"

    def begun(self, *parts: Any) -> tuple[Step, ...]:
        """An answer without its end."""
        return self.answer(*parts, **self.unfinished).steps

    def credential(self, wire: ChatWire, *, lent: bool = False) -> Credential:
        return Credential(provider=self.provider, base_url=self.base_url(wire), api_key=ApiKey(KEY), lent=lent)


def _sse(data: bytes) -> bytes:
    return b"data: %b\n\n" % data


def _frame(data: bytes) -> bytes:
    return bedrock.frame(data, event_type="contentBlockDelta", message_type="event")


DIALECTS = [
    Dialect(
        provider="openai",
        model="some-model",
        serve=chat_server,
        base_url=lambda wire: wire.url,
        answer=script.answer,
        thought=script.Reasoning,
        cut_off={"finish_reason": "length"},
        unfinished={"finish_reason": None, "done": False},
        overloaded=script.event({"error": {"type": "overloaded_error", "message": NO}}),
        bad_json=_sse(b'{"choices":[{"delta":'),
        bad_utf8=_sse(b'{"choices":[{"delta":{"content":"\xc3"}}]}'),
    ),
    Dialect(
        provider="openai_responses",
        model="some-model",
        serve=responses_server,
        base_url=lambda wire: wire.url,
        answer=responses.answer,
        thought=responses.Thought,
        cut_off={"incomplete": "max_output_tokens"},
        unfinished={"done": False},
        overloaded=responses.event("error", code="server_overloaded", message=NO, param=None),
        bad_json=_sse(b'{"type":"response.output_text.delta","delta":'),
        bad_utf8=_sse(b'{"type":"response.output_text.delta","delta":"\xc3"}'),
    ),
    Dialect(
        provider="anthropic",
        model="claude-haiku-4-5",
        serve=anthropic_server,
        base_url=anthropic.base_url,
        answer=anthropic.answer,
        thought=anthropic.Thought,
        cut_off={"stop": "max_tokens"},
        unfinished={"done": False},
        overloaded=anthropic.failure("overloaded_error", NO),
        bad_json=_sse(b'{"type":"content_block_delta","delta":'),
        bad_utf8=_sse(b'{"type":"content_block_delta","delta":{"text":"\xc3"}}'),
    ),
    Dialect(
        provider="bedrock",
        model="anthropic.claude-sonnet-4-5-20250929-v1:0",
        serve=bedrock_server,
        base_url=bedrock.base_url,
        answer=bedrock.answer,
        thought=bedrock.Thought,
        cut_off={"stop": "max_tokens"},
        unfinished={"stop": None},
        overloaded=bedrock.exception("serviceUnavailableException", NO),
        bad_json=_frame(b'{"delta":'),
        bad_utf8=_frame(b'{"delta":{"text":"\xc3"}}'),
        content_type=bedrock.CONTENT_TYPE,
    ),
]


def body(**members: Any) -> bytes:
    return msgspec.json.encode(members)
