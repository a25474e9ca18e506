"""The built-in demo: plain English to wishes, and what it does when it has no tools."""

import time
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import anyio
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.lib.providers.demo.moment import Moment, told_moment
from app.lib.providers.demo.phrases import Want
from app.lib.providers.demo.plan import next_step
from app.lib.providers.demo.requests import understand
from app.lib.providers.demo.wire import DemoWire
from app.lib.providers.model import ModelAnswer, ModelCall, ToolSchema

NOW = datetime(2026, 11, 21, 14, 5, tzinfo=ZoneInfo("Europe/Berlin"))
"""A Saturday."""
TIME_LINE = "Be brief.\nCurrent time: 2026-11-21T14:05:00+01:00 (Europe/Berlin)"


def start_of(text: str) -> str:
    moment = Moment(NOW)
    start = moment.start(understand(text, moment.today).when)
    return f"{start:%a %d.%m. %H:%M}" if start else ""


NEW = {
    "add buy milk tomorrow at 9": ("buy milk", "Sun 22.11. 09:00"),
    "Create a todo for a meeting tomorrow": ("meeting", "Sun 22.11. 09:00"),
    "Create a new task: call Anna": ("call Anna", ""),
    "Could you please add a reminder to water the plants tonight?": ("water the plants", "Sat 21.11. 20:00"),
    "remind me to call mum on Friday at 5": ("call mum", "Fri 27.11. 17:00"),
    "Remind me tomorrow morning to take out the bins": ("take out the bins", "Sun 22.11. 09:00"),
    "remind me about the standup at 9:30am tomorrow": ("standup", "Sun 22.11. 09:30"),
    "remind me in half an hour to turn off the oven": ("turn off the oven", "Sat 21.11. 14:35"),
    "don't forget to feed the cat at noon": ("feed the cat", "Sun 22.11. 12:00"),
    "I need to buy eggs": ("buy eggs", ""),
    "I want to buy a bike next Friday": ("buy a bike", "Fri 27.11. 09:00"),
    "put bread on my shopping list": ("bread", ""),
    "todo: pay the rent on the 1st": ("pay the rent", "Tue 01.12. 09:00"),
    'please add "Read War and Peace" by 3 March': ("Read War and Peace", "Wed 03.03. 09:00"),
    "add gym tomorrow evening at 8": ("gym", "Sun 22.11. 20:00"),
    "add call at 15:00": ("call", "Sat 21.11. 15:00"),
    "add breakfast at 8": ("breakfast", "Sat 21.11. 20:00"),
    "add breakfast at 8 am": ("breakfast", "Sun 22.11. 08:00"),
    "add dentist at 3": ("dentist", "Sat 21.11. 15:00"),
    "add dinner today": ("dinner", "Sat 21.11. 15:00"),
    "add trip 2026-12-24 at 18:30": ("trip", "Thu 24.12. 18:30"),
    "add taxes in two weeks": ("taxes", "Sat 05.12. 09:00"),
    "add read chapter 3 at home": ("read chapter 3 at home", ""),
    "add 2 bottles of wine": ("2 bottles of wine", ""),
    "add buy sun cream": ("buy sun cream", ""),
    "dentist tomorrow at 3": ("dentist", "Sun 22.11. 15:00"),
    "call mum in 20 minutes": ("call mum", "Sat 21.11. 14:25"),
    "add lunch on the day after tomorrow at 12:30": ("lunch", "Mon 23.11. 12:30"),
}


@pytest.mark.parametrize("text", NEW)
def test_something_new_is_understood(text: str) -> None:
    wish = understand(text, NOW.date())

    assert (wish.want, wish.what, start_of(text)) == (Want.CREATE, *NEW[text])


