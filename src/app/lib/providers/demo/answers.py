"""How the demo talks."""

import re
from datetime import datetime
from typing import Any

from app.lib.providers.demo.history import Called
from app.lib.providers.demo.moment import Moment
from app.lib.providers.demo.phrases import Want
from app.lib.providers.demo.requests import Wish

WHO_I_AM = "I am a small built-in demo: a handful of rules, without a language model behind them."
WHAT_I_UNDERSTAND = (
    "I understand plain requests about your todo list, such as “add buy milk tomorrow at 9”, “what is on Friday?”, "
    "“done with milk”, “move the dentist to 3 pm”, “find an hour for the report tomorrow”, “delete the meeting” or "
    "“how much quota do I have left?”"
)
NO_TOOLS = f"{WHO_I_AM} Here I have no tools to work with, so all I can do is say so. Choose a real model to talk to."
ONE_AT_A_TIME = "I change one todo at a time: tell me which one."
WHICH = "I am not sure which todo you mean. What is it called?"
WHAT_TO_ADD = "What shall I add to your list?"
UNKNOWN = f"{WHO_I_AM} I did not understand that. {WHAT_I_UNDERSTAND}"
_MOST_LISTED = 20
_STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)?"
_STAMPS = re.compile(rf"(?P<start>{_STAMP})(?: to (?P<end>{_STAMP}))?")
_REASONS = {
    "todo_not_found": "that todo is not on your list any more",
    "tool_input_invalid": "I cannot put it into a todo, perhaps because it is too long",
}
_WEIGHTS = {"urgent": "urgent ", "high": "important ", "medium": "normal ", "low": "less important "}
_DONE = {"completed": " (done)", "in_progress": " (in progress)", "cancelled": " (cancelled)"}


def greeting() -> str:
    return f"Hello! {WHO_I_AM} {WHAT_I_UNDERSTAND}"


def named(todo: dict[str, Any]) -> str:
    return f"“{todo.get('item') or 'that todo'}”"


def failed(call: Called, moment: Moment) -> str:
    def in_words(stamps: re.Match[str]) -> str:
        start = moment.local(stamps["start"])
        return stamps[0] if start is None else moment.in_words(start, moment.local(stamps["end"]))

    detail = _REASONS.get(call.error_code) or _STAMPS.sub(in_words, call.error.rstrip("."))
    return f"That did not work: {detail}."


def length(minutes: int) -> str:
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, "hour"), (minutes, "minute"))
    return " and ".join(f"{count} {unit}{'' if count == 1 else 's'}" for count, unit in parts if count)


def created(todo: dict[str, Any], moment: Moment) -> str:
    time = time_of(todo, moment)
    tags = todo.get("tags")
    more = f" It is tagged {', '.join(f'#{tag}' for tag in tags)}." if tags else ""
    return f"Done! I added {named(todo)} to your list{f', {time}' if time else ''}.{more}{_described(todo)}"


def _described(todo: dict[str, Any]) -> str:
    return f" {todo['description']}" if todo.get("description") else ""


_CHANGED = {
    Want.FINISH: "Well done! I marked {name} as completed.",
    Want.REOPEN: "I opened {name} again.",
    Want.BEGIN: "Good luck! {name} is now in progress.",
    Want.DELETE: "I deleted {name}.",
    Want.RENAME: "It is called {name} now.",
    Want.WEIGH: "{name} is now {importance}.",
    Want.MOVE: "I moved {name}: it is now {time}.",
}


def changed(wish: Wish, todo: dict[str, Any], moment: Moment) -> str:
    time = time_of(todo, moment) or "without a time"
    importance = _WEIGHTS.get(str(todo.get("importance")), "of another importance")
    return _CHANGED[wish.want].format(name=named(todo), importance=importance.strip(), time=time)


def listed(wish: Wish, call: Called, moment: Moment) -> str:
    todos = call.todos
    about = {"completed": "completed ", "in_progress": "started ", "pending": "open "}.get(wish.status, "")
    about += _WEIGHTS.get(wish.importance, "")
    period = period_of(wish, moment)
    if not todos:
        return f"There is nothing {about}on your list{period}." if about or period else "Your list is empty."
    total = call.total
    count = f"{total} {about}{'thing' if total == 1 else 'things'}"
    return f"You have {count} on your list{period}:\n\n{bullets(todos, moment)}{_rest(total, len(todos))}"


