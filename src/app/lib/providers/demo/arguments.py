"""What the tools are called with."""

from datetime import datetime
from typing import Any

from app.lib.providers.demo import answers
from app.lib.providers.demo.moment import Moment
from app.lib.providers.demo.phrases import Want
from app.lib.providers.demo.requests import Wish

_STATUS = {Want.FINISH: "completed", Want.REOPEN: "pending", Want.BEGIN: "in_progress"}
_MOST_DAYS = 31


def of_create(wish: Wish, moment: Moment) -> dict[str, Any]:
    start = moment.start(wish.when)
    arguments = _of_new(wish) | _times(wish, moment, start)
    if start is None and wish.when.minutes:
        # A length without a time has no other place.
        arguments["description"] = f"Takes {answers.length(wish.when.minutes)}."
    return arguments


def of_schedule(wish: Wish, moment: Moment) -> dict[str, Any]:
    arguments, when = _of_new(wish), wish.when
    start = moment.start(when) if when.at is not None or when.shift is not None else None
    if start is not None:
        arguments["start_time"] = start.isoformat()
    elif when.day is not None:
        arguments |= {"earliest": when.day.isoformat(), "latest": (when.last_day or when.day).isoformat()}
        if when.day == moment.today:
            arguments["earliest"] = moment.now.isoformat(timespec="seconds")
    if when.minutes is not None:
        arguments["duration_minutes"] = when.minutes
    return arguments


def of_list(wish: Wish) -> dict[str, Any]:
    narrowed = {"status": wish.status, "importance": wish.importance, "tag": next(iter(wish.tags), "")}
    arguments = {name: value for name, value in narrowed.items() if value}
    if wish.when.day is not None:
        arguments |= {"from": wish.when.day.isoformat(), "to": (wish.when.last_day or wish.when.day).isoformat()}
    return arguments


def of_analysis(wish: Wish) -> dict[str, Any]:
    day = wish.when.day
    if day is None:
        return {}
    days = ((wish.when.last_day or day) - day).days + 1
    return {"first_day": day.isoformat(), "days": min(days, _MOST_DAYS)}


def of_change(wish: Wish, todo: dict[str, Any], moment: Moment) -> dict[str, Any]:
    """Empty if it is not said when the todo shall be."""
    about = {"todo_id": todo.get("todo_id")}
    match wish.want:
        case Want.RENAME:
            return {**about, "item": wish.target}
        case Want.WEIGH:
            return {**about, "importance": wish.target}
        case Want.MOVE:
            start = moment.start(wish.when, was=moment.local(todo.get("start_time")))
            return {} if start is None else about | _times(wish, moment, start)
    return {**about, "status": _STATUS[wish.want]}


def _of_new(wish: Wish) -> dict[str, Any]:
    arguments: dict[str, Any] = {"item": wish.what}
    arguments |= {"importance": wish.importance} if wish.importance else {}
    return arguments | ({"tags": list(wish.tags)} if wish.tags else {})


def _times(wish: Wish, moment: Moment, start: datetime | None) -> dict[str, Any]:
    end = moment.end(wish.when, start)
    times = {"start_time": start.isoformat()} if start is not None else {}
    return times | ({"end_time": end.isoformat()} if start is not None and end is not None and end > start else {})
