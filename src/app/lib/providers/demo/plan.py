"""What comes next: a call of a tool, or an answer. Each step is worked out anew from the conversation so far."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from app.lib.providers.demo import answers, arguments, matching
from app.lib.providers.demo.history import Called, Turn, turns_of
from app.lib.providers.demo.moment import Moment, moment_of, told_moment
from app.lib.providers.demo.phrases import Want
from app.lib.providers.demo.requests import Wish, understand, understand_reply

_PRONOUNS = {"", "it", "that", "this", "that one", "this one"}
_EVERYTHING = {"all", "everything", "all todos", "all tasks", "all of them"}
_OPEN = {"pending", "in_progress"}
_ON_ONE = {Want.FINISH, Want.REOPEN, Want.BEGIN, Want.DELETE, Want.MOVE, Want.RENAME, Want.WEIGH}
_REPLIES = {Want.UNKNOWN, Want.CREATE}
_MOST_FOUND = 100
_SEARCHES = 2
_REMEMBERED = 3
"""How many turns it takes to ask, ask again and be told."""


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
    wish = _wish_of(turns[-_REMEMBERED:], moment)
    plain = _small_talk(wish, moment, has_tools=bool(tools))
    if plain is not None:
        return Say(plain)
    step = _Planner(turns, moment, tools).step(wish)
    if isinstance(step, Do) and step.tool not in tools:
        return Say(f"{answers.WHO_I_AM} For that I would need the tool {step.tool}, which this agent does not have.")
    return step


def _moment(turn: Turn, instructions: str) -> Moment | None:
    told = told_moment(turn.told) or told_moment(instructions)
    for call in [] if told is not None else turn.calls_of("get_user_datetime"):
        told = moment_of(call.result.get("datetime"), call.result.get("time_zone"))
    return told


def _wish_of(turns: list[Turn], moment: Moment) -> Wish:
    """What is asked for now, which may be the answer to what we asked before."""
    wish = understand(turns[-1].said, moment.today)
    if len(turns) > 1 and wish.want in _REPLIES:
        before = _wish_of(turns[:-1], moment)
        return understand_reply(before, turns[-1].said, moment.today) or wish
    return wish


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
        if plan is None:
            return Say(answers.UNKNOWN)
        problem = wish.when.problem or wish.source.problem
        return Say(problem) if problem else plan(wish)

    def _done(self, *tools: str) -> Called | None:
        """The last call of one of these since the user spoke."""
        calls = self._turn.calls_of(*tools)
        return calls[-1] if calls else None

    def _create(self, wish: Wish) -> Step:
        call = self._done("create_todo")
        if call is not None:
            return Say(answers.failed(call, self._moment) if call.error else answers.created(call.result, self._moment))
        if not wish.what:
            return Say(answers.WHAT_TO_ADD)
        return Do("create_todo", arguments.of_create(wish, self._moment))

    def _schedule(self, wish: Wish) -> Step:
        call = self._done("schedule_todo", "create_todo")
        if call is not None:
            return Say(answers.failed(call, self._moment) if call.error else answers.created(call.result, self._moment))
        if "schedule_todo" not in self._tools:
            return self._create(wish)
        return Do("schedule_todo", arguments.of_schedule(wish, self._moment))

    def _list(self, wish: Wish) -> Step:
        call = self._done("get_todo_list")
        if call is not None:
            return Say(answers.failed(call, self._moment) if call.error else answers.listed(wish, call, self._moment))
        return Do("get_todo_list", arguments.of_list(wish))

    def _analyze(self, wish: Wish) -> Step:
        call = self._done("analyze_schedule")
        if call is not None:
            return Say(
                answers.failed(call, self._moment) if call.error else answers.analyzed(wish, call.result, self._moment)
            )
        return Do("analyze_schedule", arguments.of_analysis(wish))

    def _quota(self, _: Wish) -> Step:
        call = self._done("get_user_quota")
        if call is None:
            return Do("get_user_quota", {})
        return Say(answers.failed(call, self._moment) if call.error else answers.quota(call.result, self._moment))

    def _search(self, wish: Wish) -> Step:
        found = self._found(wish)
        if isinstance(found, Do | Say):
            return found
        todos, fits = matching.best(wish.what, found)
        # Where no name fits it may be told in a description.
        todos = todos if fits else found
        total = self._turn.calls_of("search_todos")[-1].total if len(todos) == len(found) else len(todos)
        return Say(answers.found(todos, total, self._moment) if todos else answers.nothing_found(wish))

    def _found(self, wish: Wish) -> Step | list[dict[str, Any]]:
        """What has the words in it, or the search to make first."""
        searches = self._turn.calls_of("search_todos")
        query = matching.wider_search_for(wish.what) if searches else matching.search_for(wish.what)
        if searches and searches[-1].error:
            return Say(answers.failed(searches[-1], self._moment))
        tried = [call.arguments.get("query") for call in searches]
        if not searches or (not searches[-1].todos and len(searches) < _SEARCHES and query and query not in tried):
            return Do("search_todos", {"query": query, "limit": _MOST_FOUND})
        return searches[-1].todos

    def _on_one(self, wish: Wish) -> Step:
        acted = self._done("update_todo", "delete_todo")
        if acted is not None:
            return self._told(wish, acted)
        if wish.what.lower() in _PRONOUNS:
            last = self._last_todo()
            return Say(answers.WHICH) if last is None else self._act(wish, last)
        found = Say(answers.ONE_AT_A_TIME) if wish.what.lower() in _EVERYTHING else self._found(wish)
        if isinstance(found, Do | Say):
            return found
        fitting, certain = self._narrowed(wish, found)
        if not fitting:
            return Say(answers.nothing_found(wish))
        if certain and len(fitting) == 1:
            return self._act(wish, fitting[0])
        return Say(answers.which(wish, fitting, self._moment))

    def _narrowed(self, wish: Wish, todos: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], bool]:
        """Those of the found that are meant, and whether the words leave no doubt: open ones, whole words, that day."""
        meant = [todo for todo in todos if (todo.get("status") in _OPEN) is not (wish.want is Want.REOPEN)]
        todos = meant or ([] if wish.want in {Want.FINISH, Want.REOPEN} else todos)
        todos, certain = matching.best(wish.what, todos)
        if wish.source.day is not None and len(todos) > 1:
            starts = [(todo, self._moment.local(todo.get("start_time"))) for todo in todos]
            todos = [todo for todo, start in starts if start and start.date() == wish.source.day] or todos
        return todos, certain

    def _act(self, wish: Wish, todo: dict[str, Any]) -> Step:
        if wish.want is Want.DELETE:
            return Do("delete_todo", {"todo_id": todo.get("todo_id")})
        changes = arguments.of_change(wish, todo, self._moment)
        return Do("update_todo", changes) if changes else Say(f"When shall I move {answers.named(todo)} to?")

    def _chosen(self, wish: Wish) -> Step:
        """What “the second one” means after we asked which one."""
        if not wish.choice:
            return Say("All right, nothing is changed.")
        before = self._turns[-2] if len(self._turns) > 1 else Turn()
        asked = _wish_of(self._turns[-_REMEMBERED:-1] or [Turn()], self._moment)
        searches = before.calls_of("search_todos")
        if asked.want not in _ON_ONE or not searches or before.calls_of("update_todo", "delete_todo"):
            return Say(answers.UNKNOWN)
        acted = self._done("update_todo", "delete_todo")
        if acted is not None:
            return self._told(asked, acted)
        todos, _ = self._narrowed(asked, searches[-1].todos)
        if wish.what == "yes" and len(todos) > 1:
            return Say(answers.which(asked, todos, self._moment))
        index = wish.choice - 1 if wish.choice > 0 else len(todos) - 1
        if not 0 <= index < len(todos):
            return Say(f"There {'is' if len(todos) == 1 else 'are'} only {len(todos)} of them.")
        return self._act(asked, todos[index])

    def _told(self, wish: Wish, call: Called) -> Step:
        told = answers.changed(wish, call.result, self._moment)
        return Say(answers.failed(call, self._moment) if call.error else told)

    def _move_all(self, wish: Wish) -> Step:
        moved = self._done("batch_update_schedule")
        if moved is not None:
            return Say(
                answers.failed(moved, self._moment) if moved.error else answers.moved_all(moved.todos, self._moment)
            )
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
