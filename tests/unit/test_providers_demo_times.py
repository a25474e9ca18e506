"""Days, times and lengths as people write them, to the demo."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from app.lib.providers.demo.moment import Moment
from app.lib.providers.demo.phrases import Want
from app.lib.providers.demo.plan import Do, Say, next_step
from app.lib.providers.demo.requests import understand

NOW = datetime(2026, 11, 21, 14, 5, tzinfo=ZoneInfo("Europe/Berlin"))
"""A Saturday."""
TIME_LINE = "Current time: 2026-11-21T14:05:00+01:00 (Europe/Berlin)"
TOOLS = {"create_todo", "get_todo_list", "search_todos", "update_todo"}


def planned(text: str) -> tuple[str, str]:
    """The name, and the time in words."""
    moment = Moment(NOW)
    wish = understand(text, moment.today)
    assert wish.want is Want.CREATE
    assert not wish.when.problem
    start = moment.start(wish.when)
    return wish.what, moment.in_words(start, moment.end(wish.when, start)) if start else ""


LENGTHS = {
    "30 minutes for reading tomorrow": ("reading", "tomorrow from 09:00 to 09:30"),
    "add 2 hour workshop tomorrow at 10": ("workshop", "tomorrow from 10:00 to 12:00"),
    "a 45 min call tomorrow": ("call", "tomorrow from 09:00 to 09:45"),
    "add a 45 min call with Bob on Monday at 3": ("call with Bob", "on Monday from 15:00 to 15:45"),
    "add a one-hour meeting tomorrow at 11": ("meeting", "tomorrow from 11:00 to 12:00"),
    "add lunch with Ann (45 min) tomorrow at 12": ("lunch with Ann", "tomorrow from 12:00 to 12:45"),
    "add half an hour of yoga tomorrow at 8am": ("yoga", "tomorrow from 08:00 to 08:30"),
    "add run 2h30 tomorrow at 9": ("run", "tomorrow from 09:00 to 11:30"),
    "add workshop for an hour and a half tomorrow at 9": ("workshop", "tomorrow from 09:00 to 10:30"),
    "add workshop tomorrow at 9 for 1 hour 15 minutes": ("workshop", "tomorrow from 09:00 to 10:15"),
}
CLOCKS = {
    "add dentist tomorrow at 15h30": ("dentist", "tomorrow at 15:30"),
    "add dentist tomorrow 15h": ("dentist", "tomorrow at 15:00"),
    "add lunch tomorrow at 2:30": ("lunch", "tomorrow at 14:30"),
    "add flight tomorrow at 02:30": ("flight", "tomorrow at 02:30"),
    "add run tomorrow at 6": ("run", "tomorrow at 18:00"),
    "add wake up tomorrow at 6 in the morning": ("wake up", "tomorrow at 06:00"),
    "add party tonight at 12": ("party", "tomorrow at 00:00"),
    "add call tomorrow at half past 3": ("call", "tomorrow at 15:30"),
    "add lunch tomorrow at quarter to 1": ("lunch", "tomorrow at 12:45"),
    "remind me at seven to call mum": ("call mum", "today at 19:00"),
    "add dentist 2026-12-01T15:30": ("dentist", "on Tuesday, 1 December at 15:30"),
    "add meeting at 3ish tomorrow": ("meeting", "tomorrow at 15:00"),
    "add dentist at 25 Main Street tomorrow at 9": ("dentist at 25 Main Street", "tomorrow at 09:00"),
}
DATES = {
    "add dentist 25/12/2026": ("dentist", "on Friday, 25 December at 09:00"),
    "add dentist 12/25/2026 at 9": ("dentist", "on Friday, 25 December at 09:00"),
    "add dentist 24.12.2026 at 10": ("dentist", "on Thursday, 24 December at 10:00"),
    "add dentist on 24.12 at 9": ("dentist", "on Thursday, 24 December at 09:00"),
    "add flight on 29 Feb": ("flight", "on Tuesday, 29 February 2028 at 09:00"),
    "pay rent on the 31st": ("pay rent", "on Thursday, 31 December at 09:00"),
    "add dinner on Monday 23 November at 8pm": ("dinner", "on Monday at 20:00"),
    "add taxes by the end of the month": ("taxes", "on Monday, 30 November at 09:00"),
    "add call in 3 days at 10": ("call", "on Tuesday at 10:00"),
    "add prepare Monday's slides tomorrow": ("prepare Monday's slides", "tomorrow at 09:00"),
    "add buy 1/2 pound of butter": ("buy 1/2 pound of butter", ""),
    "add see the 2nd movie": ("see the 2nd movie", ""),
}
RANGES = {
    "add meeting tomorrow 12:30-13:15": ("meeting", "tomorrow from 12:30 to 13:15"),
    "add meeting tomorrow from 2 to 4 pm": ("meeting", "tomorrow from 14:00 to 16:00"),
    "add meeting tomorrow 9am-11": ("meeting", "tomorrow from 09:00 to 11:00"),
    "add meeting tomorrow 9-10": ("meeting", "tomorrow from 09:00 to 10:00"),
    "add shift tomorrow from 9 to 5": ("shift", "tomorrow from 09:00 to 17:00"),
    "add shift tomorrow from 7:00 to 20:00": ("shift", "tomorrow from 07:00 to 20:00"),
    "add call tomorrow evening from 7 to 9": ("call", "tomorrow from 19:00 to 21:00"),
    "add call today 9-10": ("call", "today from 21:00 to 22:00"),
    "add party tomorrow 8pm to midnight": (
        "party",
        "from tomorrow at 20:00 to Monday at 00:00",
    ),
    "add trip Dec 1 - Dec 3": (
        "trip",
        "from Tuesday, 1 December at 09:00 to Thursday, 3 December at 18:00",
    ),
    "add trip 1-3 December": (
        "trip",
        "from Tuesday, 1 December at 09:00 to Thursday, 3 December at 18:00",
    ),
    "add trip Dec 30 - Jan 2": (
        "trip",
        "from Wednesday, 30 December at 09:00 to Saturday, 2 January 2027 at 18:00",
    ),
    "add vacation from Monday to Wednesday": ("vacation", "from Monday at 09:00 to Wednesday at 18:00"),
    "add vacation Friday to Monday": ("vacation", "from Friday at 09:00 to Monday, 30 November at 18:00"),
    "add read pages 9-10 tomorrow": ("read pages 9-10", "tomorrow at 09:00"),
}


@pytest.mark.parametrize(("text", "plan"), [*LENGTHS.items(), *CLOCKS.items(), *DATES.items(), *RANGES.items()])
def test_what_is_said_about_time_is_planned_and_leaves_the_name(text: str, plan: tuple[str, str]) -> None:
    assert planned(text) == plan


PROBLEMS = {
    "add dentist 03/04/2027": "03/04/2027 could be 3 April 2027 or 4 March 2027.",
    "add dentist on 3/4": "3/4 could be 3 April 2027 or 4 March 2027.",
    "add dentist on 3/4 at 10": "3/4 could be 3 April 2027 or 4 March 2027.",
    "add dentist on 31 Feb": "There is no 31 February.",
    "move the dentist to February 30": "There is no 30 February.",
    "what is on 31 Feb?": "There is no 31 February.",
    "add dentist 2026-13-45": "There is no day 2026-13-45.",
    "add dentist on the 32nd": "No month has a day 32.",
    "add dentist tomorrow at 25:00": "There is no time like 25:00.",
    "move the dentist to 25:00": "There is no time like 25:00.",
    "add dentist tomorrow at 25": "There is no time like 25.",
    "add gym tomorrow from 25:00 to 26:00": "There is no time like 25:00 to 26:00.",
    "add Tuesday 23 November dinner": "23 November 2026 is a Monday.",
    "add gym every Monday": "I cannot plan what repeats.",
    "add gym on Monday and Wednesday": "I can only take one day",
    "add trip from Monday at 9 to Wednesday at 5": "I can only take one day",
}


def step(*said: str) -> Do | Say:
    items = [{"role": "user", "content": text} for text in said]
    return next_step(items, TIME_LINE, TOOLS)


@pytest.mark.parametrize("text", PROBLEMS)
def test_what_is_no_time_or_could_be_several_is_asked_about(text: str) -> None:
    answer = step(text)

    assert isinstance(answer, Say)
    assert answer.text.startswith(PROBLEMS[text])
    assert answer.text.endswith("?")


def test_the_answer_completes_what_was_asked_for() -> None:
    assert step("add dentist 03/04/2027 at 10", "2027-04-03") == Do(
        "create_todo", {"item": "dentist", "start_time": "2027-04-03T10:00:00+02:00"}
    )
    assert step("what is on 31 Feb?", "1 March") == Do("get_todo_list", {"from": "2027-03-01", "to": "2027-03-01"})
    assert isinstance(step("add milk", "2027-04-03"), Say)


@pytest.mark.parametrize(
    "text", ["add", "create a task", "add a todo", "create a new task", "remind me", "add something"]
)
def test_something_without_a_name_is_asked_for(text: str) -> None:
    assert step(text) == Say("What shall I add to your list?")
    assert step(text, "buy milk") == Do("create_todo", {"item": "buy milk"})


def test_nothing_is_added_for_who_thinks_better_of_it() -> None:
    assert step("add a task", "never mind") == Say("All right, nothing is changed.")


def test_what_was_said_before_the_name_is_kept() -> None:
    start = {"start_time": "2026-11-22T09:00:00+01:00"}

    assert step("add an urgent task for tomorrow", "call mum") == Do(
        "create_todo", {"item": "call mum", "importance": "urgent", **start}
    )
    assert step("new reminder tomorrow at 9", "what is on Friday?") == Do(
        "get_todo_list", {"from": "2026-11-27", "to": "2026-11-27"}
    )


def test_a_length_without_a_time_is_written_down() -> None:
    assert step("add 30 minutes for reading") == Do(
        "create_todo", {"item": "reading", "description": "Takes 30 minutes."}
    )


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ("show my high priority todos", {"importance": "high"}),
        ("what are my urgent tasks?", {"importance": "urgent"}),
        ("list low-priority todos for Monday", {"importance": "low", "from": "2026-11-23", "to": "2026-11-23"}),
        ("what is on from Monday to Wednesday?", {"from": "2026-11-23", "to": "2026-11-25"}),
        ("what did I finish last week?", {"status": "completed", "from": "2026-11-09", "to": "2026-11-15"}),
        ("what was on last Friday?", {"from": "2026-11-20", "to": "2026-11-20"}),
    ],
)
def test_a_list_is_narrowed_to_what_is_asked_for(text: str, arguments: dict[str, str]) -> None:
    assert step(text) == Do("get_todo_list", arguments)
