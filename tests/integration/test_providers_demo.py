"""The demo with the real tools: what the user asks for is then in the database."""

import re
from datetime import datetime
from typing import Any

import msgspec
import pytest

from app.domain.agents.tools.catalog import TOOLS
from app.lib.db.engine import Database
from app.lib.errors import AppError
from app.lib.providers.demo.wire import DemoWire
from app.lib.providers.model import ModelCall, ToolSchema
from tests.databases import unstored
from tests.tool_calls import NOW, Caller, caller

pytestmark = unstored

SCHEMAS = [ToolSchema(tool.name, tool.description, tool.parameters) for tool in TOOLS.values()]


class Conversation:
    """A run's loop at its smallest: the model, the tools it calls, until it answers. It is Friday, 09:02 in Berlin."""

    def __init__(self, call: Caller) -> None:
        self.call = call
        self.items: list[dict[str, Any]] = []
        self.used: list[str] = []

    async def say(self, text: str) -> str:
        self.items.append({"type": "message", "role": "user", "content": text})
        self.used = []
        for _ in range(6):
            items = await self._answer()
            self.items += items
            if items[0]["type"] == "message":
                return str(items[0]["content"][0]["text"])
            for item in items:
                self.items.append(await self._output(item))
        raise AssertionError("It never came to an end.")

    async def todos(self) -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = (await self.call("get_todo_list"))["todos"]
        return listed

    async def _answer(self) -> list[dict[str, Any]]:
        line = f"Current time: {NOW.astimezone().isoformat()} (Europe/Berlin)"
        call = ModelCall(model="todo", instructions=line, items=self.items, tools=SCHEMAS)
        async with DemoWire(words_per_second=0).stream(call) as stream:
            _ = [delta async for delta in stream]
        return stream.answer.items

    async def _output(self, item: dict[str, Any]) -> dict[str, Any]:
        self.used.append(item["name"])
        try:
            output = await self.call(item["name"], **msgspec.json.decode(item["arguments"]))
        except AppError as error:
            output = {"error": error.code, "detail": error.detail}
        return {
            "type": "function_call_output",
            "call_id": item["call_id"],
            "output": msgspec.json.encode(output).decode(),
        }


@pytest.fixture
async def talk(db: Database) -> Conversation:
    return Conversation(await caller(db))


def local(text: str) -> str:
    return f"{datetime.fromisoformat(text):%a %d.%m. %H:%M %z}"


async def test_a_day_with_the_demo(talk: Conversation) -> None:
    assert await talk.say("add buy milk tomorrow at 9") == ("Done! I added “buy milk” to your list, tomorrow at 09:00.")
    assert "“dentist”" in await talk.say("add dentist on Monday from 2 to 3pm #health")
    assert "“call mum”" in await talk.say("remind me to call mum")

    todos = {todo["item"]: todo for todo in await talk.todos()}
    assert local(todos["buy milk"]["start_time"]) == "Sat 21.11. 09:00 +0100"
    assert local(todos["dentist"]["end_time"]) == "Mon 23.11. 15:00 +0100"
    assert todos["dentist"]["tags"] == ["health"]
    assert todos["call mum"]["start_time"] is None

    assert await talk.say("What is on Monday?") == (
        "You have 1 thing on your list on Monday:\n\n- dentist, on Monday from 14:00 to 15:00"
    )
    assert await talk.say("what is on Sunday?") == "There is nothing on your list on Sunday."
    assert await talk.say("move the dentist to 4 pm") == ("I moved “dentist”: it is now on Monday from 16:00 to 17:00.")
    assert await talk.say("move it to Tuesday") == "I moved “dentist”: it is now on Tuesday from 16:00 to 17:00."
    assert await talk.say("done with milk") == "Well done! I marked “buy milk” as completed."
    assert await talk.say("when is the dentist?") == "“dentist” is on Tuesday from 16:00 to 17:00."
    assert await talk.say("rename call mum to call mum and dad") == "It is called “call mum and dad” now."
    assert await talk.say("make the dentist urgent") == "“dentist” is now urgent."
    assert await talk.say("delete the dentist") == "I deleted “dentist”."

    assert {todo["item"]: todo["status"] for todo in await talk.todos()} == {
        "buy milk": "completed",
        "call mum and dad": "pending",
    }


