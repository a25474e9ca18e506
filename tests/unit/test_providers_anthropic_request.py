"""From Responses items to messages with blocks."""

import time
from typing import Any

import msgspec
import pytest

from app.lib.providers.anthropic.models import ModelKind
from app.lib.providers.anthropic.request import Body, body_of, origin_of
from app.lib.providers.anthropic.thinking import Sealed, reasoning_item
from app.lib.providers.model import ModelCall, ToolSchema

TOOL = ToolSchema("look", "Look.", {"type": "object", "properties": {}})
NEWEST, OLD = "claude-opus-5-5", "claude-sonnet-4-5-20250929"


def call_of(*items: dict[str, Any], model: str = NEWEST, **options: Any) -> ModelCall:
    return ModelCall(model=model, instructions=options.pop("instructions", None), items=list(items), **options)


def made(call: ModelCall) -> Body:
    return body_of(call, origin="o")


def body(*items: dict[str, Any], **options: Any) -> dict[str, Any]:
    decoded: dict[str, Any] = msgspec.json.decode(made(call_of(*items, **options)).content)
    return decoded


def user(content: Any) -> dict[str, Any]:
    return {"type": "message", "role": "user", "content": content}


def assistant(text: str) -> dict[str, Any]:
    content = [{"type": "output_text", "text": text, "annotations": []}]
    return {"type": "message", "role": "assistant", "content": content}


def called(call_id: str, name: str = "look", arguments: str = "{}") -> dict[str, Any]:
    return {"type": "function_call", "call_id": call_id, "name": name, "arguments": arguments}


def output(call_id: str, text: Any = "seen") -> dict[str, Any]:
    return {"type": "function_call_output", "call_id": call_id, "output": text}


def thought(text: str, prefix: str = "", signature: str = "sig", origin: str = "o") -> dict[str, Any]:
    return reasoning_item(text, Sealed(origin, prefix, signature=signature))


def shape(*items: dict[str, Any], **options: Any) -> list[str]:
    """Who says what in which order: `u`ser or `a`ssistant, calls and results with their ids."""
    marks = {"tool_use": "call", "tool_result": "result", "thinking": "thought", "redacted_thinking": "redacted"}

    def told(block: dict[str, Any]) -> str:
        if block["type"] == "text":
            return str(block["text"])
        named = block.get("id") or block.get("tool_use_id") or block.get("thinking") or block.get("data")
        return f"<{marks[block['type']]} {named}>"

    messages = body(*items, **options)["messages"]
    return [f"{m['role'][0]}:{' '.join(map(told, m['content']))}" for m in messages]


def test_the_roles_take_turns() -> None:
    parts = [{"type": "input_text", "text": "one"}, {"type": "input_text", "text": "two"}]

    items = user(parts), user("three"), assistant("four"), assistant("five"), {"role": "user", "content": "six"}

    assert shape(*items) == ["u:one two three", "a:four five", "u:six"]


def test_instructions_stand_before_all_messages() -> None:
    items = user("q"), {"role": "developer", "content": "Be brief."}, {"role": "system", "content": "Be kind."}

    sent = body(*items, instructions="Be.")

    assert sent["system"] == "Be.\n\nBe brief.\n\nBe kind."
    assert [message["role"] for message in sent["messages"]] == ["user"]
    assert "system" not in body(user("q"))