ABOUT_ONE = {
    "done with milk": (Want.FINISH, "milk"),
    "I'm done with the milk": (Want.FINISH, "milk"),
    "I finished the report!": (Want.FINISH, "report"),
    "mark buy milk as done": (Want.FINISH, "buy milk"),
    "mark the report completed": (Want.FINISH, "report"),
    "check off laundry": (Want.FINISH, "laundry"),
    "complete the tax return please": (Want.FINISH, "tax return"),
    "I bought milk": (Want.FINISH, "milk"),
    "The laundry is done": (Want.FINISH, "laundry"),
    "the report is not done yet": (Want.REOPEN, "report"),
    "reopen the report": (Want.REOPEN, "report"),
    "I've started the report": (Want.BEGIN, "report"),
    "delete the dentist": (Want.DELETE, "dentist"),
    "remove milk from my list": (Want.DELETE, "milk"),
    "cancel the meeting on Friday": (Want.DELETE, "meeting"),
    "get rid of “buy milk”": (Want.DELETE, "buy milk"),
    "move the dentist to 3 pm": (Want.MOVE, "dentist"),
    "reschedule the meeting with Bob for Monday": (Want.MOVE, "meeting with Bob"),
    "postpone laundry by 2 days": (Want.MOVE, "laundry"),
    "push the call back to 6": (Want.MOVE, "call"),
    "change the dentist to 4pm": (Want.MOVE, "dentist"),
    "rename milk to oat milk": (Want.RENAME, "milk"),
    "make the report urgent": (Want.WEIGH, "report"),
    "the report is important": (Want.WEIGH, "report"),
    "when is the dentist?": (Want.SEARCH, "dentist"),
    "find milk": (Want.SEARCH, "milk"),
    "do I have a dentist appointment?": (Want.SEARCH, "dentist appointment"),
    "schedule lunch with Anna": (Want.SCHEDULE, "lunch with Anna"),
    "find an hour for the report tomorrow": (Want.SCHEDULE, "report"),
    "find time for the gym": (Want.SCHEDULE, "gym"),
}


@pytest.mark.parametrize("text", ABOUT_ONE)
def test_wishes_about_one_todo_are_understood(text: str) -> None:
    wish = understand(text, NOW.date())

    assert (wish.want, wish.what) == ABOUT_ONE[text]


OTHER = {
    "what is on Friday?": Want.LIST,
    "What's on my list": Want.LIST,
    "what do I have tomorrow?": Want.LIST,
    "list my todos": Want.LIST,
    "show me all my tasks for next week": Want.LIST,
    "Do I have anything on Sunday?": Want.LIST,
    "tomorrow's agenda": Want.LIST,
    "what did I finish?": Want.LIST,
    "what's left today?": Want.LIST,
    "analyze my schedule": Want.ANALYZE,
    "am I free on Friday?": Want.ANALYZE,
    "how busy am I next week?": Want.ANALYZE,
    "do I have any conflicts this week?": Want.ANALYZE,
    "move everything from tomorrow to Monday": Want.MOVE_ALL,
    "what about Friday?": Want.LIST,
    "and tomorrow?": Want.LIST,
    "do I have time on Tuesday?": Want.ANALYZE,
    "what day is today?": Want.TIME,
    "what time is it?": Want.TIME,
    "what's the date today": Want.TIME,
    "how much quota do I have left?": Want.QUOTA,
    "How many requests do I have left": Want.QUOTA,
    "hi": Want.GREETING,
    "Hello there!": Want.GREETING,
    "what can you do?": Want.HELP,
    "thanks!": Want.THANKS,
    "the second one": Want.CHOICE,
    "2": Want.CHOICE,
    "write a poem about cats": Want.UNKNOWN,
    "what is the capital of France?": Want.UNKNOWN,
    "what is the weather tomorrow?": Want.UNKNOWN,
    "": Want.UNKNOWN,
    "???": Want.UNKNOWN,
    "😀": Want.UNKNOWN,
}


@pytest.mark.parametrize("text", OTHER)
def test_other_wishes_are_understood(text: str) -> None:
    assert understand(text, NOW.date()).want is OTHER[text]


def test_periods_have_a_first_and_a_last_day() -> None:
    def days(text: str) -> tuple[date | None, date | None]:
        when = understand(text, NOW.date()).when
        return when.day, when.last_day

    assert days("what is on this week?") == (date(2026, 11, 21), date(2026, 11, 22))
    assert days("what is on next week?") == (date(2026, 11, 23), date(2026, 11, 29))
    assert days("what is on this weekend?") == (date(2026, 11, 21), date(2026, 11, 22))
    assert days("what is on next month?") == (date(2026, 12, 1), date(2026, 12, 31))


