"""The tools that keep a todo list."""

from typing import Annotated, Any, Literal
from uuid import UUID

from msgspec import Meta, Struct, field
from msgspec.structs import asdict

from app.domain.agents.tools.desk import Desk, told
from app.domain.agents.tools.tool import Tool
from app.domain.todos.schemas import (
    Description,
    Importance,
    Item,
    NewTodo,
    Status,
    TagNames,
    Time,
    TodoChanges,
    TodoFilter,
)

TodoId = Annotated[UUID, Meta(description="The todo_id of a todo, as the other tools return it.")]
Start = Annotated[
    Time, Meta(description="ISO 8601, such as 2026-11-22T09:00. Without an offset it is in the user's time zone.")
]
End = Annotated[Time, Meta(description="ISO 8601. It must be after the start.")]
Title = Annotated[Item, Meta(description="What is to be done, in a few words.")]
Details = Annotated[Description, Meta(description="Details, where there are any.")]
Tags = Annotated[TagNames, Meta(description="Names of tags. New ones are made.")]
From = Annotated[Time, Meta(description="Only todos from this date or time on, ISO 8601.")]
To = Annotated[Time, Meta(description="Only todos until this time, or until the end of this date, ISO 8601.")]
Limit = Annotated[int, Meta(ge=1, le=100, description="How many at most.")]


class CreateTodo(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    item: Title
    description: Details | None = None
    importance: Importance = "medium"
    start_time: Start | None = None
    end_time: End | None = None
    tags: Tags = []


class UpdateTodo(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    todo_id: TodoId
    item: Title | None = None
    description: Details | None = None
    status: Status | None = None
    importance: Importance | None = None
    start_time: Start | None = None
    end_time: End | None = None
    tags: Annotated[TagNames, Meta(description="All its tags from now on; an empty list takes them off.")] | None = None
    clear: Annotated[
        list[Literal["description", "start_time", "end_time"]],
        Meta(description="What the todo shall not have any more."),
    ] = []


class DeleteTodo(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    todo_id: TodoId


class GetTodoList(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    status: Status | None = None
    importance: Importance | None = None
    tag: Annotated[str, Meta(max_length=200, description="The name of a tag.")] | None = None
    since: From | None = field(default=None, name="from")
    until: To | None = field(default=None, name="to")
    limit: Limit = 50
    offset: Annotated[int, Meta(ge=0, le=1_000_000, description="How many to skip.")] = 0


class SearchTodos(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    query: Annotated[str, Meta(min_length=1, max_length=200, description="Words that all occur in the todo.")]
    status: Status | None = None
    limit: Limit = 20


async def create_todo(desk: Desk, arguments: CreateTodo) -> dict[str, Any]:
    zone = await desk.zone()
    return told(await desk.todos(zone).create(NewTodo(**asdict(arguments)), make_tags=True), zone)


async def update_todo(desk: Desk, arguments: UpdateTodo) -> dict[str, Any]:
    zone = await desk.zone()
    given: dict[str, Any] = {name: value for name, value in asdict(arguments).items() if value is not None}
    todo_id, clear = given.pop("todo_id"), given.pop("clear")
    changes = TodoChanges(**given | dict.fromkeys(clear))
    return told(await desk.todos(zone).update(todo_id, changes, make_tags=True, keep_length=True), zone)


async def delete_todo(desk: Desk, arguments: DeleteTodo) -> dict[str, Any]:
    zone = await desk.zone()
    return {**told(await desk.todos(zone).delete(arguments.todo_id), zone), "deleted": True}


async def get_todo_list(desk: Desk, arguments: GetTodoList) -> dict[str, Any]:
    filters = TodoFilter(
        status=arguments.status,
        importance=arguments.importance,
        tag=arguments.tag,
        since=arguments.since,
        until=arguments.until,
    )
    return await _found(desk, filters, limit=arguments.limit, offset=arguments.offset)


async def search_todos(desk: Desk, arguments: SearchTodos) -> dict[str, Any]:
    return await _found(desk, TodoFilter(q=arguments.query, status=arguments.status), limit=arguments.limit, offset=0)


async def _found(desk: Desk, filters: TodoFilter, *, limit: int, offset: int) -> dict[str, Any]:
    zone = await desk.zone()
    page = await desk.todos(zone).page(filters, limit=limit, offset=offset)
    return {"todos": [told(todo, zone) for todo in page.items], "total": page.total}


TOOLS = [
    Tool("create_todo", "Add a todo to the user's list.", CreateTodo, create_todo, effect=True),
    Tool(
        "update_todo",
        "Change a todo: only what is given changes. Finish one with status completed. A new start_time alone moves it "
        "and keeps its length.",
        UpdateTodo,
        update_todo,
        effect=True,
    ),
    Tool("delete_todo", "Delete a todo for good.", DeleteTodo, delete_todo, effect=True),
    Tool(
        "get_todo_list",
        "List the user's todos, by time, narrowed to a status, importance, tag or period.",
        GetTodoList,
        get_todo_list,
    ),
    Tool("search_todos", "Find todos by words in them, for example to learn a todo_id.", SearchTodos, search_todos),
]
