"""The audit trail finds what was done to it, and to the values that it tells of."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any
from uuid import UUID, uuid4

import anyio
import msgspec
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.domain.secrets.errors import SecretTampered, TrailTampered
from app.domain.secrets.repository.uses import SqliteUses
from app.domain.secrets.schemas import RotateSecret
from app.domain.secrets.service import open_uses
from app.lib.db.engine import Database
from tests.vaults import KEY, TestVault, by

OTHER = "sk-" + "z9Y8" * 8
SWAP = """UPDATE secret_audit SET seq = -seq WHERE seq IN (2, 3);
UPDATE secret_audit SET seq = CASE seq WHEN -2 THEN 3 ELSE 2 END WHERE seq < 0"""


@pytest.fixture
async def vault(db: Database) -> AsyncIterator[TestVault]:
    """As the server's: uses are noted in the quick way where nothing speaks against it."""
    made = TestVault(db, uses=open_uses(db))
    yield made
    await made.vault.close()


@pytest.fixture
async def owner(vault: TestVault) -> UUID:
    return await vault.user()


async def run(db: Database, *statements: str, guarded: bool = False, **values: object) -> None:
    """As somebody does who may change the whole database, its triggers too."""
    off, on = [], []
    if guarded and db.is_sqlite:
        off = ["DROP TRIGGER secret_audit_update", "DROP TRIGGER secret_audit_delete"]
    elif guarded:
        off = ["ALTER TABLE secret_audit DISABLE TRIGGER USER"]
        on = ["ALTER TABLE secret_audit ENABLE TRIGGER USER"]
    async with db.writing() as db_session:
        for statement in [*off, *statements, *on]:
            await db_session.execute(text(statement), values if statement in statements else {})


async def snapshot(db: Database, table: str) -> list[dict[str, object]]:
    async with db.reading() as db_session:
        return [dict(row) for row in (await db_session.execute(text(f"SELECT * FROM {table}"))).mappings()]  # noqa: S608


async def put_back(db: Database, table: str, rows: list[dict[str, object]]) -> None:
    """The rows as they were."""
    async with db.writing() as db_session:
        for row in rows:
            keys = {"secret": ["id"], "secret_version": ["secret_id", "version"]}.get(table, ["owner_id"])
            changed = ", ".join(f"{name} = :{name}" for name in row)
            here = " AND ".join(f"{name} = :{name}" for name in keys)
            await db_session.execute(text(f"UPDATE {table} SET {changed} WHERE {here}"), row)  # noqa: S608


async def test_every_deed_is_a_row_and_the_trail_is_sound(vault: TestVault, owner: UUID) -> None:
    stored, run_id = await vault.store(owner), uuid4()
    await vault.key_of(owner, run_id=run_id)
    await vault.secrets.get(owner, stored.id, by(owner))
    await vault.secrets.reveal(owner, stored.id, by(owner))
    await vault.secrets.note_verified(owner, stored.id, "valid", by(owner))
    await vault.secrets.note_refused(owner, stored.id, "reauthentication_required", by(owner))
    await vault.secrets.rotate(owner, stored.id, RotateSecret(value=OTHER), by(owner))
    await vault.secrets.restore(owner, stored.id, 1, by(owner))
    await vault.secrets.remove(owner, stored.id, by(owner))
    rows = (await vault.trail.page(owner_id=owner, limit=50, offset=0)).items

    assert [row.action.value for row in reversed(rows)] == [
        *("create", "use", "read", "reveal", "verify", "refuse", "rotate", "restore", "delete")
    ]
    assert [row.seq for row in reversed(rows)] == [*range(1, 10)]
    assert {(row.secret_id, row.actor_id) for row in rows} == {(stored.id, owner)}
    assert (rows[0].address, rows[0].request_id, rows[-2].run_id) == ("192.0.2.1", "r1", run_id)
    assert await vault.trail.verify(owner) == msgspec.structs.replace(
        await vault.trail.verify(owner), rows=9, broken_at=None, reason=""
    )


async def test_rows_cannot_be_changed_or_deleted(vault: TestVault, owner: UUID, db: Database) -> None:
    await vault.store(owner)
    attempts = ["UPDATE secret_audit SET detail = 'x'", "DELETE FROM secret_audit"]
    for attempt in [*attempts, *([] if db.is_sqlite else ["TRUNCATE secret_audit"])]:
        with pytest.raises(DBAPIError, match="append-only"):
            await run(db, attempt)