def bullets(todos: list[dict[str, Any]], moment: Moment, *, numbered: bool = False) -> str:
    lines = []
    for number, todo in enumerate(todos[:_MOST_LISTED], 1):
        time = time_of(todo, moment)
        mark = f"{number}." if numbered else "-"
        lines.append(f"{mark} {todo.get('item')}{f', {time}' if time else ''}{_DONE.get(str(todo.get('status')), '')}")
    return "\n".join(lines)


def _rest(total: int, shown: int) -> str:
    more = total - min(shown, _MOST_LISTED)
    return f"\n\n… and {more} more." if more > 0 else ""


def which(wish: Wish, todos: list[dict[str, Any]], moment: Moment) -> str:
    if len(todos) == 1:
        return f"I found no todo called “{wish.what}”. Do you mean {named(todos[0])}?"
    shown = f"{bullets(todos, moment, numbered=True)}{_rest(len(todos), len(todos))}"
    return f"Several todos fit “{wish.what}”. Which one do you mean?\n\n{shown}"


def nothing_found(wish: Wish) -> str:
    return f"I found no todo that fits “{wish.what}”."


def found(todos: list[dict[str, Any]], total: int, moment: Moment) -> str:
    if len(todos) == 1:
        time = time_of(todos[0], moment)
        state = _DONE.get(str(todos[0].get("status")), "")
        return (
            f"{named(todos[0])}{state} is {time}."
            if time
            else f"{named(todos[0])}{state} is on your list, without a time."
        )
    return f"I found {total} todos:\n\n{bullets(todos, moment)}{_rest(total, len(todos))}"


def analyzed(wish: Wish, report: dict[str, Any], moment: Moment) -> str:
    days = [day for day in report.get("days", []) if isinstance(day, dict)]
    lines = [f"- {_day_line(day, moment)}" for day in days]
    overlaps = [pair for pair in report.get("overlaps", []) if isinstance(pair, list) and len(pair) > 1]
    clashes = "; ".join(f"{named(one)} and {named(other)}" for one, other, *_ in overlaps)
    text = f"Here is your schedule{period_of(wish, moment)}:\n\n" + "\n".join(lines)
    return text + (f"\n\nThese overlap: {clashes}." if clashes else "\n\nNothing overlaps.")


def _day_line(day: dict[str, Any], moment: Moment) -> str:
    todos = [todo for todo in day.get("todos", []) if isinstance(todo, dict)]
    free = [(moment.local(slot.get("start_time")), moment.local(slot.get("end_time"))) for slot in day.get("free", [])]
    spans = [f"{start:%H:%M} to {end:%H:%M}" for start, end in free if start and end]
    planned = (
        f"{len(todos)} planned ({', '.join(str(todo.get('item')) for todo in todos)})" if todos else "nothing planned"
    )
    told = moment.local(day.get("date"))
    name = f"{told:%A}, {told.day} {told:%B}" if told else "Some day"
    return f"{name}: {planned}; free {', '.join(spans) if spans else 'never'}"


def time_told(moment: Moment) -> str:
    now = moment.now
    return f"It is {now:%H:%M} on {now:%A}, {now.day} {now:%B} {now.year}."


def quota(status: dict[str, Any], moment: Moment) -> str:
    left, limit, used = (status.get(f"requests_{name}") for name in ("remaining", "limit", "used"))
    reset = moment.local(status.get("reset_date"))
    renewed = f" It starts anew on {reset:%A}, {reset.day} {reset:%B}." if reset else ""
    return f"You have {left} of {limit} requests left this month; {used} are used.{renewed}"


def moved_all(todos: list[dict[str, Any]], moment: Moment) -> str:
    count = f"{len(todos)} {'todo' if len(todos) == 1 else 'todos'}"
    return f"I moved {count}:\n\n{bullets(todos, moment)}{_rest(len(todos), len(todos))}"


def time_of(todo: dict[str, Any], moment: Moment) -> str:
    start: datetime | None = moment.local(todo.get("start_time"))
    return "" if start is None else moment.in_words(start, moment.local(todo.get("end_time")))


def period_of(wish: Wish, moment: Moment) -> str:
    day, last = wish.when.day, wish.when.last_day
    if day is None:
        return ""
    if last is None or last == day:
        return f" {moment.day_in_words(day)}"
    return f" from {day:%A}, {day.day} {day:%B} to {last:%A}, {last.day} {last:%B}"
