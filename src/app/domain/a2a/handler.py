"""The A2A SDK's request handler, over runs and their logs."""

from collections.abc import AsyncGenerator, Callable, Coroutine
from dataclasses import dataclass
from functools import wraps
from typing import Any
from uuid import UUID

import structlog
from a2a.server.context import ServerCallContext
from a2a.server.events import Event
from a2a.server.request_handlers.request_handler import RequestHandler
from a2a.types.a2a_pb2 import (
    AgentCard,
    CancelTaskRequest,
    DeleteTaskPushNotificationConfigRequest,
    GetExtendedAgentCardRequest,
    GetTaskPushNotificationConfigRequest,
    GetTaskRequest,
    ListTaskPushNotificationConfigsRequest,
    ListTaskPushNotificationConfigsResponse,
    ListTasksRequest,
    ListTasksResponse,
    Message,
    SendMessageRequest,
    SubscribeToTaskRequest,
    Task,
    TaskPushNotificationConfig,
    TaskState,
)
from a2a.utils.errors import A2AError, InternalError
from a2a.utils.proto_utils import validate_proto_required_fields
from a2a.utils.task import (
    ListTasksCursor,
    decode_list_tasks_cursor,
    encode_list_tasks_cursor,
    validate_history_length,
    validate_page_size,
)
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.domain.a2a.cards import Cards
from app.domain.a2a.conformance import answers_with_message
from app.domain.a2a.errors import BadParams, PushConfigNotFound, TaskOver
from app.domain.a2a.fold import STATES
from app.domain.a2a.push import PushConfigs
from app.domain.a2a.refusals import known
from app.domain.a2a.service import Place, Tasks
from app.domain.a2a.streams import Receive, TaskUpdates, Watch, followed
from app.domain.a2a.tasks import answer_of, from_nanoseconds, nanoseconds, open_questions, task_of
from app.domain.accounts.schemas import Principal
from app.domain.runs.admission import Place as Seat
from app.domain.runs.errors import ServerBusy
from app.lib.errors import AppError

PAGE_SIZE = 50
EXCHANGE = "exchange"
logger = structlog.get_logger()


@dataclass
class Exchange:
    """One request: who asks which agent, and why it was refused, if it was."""

    user: Principal
    agent: str
    base_url: str
    receive: Receive
    watch: Watch
    last_event_id: str | None = None
    idempotency_key: str | None = None
    old: bool = False
    """It is in the words of 0.3 or 0.2.5."""
    error: AppError | A2AError | None = None


def exchange_of(context: ServerCallContext) -> Exchange:
    found: Exchange = context.state[EXCHANGE]
    return found


def refused(context: ServerCallContext, error: Exception) -> A2AError:
    """What the SDK is to raise: it tells of what it does not know in the words of whoever raised it."""
    if isinstance(error, A2AError):
        exchange_of(context).error = error
        return error
    if isinstance(error, AppError):
        exchange_of(context).error = error
        return known(error)(error.detail)
    if isinstance(error, (InterfaceError, OperationalError, PoolTimeout)):
        logger.warning("the database cannot be used", error=type(error).__name__)
        exchange_of(context).error = ServerBusy()
    else:
        logger.error("an A2A request failed", exc_info=error)
    return InternalError()


def guarded[T](
    method: "Callable[[Handler, Any, ServerCallContext], Coroutine[Any, Any, T]]",
) -> "Callable[[Handler, Any, ServerCallContext], Coroutine[Any, Any, T]]":
    """Checks that what must be there is there, and masks what goes wrong."""

    @wraps(method)
    async def call(handler: "Handler", params: Any, context: ServerCallContext) -> T:
        try:
            validate_proto_required_fields(params)
            return await method(handler, params, context)
        except Exception as error:  # noqa: BLE001 - masked
            raise refused(context, error) from None

    return call