def test_a_call_and_its_result_are_paired() -> None:
    items = user("q"), called("a", arguments='{"x":1}'), output("a", "seen")

    assert body(*items, tools=[TOOL])["messages"][1:] == [
        {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "look", "input": {"x": 1}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": "seen"}]},
    ]


@pytest.mark.parametrize(
    ("items", "told"),
    [
        (
            (assistant("hm"), called("a"), called("b"), output("b"), output("a")),
            ["a:hm <call a> <call b>", "u:<result a> <result b>"],
        ),
        ((called("a"), user("next"), output("a")), ["a:<call a>", "u:<result a> next"]),
        (
            (called("a"), output("a"), called("b"), output("b"), assistant("done")),
            ["a:<call a>", "u:<result a>", "a:<call b>", "u:<result b>", "a:done"],
        ),
        ((called("a"), output("a", "1"), user("more")), ["a:<call a>", "u:<result a> more"]),
        (
            (called("a"), output("a"), called("a"), output("a")),
            ["a:<call a>", "u:<result a>", "a:<call a_2>", "u:<result a_2>"],
        ),
        ((output("x"), {"type": "web_search_call"}, assistant("hi")), ["a:hi"]),
        ((assistant(" \n"), user("")), []),
    ],
)
def test_whatever_order_a_history_is_in_it_fits_the_wire(items: tuple[dict[str, Any], ...], told: list[str]) -> None:
    assert shape(user("q"), *items) == ["u:q", *told]


def test_a_conversation_that_the_assistant_begins_gets_a_beginning() -> None:
    assert shape(assistant("Hello!"), user("q"))[0].startswith("u:(")


def test_a_call_without_result_is_answered_that_there_is_none() -> None:
    result = body(user("q"), called("a"), user("next"), tools=[TOOL])["messages"][2]["content"][0]

    assert result["content"].startswith("No result")


def test_what_a_model_made_up_does_not_spoil_later_requests() -> None:
    items = user("q"), called("a/ü", "do it!", arguments='{"half'), output("a/ü")

    block = body(*items)["messages"][1]["content"][0]

    assert block == {"type": "tool_use", "id": "a__", "name": "do_it_", "input": {"invalid_arguments": '{"half'}}


def test_results_may_hold_images_and_whatever_is_no_text_is_encoded() -> None:
    parts = [{"type": "input_text", "text": "seen"}, {"type": "input_image", "image_url": "data:image/png;base64,QUJD"}]
    items = user("q"), called("a"), called("b"), called("c"), output("a", parts), output("b", {"x": 1}), output("c", [])

    results = body(*items)["messages"][2]["content"]

    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "QUJD"}}
    assert [each["content"] for each in results] == [[{"type": "text", "text": "seen"}, image], '{"x":1}', ""]


def test_only_what_was_set_is_sent() -> None:
    assert body(user("q"), model="claude-haiku-4-5") == {
        "model": "claude-haiku-4-5",
        "max_tokens": 32_000,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "q"}]}],
        "stream": True,
    }
    assert made(call_of(user("q"))).version == "2026-10-21"


def test_settings_and_tools_are_sent() -> None:
    call = call_of(user("q"), tools=[TOOL], temperature=1.5, top_p=0.5, max_output_tokens=7, model=OLD)
    sent = msgspec.json.decode(made(call).content)

    assert sent["tools"] == [{"name": "look", "description": "Look.", "input_schema": TOOL.parameters}]
    assert (sent["temperature"], sent["top_p"], sent["max_tokens"]) == (1.0, 0.5, 7)
    # The newer version knows neither temperature nor top_p.
    assert made(call).version == "2023-06-01"


@pytest.mark.parametrize(
    ("choice", "parallel", "sent"),
    [
        (None, None, None),
        (None, True, None),
        ("auto", None, {"type": "auto"}),
        ("none", False, {"type": "none"}),
        ("required", None, {"type": "any"}),
        ("look", False, {"type": "tool", "name": "look", "disable_parallel_tool_use": True}),
        (None, False, {"type": "auto", "disable_parallel_tool_use": True}),
    ],
)
def test_the_choice_of_tools_is_said_as_the_wire_says_it(choice: Any, parallel: Any, sent: Any) -> None:
    options = {"tool_choice": choice, "parallel_tool_calls": parallel}

    assert body(user("q"), tools=[TOOL], **options).get("tool_choice") == sent
    assert "tool_choice" not in body(user("q"), **options)


def test_calls_of_tools_that_are_not_offered_any_more_are_declared_and_not_allowed() -> None:
    sent = body(user("q"), called("a"), output("a"), user("next"), tool_choice="auto")

    assert [tool["name"] for tool in sent["tools"]] == ["look"]
    assert sent["tool_choice"] == {"type": "none"}


