"""What Headgate is compared with: a plain chat server, as a good developer would write it in one file.

FastAPI, sse-starlette and the Agents SDK as they come. It streams the same text. It stores nothing, knows no users and
survives nothing.
"""

import argparse
from collections.abc import AsyncIterator
from functools import lru_cache
from typing import Any

import uvicorn
from agents import Agent, ModelSettings, OpenAIChatCompletionsModel, Runner, set_tracing_disabled
from fastapi import FastAPI
from openai import AsyncOpenAI
from openai.types.responses import ResponseTextDeltaEvent
from pydantic import BaseModel
from sse_starlette import EventSourceResponse, JSONServerSentEvent

INSTRUCTIONS = "You are a helpful assistant."


class Ask(BaseModel):
    message: str
    model: str


def create_app(client: AsyncOpenAI) -> FastAPI:
    app = FastAPI()

    @lru_cache
    def agent(model: str) -> Agent[None]:
        return Agent(
            name="chat",
            instructions=INSTRUCTIONS,
            model=OpenAIChatCompletionsModel(model=model, openai_client=client),
            model_settings=ModelSettings(include_usage=True),
        )

    async def events(ask: Ask) -> AsyncIterator[JSONServerSentEvent]:
        result = Runner.run_streamed(agent(ask.model), ask.message)
        try:
            async for event in result.stream_events():
                if event.type == "raw_response_event" and isinstance(event.data, ResponseTextDeltaEvent):
                    yield JSONServerSentEvent({"content": event.data.delta}, event="message_delta")
            usage = result.context_wrapper.usage
            yield JSONServerSentEvent(
                {
                    "final_message": result.final_output,
                    "usage": {"input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens},
                },
                event="completed",
            )
        finally:
            result.cancel()

    @app.post("/chat")
    async def chat(ask: Ask) -> Any:
        return EventSourceResponse(events(ask))

    return app


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--provider", required=True, help="base URL")
    options = parser.parse_args()
    set_tracing_disabled(disabled=True)
    app = create_app(AsyncOpenAI(base_url=options.provider, api_key="sk-benchmark"))
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=options.port,
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
        backlog=2048,
    )


if __name__ == "__main__":
    main()
