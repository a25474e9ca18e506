"""What task streams are compared with: the A2A SDK's own server, its tasks in memory.

It has no model to read from: its agent says each chunk itself, and says when. `5x1000` in a message are five chunks,
one every 1,000 ms.
"""

import argparse
import asyncio
import random
import time

import uvicorn
from a2a.server.agent_execution import AgentExecutor, RequestContext
from a2a.server.events import EventQueue
from a2a.server.request_handlers import DefaultRequestHandler
from a2a.server.routes import create_agent_card_routes, create_jsonrpc_routes
from a2a.server.tasks import InMemoryTaskStore, TaskUpdater
from a2a.types import AgentCapabilities, AgentCard, AgentInterface, AgentSkill, Part
from a2a.types.a2a_pb2 import Task, TaskState, TaskStatus
from starlette.applications import Starlette


class Pacer(AgentExecutor):
    async def execute(self, context: RequestContext, event_queue: EventQueue) -> None:
        task_id, context_id = context.task_id or "", context.context_id or ""
        count, gap = map(int, context.get_user_input().split("x"))
        status = TaskStatus(state=TaskState.TASK_STATE_SUBMITTED)
        await event_queue.enqueue_event(Task(id=task_id, context_id=context_id, status=status))
        updater = TaskUpdater(event_queue, task_id, context_id)
        await updater.start_work()
        due = asyncio.get_running_loop().time() + random.random() * gap / 1000  # noqa: S311 - a phase
        for number in range(count):
            await asyncio.sleep(due - asyncio.get_running_loop().time())
            due += gap / 1000
            part = Part(text=f" ~{time.monotonic_ns() // 1000:016d}")
            await updater.add_artifact([part], artifact_id="answer", append=number > 0)
        await updater.complete()

    async def cancel(self, context: RequestContext, event_queue: EventQueue) -> None:
        await TaskUpdater(event_queue, context.task_id or "", context.context_id or "").cancel()


def create_app(url: str) -> Starlette:
    card = AgentCard(
        name="pacer",
        description="Says what time it is.",
        version="1",
        supported_interfaces=[AgentInterface(url=f"{url}/a2a", protocol_binding="JSONRPC", protocol_version="1.0")],
        capabilities=AgentCapabilities(streaming=True),
        default_input_modes=["text/plain"],
        default_output_modes=["text/plain"],
        skills=[AgentSkill(id="pace", name="pace", description="Paces.", tags=["bench"])],
    )
    handler = DefaultRequestHandler(agent_executor=Pacer(), task_store=InMemoryTaskStore(), agent_card=card)
    return Starlette(routes=[*create_jsonrpc_routes(handler, rpc_url="/a2a"), *create_agent_card_routes(card)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    port = parser.parse_args().port
    app = create_app(f"http://127.0.0.1:{port}")
    options = {"loop": "uvloop", "http": "httptools", "log_level": "error", "backlog": 2048}
    uvicorn.run(app, host="127.0.0.1", port=port, access_log=False, **options)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