@pytest.mark.parametrize(
    ("model", "effort", "thinking", "output"),
    [
        (NEWEST, None, "adaptive", None),
        (NEWEST, "none", "adaptive", "low"),
        ("claude-sonnet-5", "minimal", "adaptive", "low"),
        ("anthropic/claude-opus-5.5", "xhigh", "adaptive", "xhigh"),
        ("claude-mythos-preview", "high", "adaptive", "high"),
        ("claude-opus-4-6", None, None, None),
        ("claude-opus-4-6", "none", None, None),
        ("claude-opus-4-6", "xhigh", "adaptive", "high"),
        (OLD, None, None, None),
        (OLD, "low", 2_048, None),
        ("claude-opus-4-20250514", "xhigh", 24_576, None),
        ("claude-3-7-sonnet-20250219", "high", 7_168, None),
        ("glm-5", "medium", 7_168, None),
        ("glm-5", None, None, None),
    ],
)
def test_effort_is_said_as_the_model_knows_it(
    model: str, effort: str | None, thinking: str | int | None, output: str | None
) -> None:
    sent = body(user("q"), model=model, reasoning_effort=effort)

    said = sent.get("thinking", {})
    assert (said.get("budget_tokens") or said.get("type")) == thinking
    assert sent.get("output_config", {}).get("effort") == output
    if said.get("type") == "adaptive":
        assert said["display"] == "summarized"


def test_a_budget_leaves_room_for_the_answer_or_there_is_none() -> None:
    def budget(most: int) -> Any:
        sent = body(user("q"), model=OLD, reasoning_effort="high", max_output_tokens=most)
        return sent.get("thinking", {}).get("budget_tokens")

    assert (budget(1_500), budget(4_096), budget(30_000)) == (None, 3_072, 16_384)


def test_a_schema_is_asked_for_bare_and_beside_the_effort() -> None:
    schema = {"type": "object", "properties": {}}
    wrapped = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, "strict": True}}
    flat = {"type": "json_schema", "name": "answer", "schema": schema, "strict": True}

    for given in (schema, wrapped, flat):
        sent = body(user("q"), response_format=given, reasoning_effort="low")["output_config"]
        assert sent == {"effort": "low", "format": {"type": "json_schema", "schema": schema}}
    assert "output_config" not in body(user("q"), response_format={"type": "json_object"})


def test_a_thought_goes_back_as_it_came() -> None:
    first = call_of(user("q"), instructions="Be.", tools=[TOOL])
    kept = thought("Hm.", made(first).prefix, "sig")
    hidden = reasoning_item("", Sealed("o", made(first).prefix, redacted="data"))

    sent = body(user("q"), kept, hidden, called("a"), output("a"), instructions="Be.", tools=[TOOL])

    assert sent["messages"][1]["content"][:2] == [
        {"type": "thinking", "thinking": "Hm.", "signature": "sig"},
        {"type": "redacted_thinking", "data": "data"},
    ]


def test_thoughts_of_several_turns_all_go_back() -> None:
    items = [user("q")]
    for turn in ("a", "b", "c"):
        prefix = made(call_of(*items, tools=[TOOL])).prefix
        items += [thought(turn, prefix), called(turn), output(turn)]

    assert shape(*items, tools=[TOOL])[1::2] == [f"a:<thought {turn}> <call {turn}>" for turn in ("a", "b", "c")]


@pytest.mark.parametrize(
    "changed",
    [
        {"instructions": "Be another."},
        {"tools": []},
        {"tools": [ToolSchema("look", "Look again.", {"type": "object"})]},
    ],
)
def test_a_thought_before_which_something_changed_goes_back_only_to_models_that_allow_it(
    changed: dict[str, Any],
) -> None:
    before: dict[str, Any] = {"instructions": "Be.", "tools": [TOOL]}
    prefix = made(call_of(user("q"), **before)).prefix
    items = user("q"), thought("Hm.", prefix), called("a"), output("a")

    assert shape(*items, **before)[1] == "a:<thought Hm.> <call a>"
    assert shape(*items, **before | changed)[1] == "a:<call a>"
    assert shape(*items, **before | changed, model=OLD)[1] == "a:<thought Hm.> <call a>"
    assert shape(user("another"), *items[1:], **before)[1] == "a:<call a>"


