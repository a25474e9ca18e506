"""Everything that is sent in A2A, held to the schemas, whoever asked: an application around the application.

A server of the tests runs inside it, so no answer gets past: not one to an SDK's client either.
"""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any

import httpx
import msgspec

from tests.a2a_schemas import NEW, OLD, OLD_REST, OLDEST, Misfit, check, check_card, knows

RESULTS = {
    "SendMessage": "SendMessageResponse",
    "SendStreamingMessage": "StreamResponse",
    "SubscribeToTask": "StreamResponse",
    "GetTask": "Task",
    "CancelTask": "Task",
    "ListTasks": "ListTasksResponse",
    "CreateTaskPushNotificationConfig": "TaskPushNotificationConfig",
    "GetTaskPushNotificationConfig": "TaskPushNotificationConfig",
    "ListTaskPushNotificationConfigs": "ListTaskPushNotificationConfigsResponse",
    "GetExtendedAgentCard": "AgentCard",
}
OLD_ANSWERS = {
    "message/send": "SendMessageResponse",
    "message/stream": "SendStreamingMessageResponse",
    "tasks/resubscribe": "SendStreamingMessageResponse",
    "tasks/get": "GetTaskResponse",
    "tasks/cancel": "CancelTaskResponse",
    "tasks/pushNotificationConfig/set": "SetTaskPushNotificationConfigResponse",
    "tasks/pushNotificationConfig/get": "GetTaskPushNotificationConfigResponse",
    "tasks/pushNotificationConfig/list": "ListTaskPushNotificationConfigResponse",
    "tasks/pushNotificationConfig/delete": "DeleteTaskPushNotificationConfigResponse",
    "agent/getAuthenticatedExtendedCard": "GetAuthenticatedExtendedCardResponse",
}
_CARDS = re.compile(
    r"/\.well-known/agent(-card)?\.json|/a2a|(/a2a(/agents/[^/]+)?)?/agent/authenticatedExtendedCard"
    r"|/a2a/agents/[^/]+/(card|\.well-known/agent-card\.json)"
)
_RPC = re.compile(r"/a2a(/agents/[^/]+)?")
_REST = re.compile(r"/a2a(?:/agents/[^/]+)?/v1(/.*)")
_REST_ANSWERS = [
    (r"POST /message:send", "SendMessageResponse"),
    (r"POST /message:stream", "StreamResponse"),
    (r"(GET|POST) /tasks/[^/]+:subscribe", "StreamResponse"),
    (r"POST /tasks/[^/]+:cancel", "Task"),
    (r"GET /tasks/[^/:]+", "Task"),
    (r"GET /tasks", "ListTasksResponse"),
    (r"GET /tasks/[^/]+/pushNotificationConfigs", "ListTaskPushNotificationConfigsResponse"),
    (r"(POST /tasks/[^/]+/pushNotificationConfigs|GET /tasks/.*/[^/]+)", "TaskPushNotificationConfig"),
    (r"DELETE /tasks/[^/]+/pushNotificationConfigs/[^/]+", ""),
    (r"GET /(card|extendedAgentCard)", "AgentCard"),
]
_FEED = {
    "task.created": {"task"},
    "task.completed": {"task"},
    "task.status": {"taskId", "status"},
    "task.progress": {"taskId", "partialResult"},
    "task.error": {"taskId", "error"},
}