class Handler(RequestHandler):
    def __init__(self, tasks: Tasks, cards: Cards, push: PushConfigs) -> None:
        self._tasks = tasks
        self._cards = cards
        self._push = push

    def reader(self) -> Seat:
        """Room for one who will follow a task, taken before it is begun. Raises TooManyReaders."""
        return self._tasks.runs.reader()

    # Tasks

    @guarded
    async def on_get_task(self, params: GetTaskRequest, context: ServerCallContext) -> Task:
        validate_history_length(params)
        asked = await self._tasks.get(exchange_of(context).user, params.id)
        return task_of(asked, await self._tasks.folded(asked), history=_history(params))

    @guarded
    async def on_list_tasks(self, params: ListTasksRequest, context: ServerCallContext) -> ListTasksResponse:
        exchange = exchange_of(context)
        validate_history_length(params)
        size = params.page_size if params.HasField("page_size") else PAGE_SIZE
        validate_page_size(size)
        since = None
        if params.HasField("status_timestamp_after"):
            since = from_nanoseconds(params.status_timestamp_after.ToNanoseconds())
        found, total = await self._tasks.page(
            exchange.user,
            exchange.agent,
            context_id=params.context_id,
            states=[state for state, told in STATES.items() if told == params.status],
            since=since,
            before=_place(params.page_token),
            limit=size + 1,
        )
        listed = ListTasksResponse(page_size=size, total_size=total)
        for asked in found[:size]:
            fold = await self._tasks.folded(asked) if params.include_artifacts else None
            history = _history(params)
            listed.tasks.append(
                task_of(asked, fold, history=0 if history is None else history, artifacts=params.include_artifacts)
            )
        if len(found) > size:
            last = found[size - 1]
            cursor = ListTasksCursor(nanoseconds(last.changed_at), str(last.run.id))
            listed.next_page_token = encode_list_tasks_cursor(cursor)
        return listed

    @guarded
    async def on_cancel_task(self, params: CancelTaskRequest, context: ServerCallContext) -> Task:
        asked = await self._tasks.cancel(exchange_of(context).user, params.id)
        return task_of(asked, await self._tasks.folded(asked))

    @guarded
    async def on_message_send(self, params: SendMessageRequest, context: ServerCallContext) -> Task | Message:
        exchange = exchange_of(context)
        with self._tasks.runs.reader():
            updates = await self._sent(params, context)
            if params.configuration.return_immediately:
                return updates.first
            async with updates.cursor() as cursor, exchange.watch(cursor, exchange.receive):
                async for _ in updates.told(cursor):
                    pass
        asked = await self._tasks.get(exchange.user, updates.first.id)
        if answers_with_message(asked):
            return answer_of(asked)
        return task_of(asked, await self._tasks.folded(asked), history=_history(params.configuration))

    async def on_message_send_stream(
        self, params: SendMessageRequest, context: ServerCallContext
    ) -> AsyncGenerator[Event]:
        async for event in self._events(await self.sending(params, context)):
            yield event

    async def on_subscribe_to_task(
        self, params: SubscribeToTaskRequest, context: ServerCallContext
    ) -> AsyncGenerator[Event]:
        async for event in self._events(await self.subscribing(params, context)):
            yield event

    @guarded
    async def sending(self, params: SendMessageRequest, context: ServerCallContext) -> TaskUpdates:
        """What a stream tells of a message that was sent."""
        self._tasks.runs.may_stream()
        return await self._sent(params, context)

    @guarded
    async def subscribing(self, params: SubscribeToTaskRequest, context: ServerCallContext) -> TaskUpdates:
        exchange = exchange_of(context)
        return await followed(self._tasks, exchange.user, params.id, exchange.last_event_id)

    async def _sent(self, params: SendMessageRequest, context: ServerCallContext) -> TaskUpdates:
        exchange = exchange_of(context)
        validate_history_length(params.configuration)
        pushed = params.configuration.HasField("task_push_notification_config")
        if pushed:
            self._push.check(params.configuration.task_push_notification_config)
            await self._push.check_room(exchange.user)
        asked, after = await self._tasks.send(exchange.user, exchange.agent, params.message, exchange.idempotency_key)
        if pushed:
            config = params.configuration.task_push_notification_config
            await self._push.put(exchange.user, asked.run, config, old=exchange.old, told_seq=after)
        fold = await self._tasks.folded(asked, up_to=after)
        if fold is None:
            raise TaskOver
        first = task_of(asked, fold, history=_history(params.configuration))
        if after and not open_questions(asked):
            first.status.state = TaskState.TASK_STATE_WORKING
        return TaskUpdates(self._tasks, exchange.user, asked, fold, first, first_seq=None)

    async def _events(self, updates: TaskUpdates) -> AsyncGenerator[Event]:
        with self._tasks.runs.reader():
            async with updates.cursor() as cursor:
                if answers_with_message(updates.asked):
                    yield answer_of(await updates.end(cursor))
                    return
                yield updates.first
                async for told in updates.told(cursor):
                    for event in updates.events(told):
                        yield event

    # Push notifications

    @guarded
    async def on_create_task_push_notification_config(
        self, params: TaskPushNotificationConfig, context: ServerCallContext
    ) -> TaskPushNotificationConfig:
        exchange = exchange_of(context)
        asked = await self._tasks.get(exchange.user, params.task_id)
        self._push.check(params)
        return await self._push.put(exchange.user, asked.run, params, old=exchange.old, told_seq=asked.run.last_seq)

    async def on_get_task_push_notification_config(
        self, params: GetTaskPushNotificationConfigRequest, context: ServerCallContext
    ) -> TaskPushNotificationConfig:
        if exchange_of(context).old and not params.id:
            return await self._first_push_config(params.task_id, context)
        found: TaskPushNotificationConfig = await self._push_config(params, context)
        return found

    @guarded
    async def _push_config(
        self, params: GetTaskPushNotificationConfigRequest, context: ServerCallContext
    ) -> TaskPushNotificationConfig:
        run_id = await self._run_id(params.task_id, context)
        return await self._push.get(run_id, params.id)

    async def _first_push_config(self, task_id: str, context: ServerCallContext) -> TaskPushNotificationConfig:
        """A task had only one in 0.2.5, so it had no name."""
        asked = ListTaskPushNotificationConfigsRequest(task_id=task_id)
        for config in (await self.on_list_task_push_notification_configs(asked, context)).configs:
            first: TaskPushNotificationConfig = config
            return first
        raise refused(context, PushConfigNotFound())

    @guarded
    async def on_list_task_push_notification_configs(
        self, params: ListTaskPushNotificationConfigsRequest, context: ServerCallContext
    ) -> ListTaskPushNotificationConfigsResponse:
        run_id = await self._run_id(params.task_id, context)
        return ListTaskPushNotificationConfigsResponse(configs=await self._push.all(run_id))

    @guarded
    async def on_delete_task_push_notification_config(
        self, params: DeleteTaskPushNotificationConfigRequest, context: ServerCallContext
    ) -> None:
        run_id = await self._run_id(params.task_id, context)
        await self._push.delete(run_id, params.id)

    async def _run_id(self, task_id: str, context: ServerCallContext) -> UUID:
        """Of the caller's own task."""
        return (await self._tasks.get(exchange_of(context).user, task_id)).run.id

    # The card

    @guarded
    async def on_get_extended_agent_card(
        self, params: GetExtendedAgentCardRequest, context: ServerCallContext
    ) -> AgentCard:
        exchange = exchange_of(context)
        return await self._cards.extended(exchange.user, exchange.agent, exchange.base_url)


def _history(params: Any) -> int | None:
    return params.history_length if params.HasField("history_length") else None


def _place(page_token: str) -> Place | None:
    if not page_token:
        return None
    cursor = decode_list_tasks_cursor(page_token) or ListTasksCursor(None, "")
    try:
        return Place(from_nanoseconds(cursor.timestamp_ns or 0), UUID(cursor.task_id))
    except (ValueError, OverflowError):
        raise BadParams("the page token is none of ours") from None
