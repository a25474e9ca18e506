"""Sessions down to the rows, as runs use them."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import anyio
import anyio.lowlevel
import pytest
from sqlalchemy import select

from app.domain.sessions.errors import SessionNotFound
from app.domain.sessions.models import Session, SessionItem
from app.domain.sessions.schemas import Message, SessionRef
from app.domain.sessions.service import SessionService
from app.lib.clock import FixedClock
from app.lib.db.engine import Database
from app.lib.errors import InvalidField
from tests.people import new_owner


@pytest.fixture
async def owner(db: Database) -> UUID:
    return await new_owner(db)


@pytest.fixture
async def second_node(database_url: str) -> AsyncIterator[Database]:
    node = Database(database_url)
    yield node
    await node.close()


async def a_session(db: Database, owner: UUID, key: str | None = "s") -> SessionRef:
    async with db.writing() as db_session:
        return await SessionService.open(db_session, owner).get_or_create(key)


async def numbered(db: Database, session_id: UUID) -> list[tuple[int, dict[str, Any]]]:
    async with db.reading() as db_session:
        rows = await db_session.scalars(
            select(SessionItem).where(SessionItem.session_id == session_id).order_by(SessionItem.seq)
        )
        return [(row.seq, row.item) for row in rows]


async def test_a_session_is_made_once(db: Database, owner: UUID) -> None:
    first = await a_session(db, owner)
    again = await a_session(db, owner)

    assert (first.created, again.created) == (True, False)
    assert (first.id, first.key) == (again.id, "s")


async def test_without_a_key_each_call_makes_another(db: Database, owner: UUID) -> None:
    made = [await a_session(db, owner, None) for _ in range(2)]

    assert made[0].key != made[1].key
    assert all(session.created for session in made)
    assert (await a_session(db, owner, made[0].key)).id == made[0].id


async def test_the_same_key_of_another_user_is_another_session(db: Database, owner: UUID) -> None:
    mine = await a_session(db, owner)
    theirs = await a_session(db, await new_owner(db))

    assert theirs.created
    assert theirs.id != mine.id


async def test_a_strange_key_is_refused_before_it_meets_the_database(db: Database, owner: UUID) -> None:
    for key in ("", "x" * 129, "a b", "a\n", "a/b", "ü", "a\x00", "\ud83d"):
        with pytest.raises(InvalidField) as refused:
            await a_session(db, owner, key)

        assert refused.value.context["errors"] == [{"pointer": "/session_id", "detail": refused.value.detail}]


async def test_first_requests_at_once_get_one_session(db: Database, second_node: Database, owner: UUID) -> None:
    found: list[SessionRef] = []

    async def ask(node: Database) -> None:
        found.append(await a_session(node, owner, "shared"))

    async with anyio.create_task_group() as tasks:
        for node in [db, second_node] * 6:
            tasks.start_soon(ask, node)

    assert len({session.id for session in found}) == 1
    assert sum(session.created for session in found) == 1


async def test_one_that_is_being_made_is_waited_for(db: Database, second_node: Database, owner: UUID) -> None:
    found: list[SessionRef] = []

    async def ask() -> None:
        found.append(await a_session(second_node, owner))

    async with anyio.create_task_group() as tasks, db.writing() as db_session:
        made = await SessionService.open(db_session, owner).get_or_create("s")
        tasks.start_soon(ask)
        await anyio.lowlevel.checkpoint()

    assert made.created
    assert [(session.id, session.created) for session in found] == [(made.id, False)]


async def test_items_are_numbered_on_from_the_last(db: Database, owner: UUID) -> None:
    session = await a_session(db, owner)
    run = uuid4()

    async with db.writing() as db_session:
        sessions = SessionService.open(db_session, owner)
        assert await sessions.add_items(session.id, run, [{"n": 1}, {"n": 2}]) == 2
        assert await sessions.add_items(session.id, run, []) == 2
        assert await sessions.add_items(session.id, run, [{"n": 3}]) == 3

    assert await numbered(db, session.id) == [(n, {"n": n}) for n in (1, 2, 3)]
    assert (await a_session(db, owner)).last_seq == 3


async def test_items_written_at_once_are_numbered_without_gaps(
    db: Database, second_node: Database, owner: UUID
) -> None:
    session = await a_session(db, owner)

    async def add(node: Database, name: int) -> None:
        async with node.writing() as db_session:
            items = [{"by": name, "n": n} for n in range(3)]
            await SessionService.open(db_session, owner).add_items(session.id, uuid4(), items)

    async with anyio.create_task_group() as tasks:
        for name in range(10):
            tasks.start_soon(add, (db, second_node)[name % 2], name)

    rows = await numbered(db, session.id)
    assert [seq for seq, _ in rows] == [*range(1, 31)]
    assert all([item["n"] for _, item in rows[at : at + 3]] == [0, 1, 2] for at in range(0, 30, 3))


async def test_a_transaction_that_fails_uses_no_numbers(db: Database, owner: UUID) -> None:
    session = await a_session(db, owner)

    async def fail() -> None:
        async with db.writing() as db_session:
            await SessionService.open(db_session, owner).add_items(session.id, uuid4(), [{"n": 1}])
            raise LookupError

    with pytest.raises(LookupError):
        await fail()
    async with db.writing() as db_session:
        last = await SessionService.open(db_session, owner).add_items(session.id, uuid4(), [{"n": 2}])

    assert last == 1
    assert await numbered(db, session.id) == [(1, {"n": 2})]


async def test_an_item_comes_back_as_it_was(db: Database, owner: UUID) -> None:
    session = await a_session(db, owner)
    item = {"zeta": 1, "a": "nul \x00, 🙂, \u2028", "deep": [{"b": [None, True, 1.5, 2**60]}], "": ""}

    async with db.writing() as db_session:
        await SessionService.open(db_session, owner).add_items(session.id, uuid4(), [item])

    async with db.reading() as db_session:
        (found,) = await SessionService.open(db_session, owner).items(session.id)
    assert found == item
    assert [*found] == [*item]


async def test_items_can_be_read_up_to_a_number(db: Database, owner: UUID) -> None:
    session = await a_session(db, owner)

    async with db.writing() as db_session:
        sessions = SessionService.open(db_session, owner)
        await sessions.add_items(session.id, uuid4(), [{"n": n} for n in range(1, 6)])

        assert await sessions.items(session.id, up_to=2) == [{"n": 1}, {"n": 2}]
        assert await sessions.items(session.id, up_to=0) == []
        assert len(await sessions.items(session.id)) == 5


async def test_messages_brought_along_begin_a_session_that_is_empty(db: Database, owner: UUID) -> None:
    session = await a_session(db, owner)
    earlier = [Message(role="user", content="hello"), Message(role="assistant", content="hi")]

    async with db.writing() as db_session:
        sessions = SessionService.open(db_session, owner)
        taken = [await sessions.seed(session.id, messages) for messages in ([], earlier, earlier)]
        told = await sessions.history("s")

    assert taken == [0, 2, 0]
    assert [(entry.seq, entry.role, entry.content, entry.run_id) for entry in told] == [
        (1, "user", "hello", None),
        (2, "assistant", "hi", None),
    ]


async def test_a_conversation_can_go_on_from_before_a_run(db: Database, owner: UUID) -> None:
    session = await a_session(db, owner)
    runs = [uuid4() for _ in range(3)]
    async with db.writing() as db_session:
        sessions = SessionService.open(db_session, owner)
        for number, run in enumerate(runs):
            await sessions.add_items(session.id, run, [{"by": number, "n": 1}, {"by": number, "n": 2}])

        await sessions.branch(session.id, before=runs[1], by=uuid4())
        last = await sessions.add_items(session.id, uuid4(), [{"by": "instead"}])

        assert await sessions.items(session.id) == [{"by": 0, "n": 1}, {"by": 0, "n": 2}, {"by": "instead"}]
        assert [entry.seq for entry in await sessions.history("s")] == [1, 2, 7]
    assert last == 7
    assert len(await numbered(db, session.id)) == 7


async def test_the_first_message_becomes_the_title(db: Database, owner: UUID) -> None:
    session = await a_session(db, owner)
    clock = FixedClock(datetime(2026, 11, 21, 9, tzinfo=UTC))

    async with db.writing() as db_session:
        sessions = SessionService.open(db_session, owner, clock=clock)
        for message in (None, "  ", "Plan\nmy week", "and then?"):
            clock.advance(60)
            await sessions.get_or_create(session.key, message)

    async with db.reading() as db_session:
        view = await SessionService.open(db_session, owner).get("s")
    assert view.title == "Plan my week"
    assert view.last_active_at == datetime(2026, 11, 21, 9, 4, tzinfo=UTC)


async def test_no_verb_reaches_another_users_session(db: Database, owner: UUID) -> None:
    session = await a_session(db, owner)
    run = uuid4()
    async with db.writing() as db_session:
        await SessionService.open(db_session, owner).add_items(session.id, run, [{"n": 1}])
    stranger = await new_owner(db)

    async with db.writing() as db_session:
        sessions = SessionService.open(db_session, stranger)
        for refused in (
            sessions.add_items(session.id, uuid4(), [{"n": 2}]),
            sessions.history("s"),
            sessions.get("s"),
            sessions.delete("s"),
        ):
            with pytest.raises(SessionNotFound):
                await refused
        assert await sessions.items(session.id) == []
        assert await sessions.seed(session.id, [Message(role="user", content="x")]) == 0
        assert await sessions.page(limit=10, offset=0) == ([], 0)
        await sessions.branch(session.id, before=run, by=uuid4())

    assert await numbered(db, session.id) == [(1, {"n": 1})]
    async with db.reading() as db_session:
        assert await SessionService.open(db_session, owner).items(session.id) == [{"n": 1}]


async def test_a_deleted_session_takes_its_items_along(db: Database, owner: UUID) -> None:
    session = await a_session(db, owner)
    async with db.writing() as db_session:
        await SessionService.open(db_session, owner).add_items(session.id, uuid4(), [{"n": 1}])

    async with db.writing() as db_session:
        await SessionService.open(db_session, owner).delete("s")

    assert await numbered(db, session.id) == []
    async with db.reading() as db_session:
        assert (await db_session.scalars(select(Session))).all() == []
    assert (await a_session(db, owner)).created
