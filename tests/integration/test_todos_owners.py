"""What is one user's is not another's, on every way there is."""

from collections.abc import Awaitable, Callable
from inspect import Parameter, signature
from typing import Any
from uuid import UUID

import pytest
from advanced_alchemy.exceptions import NotFoundError
from advanced_alchemy.repository import SQLAlchemyAsyncRepository
from litestar import Litestar
from litestar.di import Provide
from sqlalchemy import select

from app.domain.todos.controllers import TagController, TodoController
from app.domain.todos.models import Tag
from app.domain.todos.repository import TagRepository
from app.lib.db.engine import Database
from app.lib.db.owned import OwnedRepository
from tests.integration.conftest import SignUp
from tests.people import new_owner

ON_ONE = {
    ("GET", "/api/todos/{todo_id:uuid}"),
    ("PATCH", "/api/todos/{todo_id:uuid}"),
    ("DELETE", "/api/todos/{todo_id:uuid}"),
    ("DELETE", "/api/tags/{tag_id:uuid}"),
}
ON_ALL = {("GET", "/api/todos"), ("POST", "/api/todos"), ("GET", "/api/tags"), ("POST", "/api/tags")}


def test_every_route_is_in_one_of_the_tables() -> None:
    given = {name: Provide(lambda: None, sync_to_thread=False) for name in ("db_session", "user")}
    app = Litestar([TodoController, TagController], dependencies=given, openapi_config=None)

    routes = {(method, route.path) for route in app.routes for method in getattr(route, "methods", ())}

    assert {route for route in routes if route[0] not in {"OPTIONS", "HEAD"}} == ON_ONE | ON_ALL


async def test_another_users_todos_and_tags_do_not_exist(sign_up: SignUp) -> None:
    owner, stranger = await sign_up(), await sign_up()
    tag = (await owner.post("/api/tags", json={"name": "home"})).json()
    todo = (await owner.post("/api/todos", json={"item": "Milk", "tags": ["home"]})).json()

    for method, path in ON_ONE:
        body = {"item": "Stolen"} if method == "PATCH" else None
        url = path.replace("{todo_id:uuid}", todo["id"]).replace("{tag_id:uuid}", tag["id"])
        response = await stranger.request(method, url, json=body)
        assert response.status_code == 404, (method, path)
    for query in ("", "?q=milk", "?tag=home", "?status=pending"):
        assert (await stranger.get(f"/api/todos{query}")).json()["total"] == 0
    assert (await stranger.get("/api/tags")).json()["total"] == 0
    assert (await stranger.post("/api/todos", json={"item": "Mine", "tags": ["home"]})).status_code == 422
    assert (await stranger.post("/api/tags", json={"name": "home"})).status_code == 201

    assert (await owner.get("/api/todos")).json()["items"] == [todo]
    assert (await owner.get("/api/tags")).json()["items"] == [tag]


async def test_nobody_gets_in_without_a_token(sign_up: SignUp) -> None:
    client = await sign_up()
    client.headers.pop("Authorization")

    for method, path in ON_ONE | ON_ALL:
        url = path.replace("{todo_id:uuid}", "0" * 32).replace("{tag_id:uuid}", "0" * 32)
        assert (await client.request(method, url, json={})).status_code == 401, (method, path)


# Every method that a repository inherits, called by a stranger with what is another owner's.

Call = Callable[[TagRepository, Tag], Awaitable[Any]]


def renamed(tag: Tag, **other: Any) -> Tag:
    return Tag(id=tag.id, name="stolen", name_key="stolen", **other)


async def found_nothing(outcome: Awaitable[Any]) -> bool:
    try:
        found = await outcome
    except NotFoundError:
        return True
    return found in (None, 0, [], ([], 0), {}, False)


