"""The official Python client of 1.x. Run by its own interpreter: address, token and binding come as arguments."""

import asyncio
import json
import sys
from uuid import uuid4

import httpx
from a2a.client import ClientConfig, create_client
from a2a.types import (
    CancelTaskRequest,
    ListTasksRequest,
    Message,
    Part,
    Role,
    SendMessageRequest,
    SubscribeToTaskRequest,
    TaskState,
)

base, token, binding = sys.argv[1:]


def asked(message_id):
    message = Message(message_id=f"{message_id}-{uuid4()}", role=Role.ROLE_USER, parts=[Part(text="Go")])
    return SendMessageRequest(message=message)


def named(state):
    return TaskState.Name(state).removeprefix("TASK_STATE_").lower()


async def main():
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=20) as http:
        config = ClientConfig(httpx_client=http, supported_protocol_bindings=[binding])
        client = await create_client(base, client_config=config)
        seen, text = [], ""
        async for event in client.send_message(asked("tck-stream-artifact-chunked")):
            kind = event.WhichOneof("payload")
            seen.append(kind)
            if kind == "artifact_update":
                text += "".join(part.text for part in event.artifact_update.artifact.parts)

        async def begin():
            async for event in client.send_message(asked("test-resubscribe-message-id")):
                return event.task.id

        cancelled = (await client.cancel_task(CancelTaskRequest(id=await begin()))).status.state
        async for event in client.subscribe(SubscribeToTaskRequest(id=await begin())):
            last = event
        listed = await client.list_tasks(ListTasksRequest())
        print(json.dumps({"card": client._card.name, "seen": seen, "text": text, "cancelled": named(cancelled),
                          "resubscribed": named(last.status_update.status.state), "listed": len(listed.tasks)}))


asyncio.run(main())