async def test_a_todo_without_a_time_of_day_is_in_the_morning(talk: Conversation) -> None:
    await talk.say("Create a todo for a meeting tomorrow")

    (todo,) = await talk.todos()
    assert (todo["item"], local(todo["start_time"])) == ("meeting", "Sat 21.11. 09:00 +0100")


async def test_when_several_fit_it_asks_which_one(talk: Conversation) -> None:
    await talk.say("add meeting with Bob tomorrow at 10")
    await talk.say("add meeting with Anna tomorrow at 11")

    asked = await talk.say("delete the meeting")
    assert asked.startswith(
        "Several todos fit “meeting”. Which one do you mean?\n\n1. meeting with Bob, tomorrow at 10:00"
    )
    assert len(await talk.todos()) == 2
    assert await talk.say("the second one") == "I deleted “meeting with Anna”."

    assert [todo["item"] for todo in await talk.todos()] == ["meeting with Bob"]


async def test_the_day_narrows_what_is_meant(talk: Conversation) -> None:
    await talk.say("add meeting with Bob on Saturday at 10")
    await talk.say("add meeting with Anna on Monday at 11")

    assert await talk.say("cancel the meeting on Monday") == "I deleted “meeting with Anna”."


async def test_what_is_not_there_is_not_changed(talk: Conversation) -> None:
    await talk.say("add buy milk")

    assert await talk.say("delete the piano") == "I found no todo that fits “piano”."
    assert await talk.say("delete it all") != ""
    assert len(await talk.todos()) == 1


async def test_another_form_of_the_words_is_found_as_well(talk: Conversation) -> None:
    await talk.say("add buy flowers")

    assert await talk.say("done with buying the flower") == "Well done! I marked “buy flowers” as completed."


async def test_what_fits_only_in_part_is_asked_about(talk: Conversation) -> None:
    await talk.say("add buy flowers")

    assert await talk.say("done with the flowers for mum") == (
        "I found no todo called “flowers for mum”. Do you mean “buy flowers”?"
    )
    assert talk.used == ["search_todos", "search_todos"]
    assert await talk.say("no") == "All right, nothing is changed."
    await talk.say("done with the flowers for mum")
    assert await talk.say("yes") == "Well done! I marked “buy flowers” as completed."


async def test_a_word_in_a_longer_word_is_not_meant(talk: Conversation) -> None:
    await talk.say("add milkshake")

    assert await talk.say("done with milk") == "I found no todo called “milk”. Do you mean “milkshake”?"
    await talk.say("add buy milk")
    assert await talk.say("done with milk") == "Well done! I marked “buy milk” as completed."

    assert {todo["item"]: todo["status"] for todo in await talk.todos()} == {
        "milkshake": "pending",
        "buy milk": "completed",
    }


async def test_of_several_the_one_of_that_name_is_meant(talk: Conversation) -> None:
    for item in ("buy milk", "milk", "sell milk"):
        await talk.say(f"add {item}")

    assert await talk.say("delete milk") == "I deleted “milk”."
    assert (await talk.say("delete milk")).startswith("Several todos fit “milk”. Which one do you mean?\n\n1. ")


async def test_a_priority_narrows_a_list(talk: Conversation) -> None:
    await talk.say("add buy milk")
    await talk.say("add a high priority task to file taxes")

    assert await talk.say("show my high priority todos") == "You have 1 important thing on your list:\n\n- file taxes"
    assert await talk.say("show my urgent todos") == "There is nothing urgent on your list."