@pytest.mark.parametrize(
    ("change", "broken_at", "reason"),
    [
        ("UPDATE secret_audit SET detail = 'nothing' WHERE seq = 3", 3, "edited"),
        ("UPDATE secret_audit SET action = 'read' WHERE seq = 5", 5, "edited"),
        ("UPDATE secret_audit SET run_id = NULL, actor_id = NULL WHERE seq = 2", 2, "edited"),
        ("DELETE FROM secret_audit WHERE seq = 3", 3, "missing"),
        ("DELETE FROM secret_audit WHERE seq = 1", 1, "missing"),
        ("DELETE FROM secret_audit WHERE seq >= 5", 5, "cut_off"),
        ("DELETE FROM secret_audit", 1, "cut_off"),
        (SWAP, 2, "edited"),
        ("UPDATE secret_audit_head SET count = 3", 0, "head"),
        ("DELETE FROM secret_audit WHERE seq = 5; UPDATE secret_audit_head SET count = 4", 0, "head"),
        ("DELETE FROM secret_audit_head", 0, "head"),
    ],
)  # fmt: skip
async def test_an_edited_dropped_moved_or_cut_off_row_is_found(
    vault: TestVault, owner: UUID, db: Database, change: str, broken_at: int, reason: str
) -> None:
    await vault.store(owner)
    for _ in range(4):
        await vault.key_of(owner, run_id=uuid4())
    await run(db, *change.split(";"), guarded=True)
    verdict = await vault.trail.verify(owner)

    assert (verdict.broken_at, verdict.reason) == (broken_at, reason)


@pytest.mark.parametrize("head", ["UPDATE secret_audit_head SET count = 0", "DELETE FROM secret_audit_head"])
async def test_with_a_head_that_was_changed_or_taken_nothing_is_used(
    vault: TestVault, owner: UUID, db: Database, head: str
) -> None:
    await vault.store(owner)
    await run(db, head)
    with pytest.raises(TrailTampered):
        await vault.key_of(owner)


async def test_a_version_that_is_put_back_is_found_on_use_refused_and_told(
    vault: TestVault, owner: UUID, db: Database
) -> None:
    stored = await vault.store(owner)
    before = {table: await snapshot(db, table) for table in ("secret", "secret_version")}
    await vault.secrets.rotate(owner, stored.id, RotateSecret(value=OTHER, overlap=0), by(owner))
    for table in ("secret", "secret_version"):
        await put_back(db, table, before[table])
    with pytest.raises(SecretTampered):
        await vault.key_of(owner)
    last = (await vault.trail.page(owner_id=owner, limit=1, offset=0)).items[0]

    assert (last.action, last.detail) == ("refuse", "secret_tampered")


async def test_an_older_value_under_the_same_number_is_found(vault: TestVault, owner: UUID, db: Database) -> None:
    """Deleted, and put back with all that once belonged to it."""
    stored = await vault.store(owner)
    rows = {table: await snapshot(db, table) for table in ("secret", "secret_version")}
    await vault.secrets.remove(owner, stored.id, by(owner))
    async with db.writing() as db_session:
        for table, found in rows.items():
            names = ", ".join(found[0])
            values = ", ".join(f":{name}" for name in found[0])
            await db_session.execute(text(f"INSERT INTO {table} ({names}) VALUES ({values})"), found[0])  # noqa: S608
    with pytest.raises(SecretTampered):
        await vault.key_of(owner)


async def test_a_head_that_is_put_back_stops_the_next_use(vault: TestVault, owner: UUID, db: Database) -> None:
    await vault.store(owner)
    head = await snapshot(db, "secret_audit_head")
    await vault.key_of(owner)
    await put_back(db, "secret_audit_head", head)
    with pytest.raises(DBAPIError):  # the row's number is taken: it cannot be noted, so it is not used
        await vault.key_of(owner)


async def test_both_ways_to_note_a_use_write_the_same(vault: TestVault, owner: UUID, db: Database) -> None:
    await vault.store(owner)
    careful = TestVault(db, ring=vault.ring, clock=vault.clock)
    run_id = uuid4()
    for each in (vault, careful, vault, vault, careful):
        assert await each.key_of(owner, run_id=run_id) == KEY
    rows = (await vault.trail.page(owner_id=owner, limit=5, offset=0)).items

    assert {msgspec.structs.replace(row, seq=0, mac="") for row in rows} == {
        msgspec.structs.replace(rows[0], seq=0, mac="")
    }
    assert (await vault.trail.verify(owner)).reason == ""


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE secret SET provider = 'anthropic'",
        "UPDATE secret_version SET wrapped_key = ciphertext",
        "UPDATE secret_version SET nonce = wrap_nonce",
        "UPDATE secret_version SET ciphertext = NULL",
    ],
)
async def test_a_row_that_was_changed_is_not_opened(vault: TestVault, owner: UUID, db: Database, change: str) -> None:
    await vault.store(owner)
    await run(db, change)
    provider = "anthropic" if "anthropic" in change else "openai"
    with pytest.raises(SecretTampered):
        await vault.key_of(owner, provider)


