"""What every log store promises, on every log store."""

from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from app.lib.db.engine import Database
from app.lib.runlog.frames import Batch, frame
from app.lib.runlog.postgres import PostgresLogStore
from app.lib.runlog.sqlite import SqliteLogStore
from app.lib.runlog.store import Head, LogStore, News, Step, Write
from app.lib.runlog.tables import RunHead, RunStep
from tests.rows import a_run


@pytest.fixture
async def store(db: Database) -> AsyncIterator[LogStore]:
    made: LogStore = (SqliteLogStore if db.is_sqlite else PostgresLogStore)(db, lease_seconds=15)
    yield made
    await made.close()


def batch(run_id: UUID, first: int, last: int) -> Batch:
    frames = b"".join(frame(n, b"message_delta", b'{"content":"x"}') for n in range(first, last + 1))
    return Batch(run_id, last, last - first + 1, frames)


async def test_what_is_written_is_read_back_in_order(db: Database, store: LogStore) -> None:
    run_id = await a_run(db, attempt=1)
    for first in (1, 4, 7):
        await store.write([Write(batch(run_id, first, first + 2), 1)])

    read = await store.read(run_id, 2, 10_000)

    assert b"".join(b.after(2) for b in read[:1]) + b"".join(b.frames for b in read[1:]) == batch(run_id, 3, 9).frames
    assert await store.head(run_id) == Head(seq=9, attempt=1, ended=False)


async def test_reading_stops_after_the_bytes_asked_for(db: Database, store: LogStore) -> None:
    run_id = await a_run(db, attempt=1)
    for n in range(1, 5):
        await store.write([Write(batch(run_id, n, n), 1)])

    assert [b.last_seq for b in await store.read(run_id, 0, 1)] == [1]


async def test_an_older_attempt_writes_nothing_and_the_others_are_not_harmed(db: Database, store: LogStore) -> None:
    lost, kept = await a_run(db, attempt=2), await a_run(db, attempt=1)

    held = await store.write([Write(batch(lost, 1, 2), 1), Write(batch(kept, 1, 2), 1)])

    assert held == {kept: None}
    assert await store.read(lost, 0, 10_000) == []
    assert [b.last_seq for b in await store.read(kept, 0, 10_000)] == [2]


async def test_a_gap_is_never_written(db: Database, store: LogStore) -> None:
    run_id = await a_run(db, attempt=1)

    assert await store.write([Write(batch(run_id, 2, 3), 1)]) == {}
    assert await store.read(run_id, 0, 10_000) == []


async def test_nothing_follows_the_end(db: Database, store: LogStore) -> None:
    run_id = await a_run(db, attempt=1, ended=True)

    assert await store.write([Write(batch(run_id, 1, 1), 1)]) == {}


async def test_steps_go_in_with_their_events_or_not_at_all(db: Database, store: LogStore) -> None:
    lost, kept = await a_run(db, attempt=2), await a_run(db, attempt=1)
    step = Step("", 1, "model", 0, b"{}")

    await store.write([Write(batch(lost, 1, 1), 1, (step,)), Write(batch(kept, 1, 1), 1, (step,))])
    await store.write([Write(Batch(kept, 1, 0, b""), 1, (step,))])  # the same again

    async with db.reading() as db_session:
        rows = (await db_session.execute(RunStep.__table__.select())).all()
    assert [(row.run_id, row.payload) for row in rows] == [(kept, b"{}")]


async def test_a_write_without_events_lengthens_the_lease_and_hears_what_is_asked(
    db: Database, store: LogStore
) -> None:
    run_id = await a_run(db, attempt=1)
    async with db.writing() as db_session:
        await db_session.execute(text("UPDATE run_head SET control = 'cancel', lease_until = 1"))

    held = await store.write([Write(Batch(run_id, 0, 0, b""), 1)])

    assert held == {run_id: "cancel"}
    async with db.reading() as db_session:
        lease = (await db_session.execute(RunHead.__table__.select())).one().lease_until
    assert lease > 1_700_000_000


async def test_an_unknown_run_is_not_there(store: LogStore) -> None:
    assert await store.head(uuid4()) is None
    assert await store.read(uuid4(), 0, 1000) == []
    assert await store.write([Write(batch(uuid4(), 1, 1), 1)]) == {}


async def test_news_of_many_runs_are_fetched_together(db: Database, store: LogStore) -> None:
    grown, known, silent = [await a_run(db, attempt=1) for _ in range(3)]
    for run_id in (grown, known):
        await store.write([Write(batch(run_id, 1, 2), 1)])
        await store.write([Write(batch(run_id, 3, 3), 1)])
    ended = await a_run(db, attempt=1, ended=True)

    news = await store.news({grown: 2, known: 3, silent: 0, ended: 0, uuid4(): 0})

    assert news == {
        grown: News(3, ended=False, batches=[batch(grown, 3, 3)]),
        known: News(3, ended=False, batches=[]),
        silent: News(0, ended=False, batches=[]),
        ended: News(0, ended=True, batches=[]),
    }


async def test_news_of_a_long_backlog_come_in_order_and_without_a_gap(db: Database, store: LogStore) -> None:
    run_id = await a_run(db, attempt=1)
    for n in range(1, 101):
        await store.write([Write(batch(run_id, n, n), 1)])

    seen: list[int] = []
    while len(seen) < 100:
        news = (await store.news({run_id: len(seen)}))[run_id]
        assert news.seq == 100
        seen += [b.last_seq for b in news.batches]

    assert seen == list(range(1, 101))
    assert await store.news({}) == {}


async def test_a_store_goes_on_after_its_connection_was_dropped(db: Database, store: LogStore) -> None:
    run_id = await a_run(db, attempt=1)
    await store.write([Write(batch(run_id, 1, 1), 1)])

    await store.reset()
    await store.write([Write(batch(run_id, 2, 2), 1)])

    assert await store.head(run_id) == Head(seq=2, attempt=1, ended=False)
