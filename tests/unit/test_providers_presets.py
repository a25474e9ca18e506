"""What compatible servers want otherwise, and how they are known."""

from typing import Any

import msgspec
import pytest

from app.lib.providers.chat.request import body_of
from app.lib.providers.chat.usage import usage_of
from app.lib.providers.credentials import Credential
from app.lib.providers.errors import BadBaseURL
from app.lib.providers.model import ModelCall
from app.lib.providers.presets import PLAIN, PRESETS, preset_of

HELLO = {"type": "message", "role": "user", "content": "Hello?"}


def sent(name: str, *items: dict[str, Any], model: str = "m", **options: Any) -> dict[str, Any]:
    call = ModelCall(model=model, instructions=None, items=[HELLO, *items], **options)
    decoded: dict[str, Any] = msgspec.json.decode(body_of(call, PRESETS[name]))
    return decoded


@pytest.mark.parametrize("name", PRESETS)
def test_each_is_known_by_its_own_address(name: str) -> None:
    url = PRESETS[name].base_url

    if name != "vllm":  # its port is everybody's
        assert preset_of(Credential(provider="openai_compatible", base_url=url)) is PRESETS[name]


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("http://ollama:8080/v1", "ollama"),
        ("http://10.0.0.7:11434/v1", "ollama"),
        ("http://vllm:8000/v1", "vllm"),
        ("https://API.DeepSeek.com./v1", "deepseek"),
        ("https://eu-west-1.api.x.ai/v1", "xai"),
        ("https://secretai-jedi.scrtlabs.com:21434/v1", "secret_ai"),
    ],
)
def test_a_host_may_be_known_by_its_port_or_its_domain(url: str, name: str) -> None:
    assert preset_of(Credential(provider="openai_compatible", base_url=url)) is PRESETS[name]


@pytest.mark.parametrize("url", ["https://api.x.ai.example.com", "https://notapi.x.ai", "http://localhost:1234/v1"])
def test_another_host_is_nobody_known(url: str) -> None:
    assert preset_of(Credential(provider="openai_compatible", base_url=url)) is PLAIN


def test_a_provider_of_its_own_is_known_by_its_name() -> None:
    assert preset_of(Credential(provider="secret_ai")) is PRESETS["secret_ai"]
    assert preset_of(Credential(provider="openai", base_url="http://localhost:1234/v1")) is PRESETS["openai"]


def test_a_base_url_that_cannot_work_is_refused() -> None:
    with pytest.raises(BadBaseURL):
        preset_of(Credential(provider="openai_compatible", base_url="http://x:99999"))


def test_the_answers_length_is_limited_in_each_ones_words() -> None:
    fields = {
        name: {"max_tokens", "max_completion_tokens"} & sent(name, max_output_tokens=7).keys() for name in PRESETS
    }

    assert {name for name, found in fields.items() if found == {"max_completion_tokens"}} == {"openai", "groq", "xai"}
    assert all(len(found) == 1 for found in fields.values())


def test_the_effort_is_told_in_each_ones_words() -> None:
    assert sent("openrouter", reasoning_effort="low")["reasoning"] == {"effort": "low"}
    assert "reasoning" not in sent("openrouter")
    assert sent("groq", reasoning_effort="low")["reasoning_effort"] == "low"
    assert sent("xai", reasoning_effort="low", model="grok-3-mini")["reasoning_effort"] == "low"
    assert "reasoning_effort" not in sent("xai", reasoning_effort="low", model="grok-4-fast")


def test_a_schema_becomes_json_where_schemas_are_not_known() -> None:
    assert sent("deepseek", response_format={"type": "object"})["response_format"] == {"type": "json_object"}
    assert sent("groq", response_format={"type": "object"})["response_format"]["type"] == "json_schema"


def test_deepseek_gets_its_reasoning_back_beside_calls() -> None:
    thought = {"type": "reasoning", "id": "rs", "summary": [{"type": "summary_text", "text": "Hm."}]}
    foreign = {**thought, "encrypted_content": "gAAAA"}
    call = {"type": "function_call", "call_id": "1", "name": "look", "arguments": "{}"}
    output = {"type": "function_call_output", "call_id": "1", "output": "seen"}
    said = {"type": "message", "role": "assistant", "content": "Done."}

    messages = sent("deepseek", thought, call, output, thought, said, HELLO, foreign, call, output)["messages"]

    assert [message.get("reasoning_content") for message in messages] == [None, "Hm.", None, None, None, "", None]
    assert "reasoning_content" not in str(sent("groq", thought, call, output))


def test_reasoning_counted_beside_the_output_is_output_too() -> None:
    used = usage_of(
        {
            "prompt_tokens": 10,
            "completion_tokens": 5,
            "total_tokens": 45,
            "completion_tokens_details": {"reasoning_tokens": 30},
        }
    )

    assert used is not None
    assert (used.output_tokens, used.reasoning_tokens) == (35, 30)
