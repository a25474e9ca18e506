"""`/api/todos` and `/api/tags`."""

from typing import Annotated
from uuid import UUID

from litestar import Controller, delete, get, patch, post
from litestar.di import NamedDependency, Provide
from litestar.openapi import ResponseSpec
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.accounts.schemas import Principal
from app.domain.todos.schemas import (
    Importance,
    NewTag,
    NewTodo,
    Status,
    TagList,
    TagView,
    TodoChanges,
    TodoFilter,
    TodoList,
    TodoView,
)
from app.domain.todos.service import TagService, TodoService
from app.lib.zones import zone_named

# Litestar checks what stands in the parameter, not a Meta beside it.
Limit = Annotated[int, QueryParameter(ge=1, le=100)]
Offset = Annotated[int, QueryParameter(ge=0, le=1_000_000)]
SearchText = Annotated[str | None, QueryParameter(max_length=200)]


def provide_todos(db_session: NamedDependency[AsyncSession], user: NamedDependency[Principal]) -> TodoService:
    return TodoService.open(db_session, user.user_id, zone_named(user.time_zone))


def provide_tag_service(db_session: NamedDependency[AsyncSession], user: NamedDependency[Principal]) -> TagService:
    return TagService.open(db_session, user.user_id)


class TodoController(Controller):
    path = "/api/todos"
    tags = ["todos"]
    dependencies = {"todos": Provide(provide_todos, sync_to_thread=False)}

    @get()
    async def list_todos(
        self,
        *,
        todos: NamedDependency[TodoService],
        status: FromQuery[Status | None] = None,
        importance: FromQuery[Importance | None] = None,
        tag: SearchText = None,
        since: Annotated[str | None, QueryParameter(name="from", max_length=200)] = None,
        until: Annotated[str | None, QueryParameter(name="to", max_length=200)] = None,
        q: SearchText = None,
        limit: Limit = 50,
        offset: Offset = 0,
    ) -> TodoList:
        """List the caller's todos, those with a time first and in its order."""
        filters = TodoFilter(status=status, importance=importance, tag=tag, since=since, until=until, q=q)
        return await todos.page(filters, limit=limit, offset=offset)

    @post()
    async def create(self, data: JSONBody[NewTodo], todos: NamedDependency[TodoService]) -> TodoView:
        """Add a todo."""
        return await todos.create(data)

    @get("/{todo_id:uuid}")
    async def read(self, todo_id: FromPath[UUID], todos: NamedDependency[TodoService]) -> TodoView:
        """Show a todo."""
        return await todos.get(todo_id)

    @patch("/{todo_id:uuid}")
    async def update(
        self, todo_id: FromPath[UUID], data: JSONBody[TodoChanges], todos: NamedDependency[TodoService]
    ) -> TodoView:
        """Change what the body names and leave the rest."""
        return await todos.update(todo_id, data)

    @delete("/{todo_id:uuid}")
    async def remove(self, todo_id: FromPath[UUID], todos: NamedDependency[TodoService]) -> None:
        """Delete a todo."""
        await todos.delete(todo_id)


class TagController(Controller):
    path = "/api/tags"
    tags = ["todos"]
    dependencies = {"tag_service": Provide(provide_tag_service, sync_to_thread=False)}

    @get()
    async def list_tags(
        self,
        tag_service: NamedDependency[TagService],
        limit: Limit = 100,
        offset: Offset = 0,
    ) -> TagList:
        """List the caller's tags by name."""
        return await tag_service.page(limit=limit, offset=offset)

    @post(responses={409: ResponseSpec(None, description="`tag_taken`")})
    async def create(self, data: JSONBody[NewTag], tag_service: NamedDependency[TagService]) -> TagView:
        """Make a tag."""
        return await tag_service.create(data.name)

    @delete("/{tag_id:uuid}")
    async def remove(self, tag_id: FromPath[UUID], tag_service: NamedDependency[TagService]) -> None:
        """Delete a tag, also from the todos that have it."""
        await tag_service.delete(tag_id)