def test_spans_of_a_day_have_an_end() -> None:
    def span(text: str) -> str:
        moment = Moment(NOW)
        when = understand(text, moment.today).when
        start = moment.start(when)
        end = moment.end(when, start)
        return f"{start:%H:%M} {end:%H:%M}" if start and end else ""

    assert span("add meeting from 2 to 3pm on Tuesday") == "14:00 15:00"
    assert span("add meeting tomorrow 9-10am") == "09:00 10:00"
    assert span("add meeting tomorrow between 9:15 and 11") == "09:15 11:00"
    assert span("add meeting tomorrow at 10 for 30 minutes") == "10:00 10:30"
    assert span("add party tomorrow from 11pm to 1am") == "23:00 01:00"


def test_tags_and_importance_are_taken_out_of_the_name() -> None:
    wish = understand("add buy milk #shopping #home urgent", NOW.date())

    assert (wish.what, wish.tags, wish.importance) == ("buy milk", ("shopping", "home"), "urgent")
    assert understand("add a high priority task to file taxes", NOW.date()).importance == "high"


NASTY = [
    "a ",
    "move ",
    "what ",
    "add (",
    "to ",
    "a to ",
    "is ",
    "the my ",
    "1 ",
    "1:",
    "from 1 to ",
    "i ",
    "please ",
    ", ",
]


@pytest.mark.parametrize("start", ["", "add ", "move ", "what is ", "find ", "mark ", "show "])
@pytest.mark.parametrize("text", NASTY)
def test_no_request_takes_long_to_understand(start: str, text: str) -> None:
    began = time.process_time()
    for length in (10, 100, 499, 10_000):
        understand((start + text * length)[:length], NOW.date())

    assert time.process_time() - began < 0.5


def test_the_last_line_about_the_time_counts() -> None:
    moment = told_moment(f"Current time: 2020-01-01T00:00:00+00:00 (UTC)\n{TIME_LINE}")

    assert moment is not None
    assert (moment.now, str(moment.now.tzinfo)) == (NOW, "Europe/Berlin")
    assert told_moment("Current time: soon") is None
    unknown = told_moment("Current time: 2026-11-21T14:05:00+01:00 (Mars/Olympus)")
    assert unknown is not None
    assert unknown.now == NOW


def test_times_after_a_change_of_clocks_have_the_offset_of_that_day() -> None:
    moment = told_moment("Current time: 2026-10-24T12:00:00+02:00 (Europe/Berlin)")
    assert moment is not None

    start = moment.start(understand("add milk tomorrow at 9", moment.today).when)

    assert start is not None
    assert start.isoformat() == "2026-10-25T09:00:00+01:00"


