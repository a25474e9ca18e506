"""What a model answered goes through the Agents SDK and comes back to it as it was."""

from collections.abc import AsyncIterator
from typing import Any

from agents import Agent, Model, ModelResponse, RunConfig, Runner, function_tool

from app.domain.runs.translate import completed, model_call, session_input
from app.lib.providers.model import ModelAnswer, TokenUsage

QUIET = RunConfig(tracing_disabled=True)
USER: dict[str, Any] = {"role": "user", "content": "Hello?"}
CALL = {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "look", "arguments": "{}", "async": True}
ITEMS: list[dict[str, Any]] = [
    {"type": "dream_call", "id": "dc_1", "created_by": "them", "deep": [{"er": None}]},
    {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAAA", "status": None, "mood": 1},
    {
        "type": "message",
        "id": "msg_1",
        "role": "assistant",
        "status": "of late",
        "phase": "commentary",
        "content": [{"type": "output_text", "text": "I look.", "annotations": [{"type": "?"}]}, {"type": "dream"}],
    },
    {**CALL, "caller": {"type": "somebody"}, "namespace": "n"},
]


class _Told(Model):
    """Answers what it is given, in its turn, and notes what it is asked."""

    def __init__(self, *turns: list[dict[str, Any]]) -> None:
        self.calls: list[list[dict[str, Any]]] = []
        self._turns = list(turns)

    async def stream_response(self, *call: Any, **_: Any) -> AsyncIterator[Any]:
        instructions, items, settings, tools, schema, handoffs = call[:6]
        asked = model_call(
            model="m",
            instructions=instructions,
            items=items,
            settings=settings,
            tools=tools,
            output_schema=schema,
            handoffs=handoffs,
        )
        self.calls.append(asked.items)
        yield completed(ModelAnswer(items=self._turns.pop(0), usage=TokenUsage(), finish_reason="stop"))

    async def get_response(self, *_: Any, **__: Any) -> ModelResponse:
        raise NotImplementedError


@function_tool
def look() -> str:
    return "seen"


async def test_items_of_every_kind_come_back_unchanged() -> None:
    model = _Told(ITEMS, [ITEMS[2]])
    agent = Agent(name="a", model=model, tools=[look])

    result = Runner.run_streamed(agent, [USER], run_config=QUIET)  # type: ignore[list-item]
    _ = [event async for event in result.stream_events()]

    assert model.calls[1][:5] == [USER, *ITEMS]
    assert (model.calls[1][5]["call_id"], model.calls[1][5]["output"]) == ("c1", "seen")
    assert result.final_output == "I look."


async def test_items_of_every_kind_come_back_after_a_handoff() -> None:
    model = _Told([*ITEMS[:3], {**CALL, "name": "transfer_to_b"}], [ITEMS[2]])
    other = Agent(name="b", model=model)

    result = Runner.run_streamed(Agent(name="a", model=model, handoffs=[other]), [USER], run_config=QUIET)  # type: ignore[list-item]
    _ = [event async for event in result.stream_events()]

    assert model.calls[1][:4] == [USER, *ITEMS[:3]]
    assert model.calls[1][4] == {**CALL, "name": "transfer_to_b"}


async def test_items_that_a_session_has_kept_are_sent_as_they_were_though_ids_repeat() -> None:
    model = _Told([*ITEMS[:2], CALL], [ITEMS[2]])
    kept = [USER, *ITEMS[:3], USER]

    result = Runner.run_streamed(Agent(name="a", model=model, tools=[look]), session_input(kept), run_config=QUIET)
    _ = [event async for event in result.stream_events()]

    assert model.calls[0] == kept
    assert model.calls[1][:-1] == [*kept, *ITEMS[:2], CALL]
