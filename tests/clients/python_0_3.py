"""The official Python client of 0.3. Run by its own interpreter: address and token come as arguments."""

import asyncio
import json
import sys
from uuid import uuid4

import httpx
from a2a.client import A2ACardResolver, ClientConfig, ClientFactory
from a2a.types import Message, Part, Role, TaskArtifactUpdateEvent, TaskIdParams, TextPart

base, token = sys.argv[1:]


def asked(message_id):
    return Message(message_id=f"{message_id}-{uuid4()}", role=Role.user, parts=[Part(root=TextPart(text="Go"))])


async def main():
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=20) as http:
        card = await A2ACardResolver(http, base).get_agent_card()
        client = ClientFactory(ClientConfig(httpx_client=http)).create(card)
        seen, text = [], ""
        async for task, update in client.send_message(asked("tck-stream-artifact-chunked")):
            seen.append(update.kind if update else "task")
            if isinstance(update, TaskArtifactUpdateEvent):
                text += "".join(part.root.text for part in update.artifact.parts)

        async def begin():
            async for task, update in client.send_message(asked("test-resubscribe-message-id")):
                return task.id

        cancelled = (await client.cancel_task(TaskIdParams(id=await begin()))).status.state
        async for task, _ in client.resubscribe(TaskIdParams(id=await begin())):
            last = task
        print(json.dumps({"card": card.name, "seen": seen, "text": text, "cancelled": cancelled.value,
                          "resubscribed": last.status.state.value}))


asyncio.run(main())