async def asked(text: str, *tools: str, instructions: str = TIME_LINE) -> tuple[str, ModelAnswer]:
    call = ModelCall(
        model="todo",
        instructions=instructions,
        items=[{"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}],
        tools=[ToolSchema(name, "", {}) for name in tools],
    )
    async with DemoWire(words_per_second=0).stream(call) as stream:
        said = "".join([delta.text async for delta in stream])
    assert not stream.upstream_closed
    return said, stream.answer


async def test_a_call_is_an_item_that_the_runner_understands() -> None:
    said, answer = await asked("add buy milk tomorrow at 9", "create_todo")

    assert said == ""
    assert answer.finish_reason == "tool_calls"
    item: dict[str, Any] = answer.items[0]
    assert (item["type"], item["name"], len(item["call_id"])) == ("function_call", "create_todo", 9)
    assert msgspec.json.decode(item["arguments"]) == {"item": "buy milk", "start_time": "2026-11-22T09:00:00+01:00"}


async def test_the_deltas_add_up_to_the_message() -> None:
    said, answer = await asked("write a poem", "create_todo")

    assert answer.items[0]["content"][0]["text"] == said
    assert answer.finish_reason == "stop"


@pytest.mark.parametrize("text", ["write a poem", "hi", "add buy milk", "what is on Friday?"])
async def test_without_tools_it_says_what_it_is(text: str) -> None:
    said, _ = await asked(text)

    assert "built-in demo" in said
    assert "without a language model" in said


async def test_what_it_does_not_understand_it_says_and_what_it_would() -> None:
    said, _ = await asked("write a poem about cats", "create_todo")

    assert "did not understand" in said
    assert "add buy milk tomorrow at 9" in said


async def test_a_tool_that_is_not_offered_is_not_called() -> None:
    said, answer = await asked("delete the milk", "create_todo")

    assert answer.finish_reason == "stop"
    assert "search_todos" in said


async def test_the_time_is_told_without_a_tool() -> None:
    assert (await asked("what time is it?"))[0] == "It is 14:05 on Saturday, 21 November 2026."


async def test_without_the_time_it_asks_for_it_first() -> None:
    _, answer = await asked("add milk tomorrow", "create_todo", "get_user_datetime", instructions="")

    assert answer.items[0]["name"] == "get_user_datetime"


async def test_words_come_one_by_one_at_the_pace_asked_for() -> None:
    call = ModelCall(model="todo", instructions=TIME_LINE, items=[{"role": "user", "content": "what time is it?"}])
    started = anyio.current_time()
    async with DemoWire(words_per_second=200).stream(call) as stream:
        words = [delta.text async for delta in stream]

    assert words == ["It ", "is ", "14:05 ", "on ", "Saturday, ", "21 ", "November ", "2026."]
    assert 0.02 < anyio.current_time() - started < 0.5


async def test_leaving_in_the_middle_stops_it() -> None:
    call = ModelCall(model="todo", instructions=TIME_LINE, items=[{"role": "user", "content": "what time is it?"}])

    async with DemoWire(words_per_second=0).stream(call) as stream:
        await anext(aiter(stream))

    assert stream.upstream_closed
    assert stream.partial_usage().output_tokens == 1
    with pytest.raises(RuntimeError):
        _ = stream.answer


OUTPUTS = {
    "error": '{"error":"nope","detail":"No."}',
    "text": "An error occurred",
    "nothing": '{"todos":[],"total":0}',
    "one": '{"todo_id":"1","item":"milk","status":"pending","start_time":"2026-11-22T09:00:00+01:00","end_time":null}',
    "two": '{"todos":[{"todo_id":"1","item":"milk"},{"todo_id":"2","item":"oat milk","start_time":7}],"total":2}',
    "odd": '{"todos":[7],"days":[{"free":[{}],"todos":[7]}],"overlaps":[[],[{}]]}',
    "list": "[1]",
    "null": "null",
}


def called(tool: str, output: str) -> list[dict[str, Any]]:
    return [
        {"type": "function_call", "call_id": "a", "name": tool, "arguments": "{}"},
        {"type": "function_call_output", "call_id": "a", "output": output},
    ]


WORDS = (
    "add move delete done with milk the to at on from 9 25:99 tomorrow friday",
    "next week 31 february 2026-13-45 9999-12-31",
    "every 3 pm until by in 99999999999 hours what is free # it second one and für 😀",
)


@given(
    st.lists(st.sampled_from(" ".join(WORDS).split()), max_size=9),
    st.lists(st.sampled_from(sorted(OUTPUTS)), max_size=3),
)
def test_no_request_and_no_output_makes_it_raise(words: list[str], outputs: list[str]) -> None:
    items: list[dict[str, Any]] = [
        {"role": "user", "content": "move milk to 3"},
        *called("search_todos", OUTPUTS["two"]),
    ]
    items.append({"role": "user", "content": " ".join(words)})
    for tool in ("search_todos", "update_todo", "get_todo_list", "analyze_schedule", "create_todo", "get_user_quota"):
        items += [item for name in outputs for item in called(tool, OUTPUTS[name])]

    assert next_step(items, TIME_LINE, {"search_todos", "create_todo", "update_todo", "get_todo_list"})
