"""The SDK's dispatchers, with streams and errors of our own."""

# The adapters of 0.3 and the routes import each other: the routes have to come first.
import a2a.server.routes  # noqa: F401  # isort: skip

import re
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from a2a.compat.v0_3 import a2a_v0_3_pb2, conversions
from a2a.compat.v0_3 import proto_utils as old_proto_utils
from a2a.compat.v0_3 import types as old_types
from a2a.compat.v0_3.jsonrpc_adapter import JSONRPC03Adapter
from a2a.compat.v0_3.rest_adapter import REST03Adapter
from a2a.extensions.common import HTTP_EXTENSION_HEADER, get_requested_extensions
from a2a.server.context import ServerCallContext
from a2a.server.jsonrpc_models import JSONRPCError
from a2a.server.routes.common import ServerCallContextBuilder
from a2a.server.routes.jsonrpc_dispatcher import JsonRpcDispatcher
from a2a.server.routes.rest_dispatcher import RestDispatcher
from a2a.types.a2a_pb2 import DeleteTaskPushNotificationConfigRequest, SendMessageRequest, SubscribeToTaskRequest
from a2a.utils.error_handlers import rest_stream_error_handler
from a2a.utils.errors import (
    JSON_RPC_ERROR_CODE_MAP,
    A2AError,
    InternalError,
    InvalidParamsError,
    MethodNotFoundError,
)
from a2a.utils.version_validator import validate_version
from google.protobuf.json_format import Parse
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse

from app.domain.a2a.encoding import Shape, old_rest, rest, rpc_shape
from app.domain.a2a.handler import EXCHANGE, Exchange, Handler, exchange_of, refused
from app.domain.a2a.refusals import rest_error, rpc_error
from app.domain.a2a.streams import TaskStream, TaskUpdates
from app.domain.quotas.errors import LimitExceeded
from app.domain.quotas.headers import rate_limit_headers
from app.lib.errors import AppError, ErrorKind

NEW, OLD = "1.0", "0.3"
VERSION = "A2A-Version"
RETRY_SECONDS = 5
_DELETE = "tasks/pushNotificationConfig/delete"
_ERRORS = {code: error for error, code in JSON_RPC_ERROR_CODE_MAP.items()}
Endpoint = Callable[[Request], Awaitable[Any]]
Open = Callable[[ServerCallContext], Awaitable[TaskUpdates]]


class Door:
    """What came by HTTP, whatever version and binding it is in, answered by an ASGI application."""

    def __init__(self, handler: Handler) -> None:
        self._rpc = Rpc(handler)
        new, before = Rest(handler), OldRest(handler)
        self._rest = {False: _compiled(new.endpoints()), True: _compiled(before.endpoints())}

    async def rpc(self, request: Request, exchange: Exchange, body: Any) -> Any:
        if isinstance(body, dict) and not isinstance(body.get("params", {}), dict | list):
            return JSONResponse(rpc_error(InvalidParamsError(), body.get("id"), old=False)[1])
        response = await self._rpc.handle_requests(request)
        if exchange.error is None:
            return response
        request_id = body.get("id") if isinstance(body, dict) else None
        status, told = rpc_error(exchange.error, request_id, old=exchange.old)
        return JSONResponse(told, status, _headers(exchange.error))

    async def rest(self, request: Request, exchange: Exchange, path: str) -> Any:
        exchange.old = (request.headers.get(VERSION) or OLD).startswith("0")
        for pattern, method, endpoint in self._rest[exchange.old]:
            if method == request.method and (found := pattern.fullmatch(path)):
                request.scope["path_params"] = found.groupdict()
                response = await endpoint(request)
                if exchange.error is not None:
                    status, told = rest_error(exchange.error)
                    return JSONResponse(told, status, _headers(exchange.error))
                return response
        status, told = rest_error(MethodNotFoundError())
        return JSONResponse(told, status)


class Contexts(ServerCallContextBuilder):
    def __init__(self, *, old: bool = False) -> None:
        self._old = old

    def build(self, request: Request) -> ServerCallContext:
        exchange: Exchange = request.scope[EXCHANGE]
        exchange.old = self._old
        wanted = get_requested_extensions(request.headers.getlist(HTTP_EXTENSION_HEADER))
        return ServerCallContext(
            state={"headers": dict(request.headers), EXCHANGE: exchange}, requested_extensions=wanted
        )


