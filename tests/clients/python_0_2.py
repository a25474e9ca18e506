"""The official Python client of 0.2.5. Run by its own interpreter: address and token come as arguments."""

import asyncio
import json
import sys
from uuid import uuid4

import httpx
from httpx_sse import aconnect_sse
from a2a.client import A2ACardResolver, A2AClient
from a2a.types import (
    CancelTaskRequest,
    MessageSendParams,
    SendStreamingMessageRequest,
    SendStreamingMessageResponse,
    TaskIdParams,
    TaskResubscriptionRequest,
)

base, token = sys.argv[1:]


def asked(message_id):
    part = {"kind": "text", "text": "Go"}
    message = {"messageId": f"{message_id}-{uuid4()}", "role": "user", "parts": [part]}
    return SendStreamingMessageRequest(id=str(uuid4()), params=MessageSendParams.model_validate({"message": message}))


async def main():
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=20) as http:
        card = await A2ACardResolver(http, base).get_agent_card()
        client = A2AClient(http, agent_card=card)
        seen, text = [], ""
        async for event in client.send_message_streaming(asked("tck-stream-artifact-chunked")):
            result = event.root.result
            seen.append(result.kind)
            if result.kind == "artifact-update":
                text += "".join(part.root.text for part in result.artifact.parts)

        async def begin():
            async for event in client.send_message_streaming(asked("test-resubscribe-message-id")):
                return event.root.result.id

        cancel = CancelTaskRequest(id="1", params=TaskIdParams(id=await begin()))
        cancelled = (await client.cancel_task(cancel)).root.result.status.state
        # This client has no method for it, only the types.
        again = TaskResubscriptionRequest(id="2", params=TaskIdParams(id=await begin()))
        last = None
        async with aconnect_sse(http, "POST", card.url, json=again.model_dump(mode="json", exclude_none=True)) as source:
            async for sse in source.aiter_sse():
                last = SendStreamingMessageResponse(**json.loads(sse.data)).root.result
        print(json.dumps({"card": card.name, "seen": seen, "text": text, "cancelled": cancelled.value,
                          "resubscribed": last.status.state.value}))


asyncio.run(main())