async def test_all_are_counted_of_which_some_are_shown(talk: Conversation) -> None:
    for number in range(1, 58):
        await talk.call("create_todo", item=f"call {number}")

    listed = await talk.say("what is on my list?")
    assert listed.startswith("You have 57 things on your list:")
    assert listed.endswith("… and 37 more.")
    found = await talk.say("find call")
    assert found.startswith("I found 57 todos:")
    assert found.endswith("… and 37 more.")
    assert (await talk.say("delete call")).endswith("… and 37 more.")


async def test_days_are_a_todo_from_the_first_to_the_last(talk: Conversation) -> None:
    assert await talk.say("add trip from Monday to Wednesday") == (
        "Done! I added “trip” to your list, from Monday at 09:00 to Wednesday at 18:00."
    )
    assert "trip" in await talk.say("what is on Tuesday?")


async def test_an_unclear_date_is_settled_before_anything_is_stored(talk: Conversation) -> None:
    asked = await talk.say("add dentist 03/04/2027 at 10")

    assert asked == "03/04/2027 could be 3 April 2027 or 4 March 2027. Could you write it as in 2027-04-03?"
    assert await talk.todos() == []
    assert await talk.say("2027-03-04") == ("Done! I added “dentist” to your list, on Thursday, 4 March 2027 at 10:00.")


async def test_what_people_read_is_not_machine_text(talk: Conversation) -> None:
    await talk.say("add workshop on Monday from 9am to 11am")

    said = [
        await talk.say("schedule lunch on Monday at 10am"),
        await talk.say("how busy am I on Monday?"),
        await talk.say("start the workshop"),
        await talk.say("what is on Monday?"),
        await talk.say("make the workshop less important"),
        await talk.say(f"add {'very ' * 60}long walk"),
    ]

    for text in said:
        assert re.search(r"\d{4}-\d\d|T\d\d:|[0-9a-f]{8}-|_|\$|`", text) is None, text
    assert "on Monday at 09:00 to on" not in said[0]
    assert "Monday, 23 November: 1 planned (workshop)" in said[1]


async def test_a_free_hour_is_found_and_an_overlap_refused(talk: Conversation) -> None:
    await talk.say("add workshop on Monday from 9am to 11am")

    assert await talk.say("find an hour for the report on Monday") == (
        "Done! I added “report” to your list, on Monday from 11:00 to 12:00."
    )
    refused = await talk.say("schedule lunch on Monday at 10am")
    assert refused.startswith("That did not work: ")
    assert len(await talk.todos()) == 2


async def test_a_whole_day_is_moved_at_once(talk: Conversation) -> None:
    await talk.say("add gym on Saturday at 10")
    await talk.say("add cinema on Saturday at 8pm")

    moved = await talk.say("move everything from Saturday to Sunday")

    assert moved.startswith("I moved 2 todos:")
    assert [local(todo["start_time"]) for todo in await talk.todos()] == [
        "Sun 22.11. 10:00 +0100",
        "Sun 22.11. 20:00 +0100",
    ]


async def test_the_schedule_is_analyzed(talk: Conversation) -> None:
    await talk.say("add workshop on Monday from 9am to 11am")

    report = await talk.say("how busy am I on Monday?")

    assert report.startswith("Here is your schedule on Monday:")
    assert "1 planned (workshop); free 11:00 to 18:00" in report


async def test_quota_and_time_are_told(talk: Conversation) -> None:
    assert "You have 197 of 200 requests left this month; 3 are used." in await talk.say(
        "how much quota do I have left?"
    )
    assert await talk.say("what time is it?") == "It is 09:02 on Friday, 20 November 2026."
    assert "built-in demo" in await talk.say("tell me a joke")


async def test_a_refused_tool_call_is_told_as_it_is(talk: Conversation) -> None:
    assert (await talk.say(f"add {'very ' * 60}long walk")).startswith("That did not work: ")
    assert await talk.todos() == []