class Rpc(JsonRpcDispatcher):
    def __init__(self, handler: Handler) -> None:
        super().__init__(handler, Contexts())
        self._handler = handler
        self.enable_v0_3_compat = True
        self._v03_adapter = OldRpc(handler)

    @validate_version(NEW)
    async def _process_streaming_request(  # type: ignore[override]
        self, request_id: Any, request_obj: Any, context: ServerCallContext
    ) -> TaskStream:
        begin = self._handler.sending if isinstance(request_obj, SendMessageRequest) else self._handler.subscribing
        return await _streamed(self._handler, partial(begin, request_obj), context, rpc_shape(request_id, old=False))

    def _create_response(self, context: ServerCallContext, handler_result: Any) -> Any:
        if isinstance(handler_result, TaskStream):
            return handler_result
        return super()._create_response(context, handler_result)

    def _generate_error_response(self, request_id: Any, error: Any) -> JSONResponse:
        return JSONResponse(rpc_error(_masked(error), request_id, old=False)[1])


class OldRpc(JSONRPC03Adapter):
    """0.3, and 0.2.5, which differs in nothing that is said here."""

    def __init__(self, handler: Handler) -> None:
        super().__init__(handler, Contexts(old=True))
        self._ours = handler

    async def handle_request(self, request_id: Any, method: str, body: dict[str, Any], request: Request) -> Any:
        try:
            model: Any = self.METHOD_TO_MODEL[method]
            _check_kinds(model.model_validate(body), body)
        except (ValidationError, InvalidParamsError):
            return self._generate_error_response(request_id, InvalidParamsError())
        return await super().handle_request(request_id, method, body, request)

    async def _process_non_streaming_request(
        self, request_id: Any, request_obj: Any, context: ServerCallContext
    ) -> JSONResponse:
        response = await super()._process_non_streaming_request(request_id, request_obj, context)
        if request_obj.method == _DELETE:
            return JSONResponse({"jsonrpc": "2.0", "id": request_id, "result": None})
        return response

    @validate_version(OLD)
    async def _process_streaming_request(  # type: ignore[override]
        self, request_id: Any, request_obj: Any, context: ServerCallContext
    ) -> TaskStream:
        if isinstance(request_obj, old_types.SendStreamingMessageRequest):
            asked = old_types.SendMessageRequest(id=request_obj.id, params=request_obj.params)
            params = conversions.to_core_send_message_request(asked)
            begin: Open = partial(self._ours.sending, params)
        else:
            begin = partial(self._ours.subscribing, conversions.to_core_subscribe_to_task_request(request_obj))
        return await _streamed(self._ours, begin, context, rpc_shape(request_id, old=True))

    def _generate_error_response(self, request_id: Any, error: Any) -> JSONResponse:
        return JSONResponse(rpc_error(_masked(error), request_id, old=True)[1])


class Rest(RestDispatcher):
    def __init__(self, handler: Handler) -> None:
        super().__init__(handler, Contexts())
        self._handler = handler

    @rest_stream_error_handler
    async def on_message_send_stream(self, request: Request) -> Any:
        @validate_version(NEW)
        async def begin(context: ServerCallContext) -> TaskUpdates:
            params = SendMessageRequest()
            Parse(await request.body(), params, ignore_unknown_fields=True)
            return await self._handler.sending(params, context)

        return await _streamed(self._handler, begin, self._build_call_context(request), rest)

    @rest_stream_error_handler
    async def on_subscribe_to_task(self, request: Request) -> Any:
        @validate_version(NEW)
        async def begin(context: ServerCallContext) -> TaskUpdates:
            return await self._handler.subscribing(SubscribeToTaskRequest(id=request.path_params["id"]), context)

        return await _streamed(self._handler, begin, self._build_call_context(request), rest)

    def endpoints(self) -> dict[tuple[str, str], Endpoint]:
        configs = "/tasks/{id}/pushNotificationConfigs"
        return {
            ("/message:send", "POST"): self.on_message_send,
            ("/message:stream", "POST"): self.on_message_send_stream,
            ("/tasks/{id}:cancel", "POST"): self.on_cancel_task,
            ("/tasks/{id}:subscribe", "GET"): self.on_subscribe_to_task,
            ("/tasks/{id}:subscribe", "POST"): self.on_subscribe_to_task,
            ("/tasks/{id}", "GET"): self.on_get_task,
            ("/tasks", "GET"): self.list_tasks,
            (f"{configs}/{{push_id}}", "GET"): self.get_push_notification,
            (f"{configs}/{{push_id}}", "DELETE"): self.delete_push_notification,
            (configs, "POST"): self.set_push_notification,
            (configs, "GET"): self.list_push_notifications,
            ("/extendedAgentCard", "GET"): self.handle_authenticated_agent_card,
        }