async def test_a_base_url_that_was_changed_in_the_database_is_not_called(
    vault: TestVault, owner: UUID, db: Database
) -> None:
    await vault.store(owner)
    await run(db, "UPDATE secret_version SET base_url = 'https://elsewhere.example.com/v1'")
    async with vault.vault.open(owner, "openai") as credential:
        assert credential is not None
        assert credential.base_url == ""


async def test_another_users_row_in_place_of_ones_own_is_not_opened(
    vault: TestVault, owner: UUID, db: Database
) -> None:
    other = await vault.user()
    ours, theirs = await vault.store(owner), await vault.store(other, OTHER)
    async with db.writing() as db_session:
        columns = ("nonce", "ciphertext", "commitment", "wrap_nonce", "wrapped_key", "wrap_key_id")
        theirs_of = "SELECT {0} FROM secret_version WHERE secret_id = :theirs"
        sets = ", ".join(f"{name} = ({theirs_of.format(name)})" for name in columns)
        where = f"UPDATE secret_version SET {sets} WHERE secret_id = :ours"  # noqa: S608
        ids = [each.bytes if db.is_sqlite else each for each in (ours.id, theirs.id)]
        await db_session.execute(text(where), {"ours": ids[0], "theirs": ids[1]})
    with pytest.raises(SecretTampered):
        await vault.key_of(owner)


async def test_uses_at_once_stand_in_one_row_after_another(vault: TestVault, db: Database) -> None:
    owners = [await vault.user() for _ in range(4)]
    for owner in owners:
        await vault.store(owner)

    async def use(owner: UUID) -> None:
        assert await vault.key_of(owner, run_id=uuid4()) == KEY

    await at_once(*(lambda owner=owner: use(owner) for owner in owners * 10))
    for owner in owners:
        verdict = await vault.trail.verify(owner)
        assert (verdict.rows, verdict.reason) == (11, "")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_use_waits_for_whoever_writes_to_the_file(
    vault: TestVault, owner: UUID, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await vault.store(owner)
    waits, loop = anyio.Event(), asyncio.get_running_loop()
    waiting = SqliteUses._waiting

    def told(uses: SqliteUses) -> sqlite3.Connection:
        loop.call_soon_threadsafe(waits.set)
        return waiting(uses)

    monkeypatch.setattr(SqliteUses, "_waiting", told)
    async with anyio.create_task_group() as tasks, db.writing() as db_session:
        await db_session.execute(text("SELECT 1"))
        tasks.start_soon(vault.key_of, owner)
        await waits.wait()
        # here the file is free again

    verdict = await vault.trail.verify(owner)
    assert (verdict.rows, verdict.reason) == (2, "")


async def test_uses_from_two_nodes_and_changes_between_them_never_stop_each_other(
    vault: TestVault, owner: UUID, database_url: str
) -> None:
    second_db = Database(database_url)
    other = TestVault(second_db, keys=vault.keys, clock=vault.clock)
    stored = await vault.store(owner)

    async def rotate() -> None:
        await other.secrets.rotate(owner, stored.id, RotateSecret(value=KEY), by(owner))

    uses = [lambda node=node: node.key_of(owner, run_id=uuid4()) for node in (vault, other) * 10]
    await at_once(*uses, *[rotate] * 5)
    verdict = await other.trail.verify(owner)
    await second_db.close()

    assert (verdict.rows, verdict.reason) == (26, "")


async def test_the_export_is_one_line_a_row(vault: TestVault, owner: UUID) -> None:
    await vault.store(owner)
    await vault.key_of(owner)
    other = await vault.user()
    await vault.store(other)

    one = b"".join([part async for part in vault.trail.export(owner)]).splitlines()
    everyone = b"".join([part async for part in vault.trail.export()]).splitlines()

    assert [msgspec.json.decode(line)["action"] for line in one] == ["create", "use"]
    assert len(everyone) == 3
    assert KEY.encode() not in b"".join(everyone)


async def at_once(*calls: Callable[[], Coroutine[Any, Any, object]]) -> None:
    async with anyio.create_task_group() as tasks:
        for call in calls:
            tasks.start_soon(call)