def test_thoughts_after_one_that_was_left_out_are_judged_by_what_was_sent() -> None:
    stale = [user("q"), thought("old", "stale"), assistant("so")]
    prefix = made(call_of(*stale, user("r"))).prefix

    assert shape(*stale, user("r"), thought("new", prefix), assistant("then")) == [
        "u:q",
        "a:so",
        "u:r",
        "a:<thought new> then",
    ]


@pytest.mark.parametrize("model", [NEWEST, OLD])
@pytest.mark.parametrize(
    "item",
    [
        {"type": "reasoning", "id": "r", "summary": [{"type": "summary_text", "text": "foreign"}]},
        {"type": "reasoning", "id": "r", "summary": [], "encrypted_content": "gAAAAforeign"},
        {"type": "reasoning", "id": "r", "summary": [], "encrypted_content": '{"wire":"bedrock","signature":"x"}'},
        {"type": "reasoning", "id": "r", "summary": [], "encrypted_content": "anthropic:{broken"},
        {"type": "reasoning", "id": "r", "summary": [], "encrypted_content": "anthropic:[]"},
        thought("Hm.", origin="elsewhere"),
        thought("Hm.", signature=""),
    ],
)
def test_thoughts_of_others_are_not_sent(model: str, item: dict[str, Any]) -> None:
    items = user("q"), item, assistant("so"), user("next")

    assert shape(*items, model=model) == ["u:q", "a:so", "u:next"]


def test_a_compatible_server_gets_thoughts_back_that_nobody_signed() -> None:
    items = user("q"), thought("Hm.", signature=""), assistant("so"), user("next")

    assert shape(*items, model="glm-5")[1] == "a:<thought Hm.> so"


def test_a_thought_that_led_to_nothing_is_left_out() -> None:
    assert shape(user("q"), thought("Hm."), user("next"), model=OLD) == ["u:q next"]
    assert shape(user("q"), called("a"), thought("Hm."), output("a"), model=OLD)[1] == "a:<call a>"


def test_the_origin_changes_with_address_and_key_and_tells_neither() -> None:
    origins = {origin_of(url, key) for url in ("https://a", "https://b") for key in ("sk-1", "sk-2")}

    assert len(origins) == 4
    assert not any("sk-" in origin for origin in origins)


def test_half_a_character_in_the_history_does_not_stop_the_request() -> None:
    sent = body(user("a\ud83d"), instructions="b\ud83d", tools=[ToolSchema("look", "c\ud83d", {})])

    assert sent["messages"][0]["content"][0]["text"] == "a\ufffd"
    assert (sent["system"], sent["tools"][0]["description"]) == ("b\ufffd", "c\ufffd")


@pytest.mark.parametrize(
    ("name", "most"),
    [
        (NEWEST, 32_000),
        ("claude-opus-4-1-20250805", 32_000),
        ("claude-haiku-4-5@20251001", 32_000),
        ("claude-3-5-haiku-20241022", 8_192),
        ("claude-3-haiku-20240307", 8_192),
        ("deepseek-chat", 8_192),
    ],
)
def test_every_request_has_a_limit_that_its_model_takes(name: str, most: int) -> None:
    assert ModelKind(name).most_tokens(call_of()) == most


def test_a_history_of_400_items_is_cheap() -> None:
    history: list[dict[str, Any]] = []
    for number in range(80):
        text = "word " * 100
        history += [user([{"type": "input_text", "text": text}]), thought(text)]
        history += [called(f"c{number}", arguments='{"x": "y"}'), output(f"c{number}", text), assistant(text)]
    call = call_of(*history, instructions="Be brief.", tools=[TOOL] * 10)

    made(call)
    start = time.process_time()
    made(call)

    assert time.process_time() - start < 0.025