class OldRest(REST03Adapter):
    def __init__(self, handler: Handler) -> None:
        super().__init__(handler, Contexts(old=True))
        self._ours = handler

    def endpoints(self) -> dict[tuple[str, str], Endpoint]:
        endpoints: dict[tuple[str, str], Any] = {
            (path.removeprefix("/v1"), method): endpoint for (path, method), endpoint in self.routes().items()
        }
        subscribe = partial(self._streams, self._subscribed)
        return endpoints | {
            ("/message:stream", "POST"): partial(self._streams, self._sent),
            ("/tasks/{id}:subscribe", "GET"): subscribe,
            ("/tasks/{id}:subscribe", "POST"): subscribe,
            ("/tasks/{id}/pushNotificationConfigs/{push_id}", "DELETE"): partial(self._handle_request, self._deleted),
        }

    @rest_stream_error_handler
    async def _streams(
        self, begin: Callable[[Request, ServerCallContext], Awaitable[TaskUpdates]], request: Request
    ) -> Any:
        context = self._context_builder.build(request)
        return await _streamed(self._ours, partial(begin, request), context, old_rest)

    @validate_version(OLD)
    async def _sent(self, request: Request, context: ServerCallContext) -> TaskUpdates:
        message = a2a_v0_3_pb2.SendMessageRequest()
        Parse(await request.body(), message, ignore_unknown_fields=True)
        params = old_proto_utils.FromProto.message_send_params(message)
        asked = old_types.SendMessageRequest(id="", params=params)
        return await self._ours.sending(conversions.to_core_send_message_request(asked), context)

    @validate_version(OLD)
    async def _subscribed(self, request: Request, context: ServerCallContext) -> TaskUpdates:
        return await self._ours.subscribing(SubscribeToTaskRequest(id=request.path_params["id"]), context)

    @validate_version(OLD)
    async def _deleted(self, request: Request, context: ServerCallContext) -> dict[str, Any]:
        task_id, config_id = request.path_params["id"], request.path_params["push_id"]
        params = DeleteTaskPushNotificationConfigRequest(task_id=task_id, id=config_id)
        await self._ours.on_delete_task_push_notification_config(params, context)
        return {}


async def _streamed(handler: Handler, begin: Open, context: ServerCallContext, shape: Shape) -> TaskStream:
    """There is room for the reader before anything is begun for it."""
    try:
        place = handler.reader()
    except AppError as error:
        raise refused(context, error) from None
    with place:
        updates = await begin(context)
        return updates.bytes(shape, place.pass_on(), exchange_of(context).watch)


def _check_kinds(asked: Any, body: dict[str, Any]) -> None:
    """The SDK takes a part without a kind for a text. Raises InvalidParamsError."""
    sent = isinstance(asked, old_types.SendMessageRequest | old_types.SendStreamingMessageRequest)
    if sent and not all("kind" in part for part in body["params"]["message"]["parts"]):
        raise InvalidParamsError


def _masked(error: Any) -> A2AError:
    """Whatever somebody has raised, in words that tell nothing of the inside."""
    if isinstance(error, A2AError):
        return error
    if isinstance(error, JSONRPCError):
        return _ERRORS.get(error.code, InternalError)()
    return InternalError()


def _headers(error: AppError | A2AError) -> dict[str, str]:
    if isinstance(error, LimitExceeded):
        return {"Retry-After": str(error.event["retry_after"]), **rate_limit_headers(error.standing)}
    busy = isinstance(error, AppError) and error.kind is ErrorKind.UNAVAILABLE
    return {"Retry-After": str(RETRY_SECONDS)} if busy else {}


def _compiled(endpoints: dict[tuple[str, str], Endpoint]) -> list[tuple[re.Pattern[str], str, Endpoint]]:
    return [
        (re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/:]+)", re.escape(path))), method, endpoint)
        for (path, method), endpoint in endpoints.items()
    ]
