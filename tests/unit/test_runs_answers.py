"""What a model answered, made fit to be stored and told."""

from app.domain.runs.answers import MAX_NAME, with_own_call_ids
from app.lib.providers.model import ModelAnswer, TokenUsage


def test_a_name_that_a_model_made_up_is_cut() -> None:
    call = {"type": "function_call", "name": "x" * 50_000, "call_id": "", "arguments": "{}"}
    answer = ModelAnswer(items=[call], usage=TokenUsage(), finish_reason="tool_calls")

    assert with_own_call_ids(answer).items[0]["name"] == "x" * MAX_NAME