class Exchange:
    """A request and what is said to it, piece by piece. Nothing of what is no A2A."""

    def __init__(self, method: str, path: str, version: str) -> None:
        self._method = method
        self._path = path
        self._old = version.startswith("0") or not version
        self._media_type = ""
        self._status = 0
        self._body = b""
        self.asked = b""

    @staticmethod
    def concerns(path: str) -> bool:
        return path.startswith(("/a2a", "/.well-known/agent", "/agent/"))

    def begin(self, status: int, media_type: str) -> None:
        self._status, self._media_type = status, media_type.partition(";")[0]

    def take(self, data: bytes) -> None:
        """Raises Misfit."""
        self._body += data
        while self._media_type == "text/event-stream" and b"\n\n" in self._body:
            frame, _, self._body = self._body.partition(b"\n\n")
            lines = [line for line in frame.split(b"\n") if not line.startswith(b":")]
            if lines:
                *ids, last = lines
                if not last.startswith(b"data: ") or not all(re.fullmatch(rb"id: \d+", line) for line in ids):
                    raise Misfit(f"no frame of ours: {frame!r}")
                self._check(msgspec.json.decode(last[6:]), streamed=True)

    def end(self) -> None:
        """All of it has been sent. Raises Misfit."""
        if self._media_type in {"application/json", "application/a2a+json"}:
            self._check(msgspec.json.decode(self._body), streamed=False)
        elif self._media_type == "text/event-stream" and self._body:
            raise Misfit(f"half a frame: {self._body!r}")
        elif self._status < 400 and self._media_type != "text/event-stream" and self._body:
            raise Misfit(f"an answer of the type {self._media_type!r}")

    def _check(self, value: Any, *, streamed: bool) -> None:
        if self._path == "/a2a/stream":
            _check_feed(value)
        elif self._method == "GET" and _CARDS.fullmatch(self._path):
            check_card(value)
        elif rest := _REST.fullmatch(self._path):
            self._check_rest(rest[1], value)
        elif _RPC.fullmatch(self._path):
            self._check_rpc(value, streamed=streamed)
        else:
            raise Misfit(f"nobody knows what {self._path} says")

    def _check_rpc(self, value: Any, *, streamed: bool) -> None:
        asked: Any = None
        with suppress(msgspec.DecodeError):
            asked = msgspec.json.decode(self.asked)
        method = asked.get("method") if isinstance(asked, dict) else None
        if method in OLD_ANSWERS:
            check(OLD, OLD_ANSWERS[method], value)
            if knows(OLDEST, OLD_ANSWERS[method]):
                check(OLDEST, OLD_ANSWERS[method], value)
            card = value.get("result") if method.startswith("agent/") else None
            if card is not None:
                check(OLD, "AgentCard", card)
            return
        if not isinstance(value, dict) or value.get("jsonrpc") != "2.0" or "id" not in value:
            raise Misfit(f"no JSON-RPC: {value}")
        if set(value) == {"jsonrpc", "id", "error"} and not streamed:
            _check_error(value["error"], {"code", "message"}, "data")
        elif set(value) != {"jsonrpc", "id", "result"}:
            raise Misfit(f"neither a result nor an error, or both: {value}")
        elif method in RESULTS:
            check(NEW, RESULTS[method], value["result"])
        elif method != "DeleteTaskPushNotificationConfig" or value["result"] is not None:
            raise Misfit(f"a result of {method}: {value}")

    def _check_rest(self, path: str, value: Any) -> None:
        if self._status >= 400:
            if set(value) != {"error"} or value["error"]["code"] != self._status:
                raise Misfit(f"no error: {value}")
            _check_error(value["error"], {"code", "status", "message", "details"}, "details")
            return
        asked = f"{self._method} {path}"
        kind = next((kind for form, kind in _REST_ANSWERS if re.fullmatch(form, asked)), None)
        if kind is None:
            raise Misfit(f"nobody knows what {path} says")
        if not kind:
            if value not in ({}, None):
                raise Misfit(f"something about nothing: {value}")
        elif self._old:
            check(OLD_REST, kind.replace("ConfigsResponse", "ConfigResponse"), value)
        else:
            check(NEW, kind, value)


def check_push(value: Any) -> None:
    """What is posted to a receiver: 1.0 wraps it as what it streams, 0.3 and 0.2.5 do not. Raises Misfit."""
    if "kind" in value:
        check(OLD, "Task", value)
        check(OLDEST, "Task", value)
    else:
        check(NEW, "StreamResponse", value)


def _check_error(error: Any, members: set[str], data: str) -> None:
    if not members <= set(error) <= members | {data} or not isinstance(error["code"], int) or not error["message"]:
        raise Misfit(f"no error: {error}")
    for one in error.get(data, []):
        if not isinstance(one, dict) or not isinstance(one.get("@type"), str):
            raise Misfit(f"no detail of an error: {one}")
        if one["@type"].endswith("/google.rpc.ErrorInfo"):
            words = [*one.get("metadata", {}).values(), one.get("reason"), one.get("domain")]
            if not set(one) <= {"@type", "reason", "domain", "metadata"} or not all(isinstance(w, str) for w in words):
                raise Misfit(f"no ErrorInfo: {one}")


def _check_feed(value: Any) -> None:
    kind = value.get("type")
    if kind not in _FEED or set(value) != {"type"} | _FEED[kind]:
        raise Misfit(f"no event of a feed: {value}")
    for version in (OLD, OLDEST):
        if "task" in value:
            check(version, "Task", value["task"])
        if "status" in value:
            check(version, "TaskStatus", value["status"])


Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]


class Checked:
    """Collects what should not have been sent: whoever started the server says so at its end."""

    def __init__(self, app: Callable[[Any, Receive, Send], Awaitable[None]]) -> None:
        self._app = app
        self.misfits: list[str] = []

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not Exchange.concerns(scope["path"]):
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        exchange = Exchange(scope["method"], scope["path"], headers.get(b"a2a-version", b"").decode())

        async def asked() -> Any:
            message = await receive()
            exchange.asked += message.get("body", b"")
            return message

        async def told(message: Any) -> None:
            try:
                if message["type"] == "http.response.start":
                    media_type = dict(message["headers"]).get(b"content-type", b"")
                    exchange.begin(message["status"], media_type.decode())
                else:
                    exchange.take(message.get("body", b""))
                    if not message.get("more_body"):
                        exchange.end()
            except Misfit as misfit:
                self.misfits.append(f"{scope['method']} {scope['path']} {exchange.asked[:200]!r}: {misfit}")
            await send(message)

        await self._app(scope, asked, told)


async def hold_to_schemas(response: httpx.Response) -> None:
    """A hook of a client whose server runs by itself: reading raises Misfit."""
    request = response.request
    if not Exchange.concerns(request.url.path):
        return
    exchange = Exchange(request.method, request.url.path, request.headers.get("a2a-version", ""))
    exchange.asked = request.content
    exchange.begin(response.status_code, response.headers.get("content-type", ""))
    response.stream = _Heard(response.stream, exchange)


class _Heard(httpx.AsyncByteStream):
    def __init__(self, stream: Any, exchange: Exchange) -> None:
        self._stream = stream
        self._exchange = exchange

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for data in self._stream:
            self._exchange.take(data)
            yield data
        self._exchange.end()

    async def aclose(self) -> None:
        await self._stream.aclose()
