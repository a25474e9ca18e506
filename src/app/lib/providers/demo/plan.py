"""What comes next: a call of a tool, or an answer. Each step is worked out anew from the conversation so far."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from app.lib.providers.demo import answers
from app.lib.providers.demo.history import Called, Turn, turns_of
from app.lib.providers.demo.moment import Moment, moment_of, told_moment
from app.lib.providers.demo.phrases import Want
from app.lib.providers.demo.requests import Wish, understand, words_of

_PRONOUNS = {"it", "that", "this", "that one", "this one"}
_EVERYTHING = {"all", "everything", "all todos", "all tasks", "all of them"}
_OPEN = {"pending", "in_progress"}
_SMALL_WORDS = {"the", "a", "an", "my", "with", "for", "to", "of", "and", "at", "on", "in", "appointment"}
_STATUS = {Want.FINISH: "completed", Want.REOPEN: "pending", Want.BEGIN: "in_progress"}
_ON_ONE = {Want.FINISH, Want.REOPEN, Want.BEGIN, Want.DELETE, Want.MOVE, Want.RENAME, Want.WEIGH}
_MOST_DAYS = 31
_SEARCHES = 2


@dataclass(frozen=True, slots=True)
class Say:
    text: str


@dataclass(frozen=True, slots=True)
class Do:
    tool: str
    arguments: dict[str, Any]


Step = Say | Do


def next_step(items: list[dict[str, Any]], instructions: str, tools: set[str]) -> Step:
    turns = turns_of(items)
    moment = _moment(turns[-1], instructions)
    if moment is None:
        return _without_a_clock(tools)
    wish = understand(turns[-1].said, moment.today)
    plain = _small_talk(wish, moment, has_tools=bool(tools))
    if plain is not None:
        return Say(plain)
    step = _Planner(turns, moment, tools).step(wish)
    if isinstance(step, Do) and step.tool not in tools:
        return Say(f"{answers.WHO_I_AM} For that I would need the tool {step.tool}, which this agent does not have.")
    return step


def _moment(turn: Turn, instructions: str) -> Moment | None:
    told = told_moment(instructions)
    for call in [] if told is not None else turn.calls_of("get_user_datetime"):
        told = moment_of(call.result.get("datetime"), call.result.get("time_zone"))
    return told


def _without_a_clock(tools: set[str]) -> Step:
    if not tools:
        return Say(answers.NO_TOOLS)
    if "get_user_datetime" in tools:
        return Do("get_user_datetime", {})
    return Say(f"{answers.WHO_I_AM} Nobody tells me what time it is, so I cannot plan anything.")


def _small_talk(wish: Wish, moment: Moment, *, has_tools: bool) -> str | None:
    match wish.want:
        case Want.TIME:
            return answers.time_told(moment)
        case Want.THANKS:
            return "You are welcome!"
        case Want.GREETING | Want.HELP if has_tools:
            return answers.greeting()
    return None if has_tools else answers.NO_TOOLS


class _Planner:
    def __init__(self, turns: list[Turn], moment: Moment, tools: set[str]) -> None:
        self._turns = turns
        self._turn = turns[-1]
        self._moment = moment
        self._tools = tools

    def step(self, wish: Wish) -> Step:
        plans: dict[Want, Callable[[Wish], Step]] = {
            Want.CREATE: self._create,
            Want.SCHEDULE: self._schedule,
            Want.LIST: self._list,
            Want.SEARCH: self._search,
            Want.ANALYZE: self._analyze,
            Want.QUOTA: self._quota,
            Want.MOVE_ALL: self._move_all,
            Want.CHOICE: self._chosen,
            **dict.fromkeys(_ON_ONE, self._on_one),
        }
        plan = plans.get(wish.want)
        return plan(wish) if plan is not None else Say(answers.UNKNOWN)

    def _done(self, *tools: str) -> Called | None:
        """The last call of one of these since the user spoke."""
        calls = self._turn.calls_of(*tools)
        return calls[-1] if calls else None

    def _create(self, wish: Wish) -> Step:
        call = self._done("create_todo")
        if call is not None:
            return Say(answers.failed(call) if call.error else answers.created(call.result, self._moment))
        start = self._moment.start(wish.when)
        return Do("create_todo", {"item": wish.what, **self._details(wish), **_times(self._moment, wish, start)})

    def _details(self, wish: Wish) -> dict[str, Any]:
        details: dict[str, Any] = {"importance": wish.importance} if wish.importance else {}
        return details | ({"tags": list(wish.tags)} if wish.tags else {})

    def _schedule(self, wish: Wish) -> Step:
        call = self._done("schedule_todo", "create_todo")
        if call is not None:
            return Say(answers.failed(call) if call.error else answers.created(call.result, self._moment))
        if "schedule_todo" not in self._tools:
            return self._create(wish)
        arguments: dict[str, Any] = {"item": wish.what, **self._details(wish)}
        when = wish.when
        if when.at is not None or when.shift is not None:
            start = self._moment.start(when)
            end = self._moment.end(when, start)
            arguments["start_time"] = start.isoformat() if start is not None else None
            if start is not None and end is not None:
                arguments["duration_minutes"] = round((end - start).total_seconds() / 60)
        elif when.day is not None:
            arguments |= {"earliest": when.day.isoformat(), "latest": (when.last_day or when.day).isoformat()}
            if when.day == self._moment.today:
                arguments["earliest"] = self._moment.now.isoformat(timespec="seconds")
        if when.minutes is not None:
            arguments["duration_minutes"] = when.minutes
        return Do("schedule_todo", arguments)

    def _list(self, wish: Wish) -> Step:
        call = self._done("get_todo_list")
        if call is not None:
            return Say(answers.failed(call) if call.error else answers.listed(wish, call, self._moment))
        arguments: dict[str, Any] = {"status": wish.status} if wish.status else {}
        if wish.when.day is not None:
            arguments |= {"from": wish.when.day.isoformat(), "to": (wish.when.last_day or wish.when.day).isoformat()}
        return Do("get_todo_list", arguments | ({"tag": wish.tags[0]} if wish.tags else {}))

    def _analyze(self, wish: Wish) -> Step:
        call = self._done("analyze_schedule")
        if call is not None:
            return Say(answers.failed(call) if call.error else answers.analyzed(wish, call.result, self._moment))
        day = wish.when.day
        if day is None:
            return Do("analyze_schedule", {})
        days = ((wish.when.last_day or day) - day).days + 1
        return Do("analyze_schedule", {"first_day": day.isoformat(), "days": min(days, _MOST_DAYS)})

    def _quota(self, _: Wish) -> Step:
        call = self._done("get_user_quota")
        if call is None:
            return Do("get_user_quota", {})
        return Say(answers.failed(call) if call.error else answers.quota(call.result, self._moment))

    def _search(self, wish: Wish) -> Step:
        found = self._found(wish)
        if isinstance(found, Do | Say):
            return found
        return Say(answers.found(found, self._moment) if found else answers.nothing_found(wish))

    def _found(self, wish: Wish) -> Step | list[dict[str, Any]]:
        """What fits the words, or the search to make first.

        A second search is for the longest word alone, so that "buying the milk" finds "buy milk".
        """
        searches = self._turn.calls_of("search_todos")
        if not searches:
            words = [word for word in words_of(wish.what) if word not in _SMALL_WORDS]
            return Do("search_todos", {"query": " ".join(words) or wish.what})
        if searches[-1].error:
            return Say(answers.failed(searches[-1]))
        shorter = max(words_of(wish.what), key=len, default="").removesuffix("s")
        if (
            not searches[-1].todos
            and len(searches) < _SEARCHES
            and shorter not in {"", searches[0].arguments.get("query")}
        ):
            return Do("search_todos", {"query": shorter})
        return searches[-1].todos

    def _on_one(self, wish: Wish) -> Step:
        acted = self._done("update_todo", "delete_todo")
        if acted is not None:
            return Say(answers.failed(acted) if acted.error else answers.changed(wish, acted.result, self._moment))
        if wish.what.lower() in _EVERYTHING:
            return Say("I change one todo at a time: tell me which one.")
        if wish.what.lower() in _PRONOUNS:
            last = self._last_todo()
            return (
                self._act(wish, last)
                if last is not None
                else Say("I am not sure which todo you mean. What is it called?")
            )
        found = self._found(wish)
        if isinstance(found, Do | Say):
            return found
        fitting = self._narrowed(wish, found)
        if not fitting:
            return Say(answers.nothing_found(wish))
        return self._act(wish, fitting[0]) if len(fitting) == 1 else Say(answers.which(wish, fitting, self._moment))

    def _narrowed(self, wish: Wish, todos: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Those of the found that are meant: open ones, the one of that name, the one of that day."""
        meant = [todo for todo in todos if (todo.get("status") in _OPEN) is not (wish.want is Want.REOPEN)]
        todos = meant or ([] if wish.want in {Want.FINISH, Want.REOPEN} else todos)
        exact = [todo for todo in todos if str(todo.get("item", "")).lower() == wish.what.lower()]
        todos = exact if len(exact) == 1 else todos
        if wish.source.day is not None and len(todos) > 1:
            starts = [(todo, self._moment.local(todo.get("start_time"))) for todo in todos]
            todos = [todo for todo, start in starts if start and start.date() == wish.source.day] or todos
        return todos

    def _act(self, wish: Wish, todo: dict[str, Any]) -> Step:
        about = {"todo_id": todo.get("todo_id")}
        match wish.want:
            case Want.DELETE:
                return Do("delete_todo", about)
            case Want.RENAME:
                return Do("update_todo", {**about, "item": wish.target})
            case Want.WEIGH:
                return Do("update_todo", {**about, "importance": wish.target})
            case Want.MOVE:
                start = self._moment.start(wish.when, was=self._moment.local(todo.get("start_time")))
                if start is None:
                    return Say(f"When shall I move {answers.named(todo)} to?")
                return Do("update_todo", {**about, **_times(self._moment, wish, start)})
        return Do("update_todo", {**about, "status": _STATUS[wish.want]})

    def _chosen(self, wish: Wish) -> Step:
        """What “the second one” means after we asked which one."""
        before = self._turns[-2] if len(self._turns) > 1 else Turn()
        asked = understand(before.said, self._moment.today)
        searches = before.calls_of("search_todos")
        if asked.want not in _ON_ONE or not searches:
            return Say(answers.UNKNOWN)
        todos = self._narrowed(asked, searches[-1].todos)
        index = wish.choice - 1 if wish.choice > 0 else len(todos) - 1
        if not 0 <= index < len(todos):
            return Say(f"There are only {len(todos)} of them.")
        acted = self._done("update_todo", "delete_todo")
        if acted is not None:
            return Say(answers.failed(acted) if acted.error else answers.changed(asked, acted.result, self._moment))
        return self._act(asked, todos[index])

    def _move_all(self, wish: Wish) -> Step:
        moved = self._done("batch_update_schedule")
        if moved is not None:
            return Say(answers.failed(moved) if moved.error else answers.moved_all(moved.todos, self._moment))
        listed = self._done("get_todo_list")
        day = wish.source.day or self._moment.today
        if listed is None:
            return Do("get_todo_list", {"from": day.isoformat(), "to": (wish.source.last_day or day).isoformat()})
        updates = []
        for todo in listed.todos:
            was = self._moment.local(todo.get("start_time"))
            # Each keeps its time of day; "by two days" and "to Monday" move only the day.
            target = self._moment.start(replace(wish.when, at=None) if wish.when.day else wish.when, was=was)
            if was is not None and target is not None and todo.get("status") in _OPEN:
                updates.append({"todo_id": todo.get("todo_id"), "start_time": target.isoformat()})
        if not updates:
            return Say(f"There is nothing to move{answers.period_of(replace(wish, when=wish.source), self._moment)}.")
        return Do("batch_update_schedule", {"updates": updates})

    def _last_todo(self) -> dict[str, Any] | None:
        """The todo that was talked of last."""
        calls = [call for turn in self._turns for call in turn.calls]
        return next((call.todos[0] for call in reversed(calls) if len(call.todos) == 1), None)


def _times(moment: Moment, wish: Wish, start: Any) -> dict[str, Any]:
    end = moment.end(wish.when, start)
    times = {"start_time": start.isoformat()} if start is not None else {}
    return times | ({"end_time": end.isoformat()} if end is not None and end - start > timedelta() else {})