NOTHING: dict[str, list[Call]] = {
    "find": [lambda tags, theirs: tags.find(theirs.id)],
    "page": [lambda tags, theirs: tags.page(Tag.id == theirs.id, order_by=(Tag.id,), limit=9, offset=0)],
    "get": [
        lambda tags, theirs: tags.get(theirs.id),
        lambda tags, theirs: tags.get("home", id_attribute="name"),
        lambda tags, theirs: tags.get(theirs.id, statement=select(Tag)),
    ],
    "get_one": [
        lambda tags, theirs: tags.get_one(Tag.id == theirs.id),
        lambda tags, theirs: tags.get_one(statement=select(Tag), id=theirs.id),
    ],
    "get_one_or_none": [
        lambda tags, theirs: tags.get_one_or_none(id=theirs.id),
        lambda tags, theirs: tags.get_one_or_none(statement=select(Tag)),
    ],
    "get_many": [
        lambda tags, theirs: tags.get_many(Tag.id == theirs.id),
        lambda tags, theirs: tags.get_many(statement=select(Tag)),
    ],
    "list": [lambda tags, theirs: tags.list(), lambda tags, theirs: tags.list(statement=select(Tag))],
    "count": [
        lambda tags, theirs: tags.count(Tag.id == theirs.id),
        lambda tags, theirs: tags.count(statement=select(Tag)),
    ],
    "exists": [lambda tags, theirs: tags.exists(id=theirs.id)],
    "delete": [
        lambda tags, theirs: tags.delete(theirs.id),
        lambda tags, theirs: tags.delete("home", id_attribute="name"),
    ],
    "update": [lambda tags, theirs: tags.update(renamed(theirs))],
}
REFUSED: dict[str, list[Call]] = {
    "add": [lambda tags, theirs: tags.add(Tag(name="x", name_key="x", owner_id=theirs.owner_id))],
    "add_many": [lambda tags, theirs: tags.add_many([Tag(name="x", name_key="x", owner_id=theirs.owner_id)])],
    "update": [
        lambda tags, theirs: tags.update(theirs),
        lambda tags, theirs: tags.update(renamed(theirs, owner_id=theirs.owner_id)),
    ],
    "delete_many": [lambda tags, theirs: tags.delete_many([theirs.id])],
    "delete_where": [lambda tags, theirs: tags.delete_where(id=theirs.id)],
    "update_many": [lambda tags, theirs: tags.update_many([renamed(theirs)])],
    "upsert": [lambda tags, theirs: tags.upsert(renamed(theirs))],
    "upsert_many": [lambda tags, theirs: tags.upsert_many([renamed(theirs)])],
    "get_or_upsert": [lambda tags, theirs: tags.get_or_upsert(id=theirs.id, name="stolen")],
    "get_and_update": [lambda tags, theirs: tags.get_and_update(id=theirs.id, name="stolen")],
    "get_many_and_count": [lambda tags, theirs: tags.get_many_and_count(Tag.id == theirs.id)],
    "list_and_count": [lambda tags, theirs: tags.list_and_count(Tag.id == theirs.id)],
}
HARMLESS = {
    # They look at the model or at one instance, and never at the table.
    *("check_health", "check_not_found", "get_id_attribute_value"),
    *("get_primary_key_value", "has_primary_key_values", "set_id_attribute_value"),
}


def test_every_inherited_method_is_in_one_of_the_tables() -> None:
    public = {
        name for name in dir(OwnedRepository) if not name.startswith("_") and callable(getattr(OwnedRepository, name))
    }

    assert public - {"model_type"} == {*NOTHING} | {*REFUSED} | HARMLESS
    takes_statement = {
        name
        for name, method in vars(SQLAlchemyAsyncRepository).items()
        if not name.startswith("_") and callable(method) and "statement" in named_parameters(method)
    }
    assert takes_statement <= {*NOTHING} | {*REFUSED} | HARMLESS


def named_parameters(method: Callable[..., Any]) -> dict[str, Parameter]:
    return {**signature(method).parameters}


async def two_owners(db: Database) -> tuple[UUID, Tag]:
    theirs = await new_owner(db)
    async with db.writing() as db_session:
        tag = await TagRepository(db_session, theirs).add(Tag(name="home", name_key="home"))
    return await new_owner(db), tag


async def every_tag(db: Database) -> list[tuple[str, UUID]]:
    async with db.reading() as db_session:
        return [(name, owner) for name, owner in await db_session.execute(select(Tag.name, Tag.owner_id))]


@pytest.mark.filterwarnings("ignore:Call to deprecated method 'list':DeprecationWarning")  # tested while it exists
async def test_no_method_finds_anything_of_another_owner(db: Database) -> None:
    stranger, theirs = await two_owners(db)
    for method, calls in NOTHING.items():
        for call in calls:
            async with db.writing() as db_session:
                assert await found_nothing(call(TagRepository(db_session, stranger), theirs)), method

        assert await every_tag(db) == [("home", theirs.owner_id)], method


async def test_methods_that_would_reach_another_owner_refuse(db: Database) -> None:
    stranger, theirs = await two_owners(db)
    for method, calls in REFUSED.items():
        for call in calls:
            with pytest.raises(TypeError, match="owner"):
                async with db.writing() as db_session:
                    await call(TagRepository(db_session, stranger), theirs)

        assert await every_tag(db) == [("home", theirs.owner_id)], method


async def test_what_is_added_belongs_to_the_owner(db: Database) -> None:
    owner = await new_owner(db)
    async with db.writing() as db_session:
        tags = TagRepository(db_session, owner)
        one = await tags.add(Tag(name="a", name_key="a"))
        two = await tags.add_many([Tag(name="b", name_key="b")])

    assert [one.owner_id, two[0].owner_id] == [owner, owner]
    async with db.reading() as db_session:
        assert await TagRepository(db_session, owner).page(order_by=(Tag.id,), limit=1, offset=5) == ([], 2)
