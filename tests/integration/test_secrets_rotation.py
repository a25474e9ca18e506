"""Master keys are turned over while secrets are used, and a rotation goes on where it was stopped."""

import io
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import anyio
import pytest
from sqlalchemy import text

from app.domain.secrets.errors import VaultSealed
from app.domain.secrets.repository import KeyRepository, SecretRepository
from app.domain.secrets.service import Node, Rewrapping, open_uses
from app.lib.clock import SystemClock
from app.lib.db.engine import Database
from app.server.key_commands import Rotation
from app.server.master_keys import MasterKeys
from app.server.settings import Settings
from tests.people import new_owner
from tests.servers import Nursery
from tests.vaults import KEY, TestVault, master_key


@pytest.fixture
def keys(tmp_path: Path) -> MasterKeys:
    made = MasterKeys(Settings(data_dir=tmp_path))
    made.make()
    return made


@pytest.fixture
def vault(db: Database, keys: MasterKeys) -> TestVault:
    return TestVault(db, ring=keys.ring(), clock=SystemClock())


async def rotated(keys: MasterKeys, db: Database) -> list[str]:
    said: list[str] = []
    with keys.alone():
        assert await Rotation(keys, db, said.append, None).run()
    return said


async def wraps(db: Database) -> dict[str, int]:
    """How many data keys each master key wraps."""
    return {use.id: use.wraps for use in await Rewrapping(db, MasterKeys(Settings()).ring(), SystemClock()).keys()}


async def fill(vault: TestVault, owners: int, each: int = 1) -> list[UUID]:
    ids = [await new_owner(vault.db) for _ in range(owners)]
    for owner_id in ids:
        for _ in range(each):
            await vault.store(owner_id)
    return ids


@asynccontextmanager
async def beating(*nodes: Node) -> AsyncIterator[None]:
    """As servers do, only faster."""

    async def beat() -> None:
        while True:
            for node in nodes:
                await node.beat()
            await anyio.sleep(0.05)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(beat)
        yield
        tasks.cancel_scope.cancel()


async def test_a_rotation_wraps_all_anew_and_retires_the_old_key(
    vault: TestVault, db: Database, keys: MasterKeys
) -> None:
    owners, old = await fill(vault, 3, 2), vault.ring.ids[0]
    trails = [await vault.trail.verify(owner) for owner in owners]
    said = await rotated(keys, db)
    vault.ring.reload()
    (new,) = [key.id for key in keys.load()]

    assert vault.ring.ids == (new,)
    assert await wraps(db) == {old: 0, new: 9}
    assert said[-2:] == ["9 data keys are wrapped anew.", f"Retired {old}."]
    assert [await vault.key_of(owner) for owner in owners] == [KEY] * 3
    assert [await TestVault(db, ring=vault.ring).trail.verify(owner) for owner in owners] != trails  # they were used
    assert {(await vault.trail.verify(owner)).reason for owner in owners} == {""}
    assert "=" not in "".join(said)  # no key is told


async def test_on_a_terminal_it_shows_how_far_it_is(vault: TestVault, db: Database, keys: MasterKeys) -> None:
    await fill(vault, 3, 20)
    terminal = io.StringIO()
    assert await Rotation(keys, db, lambda _: None, terminal).run()
    halfway, *_, done = terminal.getvalue().strip().split("\r")

    assert halfway == f"[{'#' * 31}{' ' * 9}] 50/63"
    assert done == f"[{'#' * 40}] 63/63"


async def test_what_was_begun_is_gone_on_with_and_not_begun_again(
    vault: TestVault, db: Database, keys: MasterKeys
) -> None:
    await fill(vault, 1)
    new = keys.add().id
    said = await rotated(keys, db)

    assert said[0] == f"Going on with the rotation to {new}."
    assert [key.id for key in keys.load()] == [new]


async def test_a_key_that_was_retired_and_is_still_in_the_file_only_goes(
    vault: TestVault, db: Database, keys: MasterKeys
) -> None:
    assert keys.path is not None
    await fill(vault, 1)
    before = keys.path.read_text()
    await rotated(keys, db)
    new = keys.load()[-1].id
    keys.path.write_text(before + keys.path.read_text())
    said = await rotated(keys, db)

    assert [key.id for key in keys.load()] == [new]
    assert len(said) == 1


async def test_a_retired_key_wraps_nothing_any_more(vault: TestVault, db: Database, keys: MasterKeys) -> None:
    owner = (await fill(vault, 1))[0]
    await rotated(keys, db)
    with pytest.raises(VaultSealed):  # this process still thinks that the old key is the newest
        await vault.store(owner)


@pytest.mark.parametrize("quickly", [True, False])
async def test_a_key_that_is_retired_while_a_use_waits_stops_it_not(
    vault: TestVault, db: Database, keys: MasterKeys, monkeypatch: pytest.MonkeyPatch, *, quickly: bool
) -> None:
    """The row was read under the old key; by its turn the ring has only the new one."""
    owner = (await fill(vault, 1))[0]
    using = TestVault(db, ring=vault.ring, clock=vault.clock, uses=open_uses(db) if quickly else None)
    assert await using.key_of(owner) == KEY
    find, times = SecretRepository.to_open, 0

    async def found(*arguments: Any, **options: Any) -> Any:
        nonlocal times
        rows = await find(*arguments, **options)
        times += 1
        if times == 1:
            await rotated(keys, db)
            vault.ring.reload()
        return rows

    monkeypatch.setattr(SecretRepository, "to_open", found)
    assert await using.key_of(owner) == KEY
    assert (await vault.trail.page(owner_id=owner, limit=1, offset=0)).items[0].action == "use"
    await using.vault.close()


async def test_a_new_key_seals_only_once_every_live_node_has_it(db: Database) -> None:
    old, new = master_key(), master_key()
    ours, theirs = [old], [old]
    first, second = TestVault(db, keys=ours), TestVault(db, keys=theirs)
    nodes = Node(db, first.ring), Node(db, second.ring)
    for node in nodes:
        await node.beat()
    ours.append(new)
    await nodes[0].beat()
    assert first.ring.ids == (old.id, new.id)
    assert first.ring.sealing is old
    theirs.append(new)
    await nodes[1].beat()
    await nodes[0].beat()
    assert first.ring.sealing is new

    ours.append(third := master_key())
    await nodes[1].leave()
    await nodes[0].beat()
    assert first.ring.sealing is third


async def test_a_node_with_another_instances_key_is_sealed_and_stops_nobody(db: Database) -> None:
    ours = TestVault(db)
    owner = (await fill(ours, 1))[0]
    stranger = TestVault(db)
    await Node(db, stranger.ring).beat()
    await Node(db, ours.ring).beat()

    assert stranger.ring.is_sealed
    assert not ours.ring.is_sealed
    with pytest.raises(VaultSealed):
        await stranger.key_of(owner)
    assert await ours.key_of(owner) == KEY


async def test_a_rotation_that_is_killed_goes_on(
    vault: TestVault, db: Database, keys: MasterKeys, servers: Nursery, tmp_path: Path, database_url: str
) -> None:
    owners = await fill(vault, 3, 60)
    old = keys.load()[0].id
    environment = {"HEADGATE_DATA_DIR": str(tmp_path), "HEADGATE_DATABASE_URL": database_url}
    process = await servers.start(environment, tmp_path, arguments=["keys", "rotate"])
    while (await wraps(db))[old] == 183:  # noqa: ASYNC110 - it is the database that tells
        await anyio.sleep(0.005)
    await process.kill()
    left = (await wraps(db))[old]
    said = await rotated(keys, db)
    vault.ring.reload()

    assert process.url.startswith("There is a new master key in ")
    assert 0 < left < 183
    assert said[0].startswith("Going on with the rotation")
    assert list((await wraps(db)).values()) == [0, 183]
    assert [await vault.key_of(owner) for owner in owners] == [KEY] * 3


async def rotate_under_load(vault: TestVault, keys: MasterKeys, *, rotations: int, users: int) -> int:
    """Every user uses and now and then changes secrets meanwhile. Returns how often; raises what anyone met."""
    owners = await fill(vault, users, 2)
    uses, done = itertools.count(), anyio.Event()
    node = Node(vault.db, vault.ring)
    await node.beat()

    async def work(owner: UUID) -> None:
        for turn in itertools.count():
            if done.is_set():
                return
            assert await vault.key_of(owner, run_id=uuid4()) == KEY
            if turn % 10 == 9:
                await vault.store(owner, provider="secret_ai")
            next(uses)
            await anyio.sleep(users / 50)

    async with beating(node), anyio.create_task_group() as tasks:
        for owner in owners:
            tasks.start_soon(work, owner)
        for _ in range(rotations):
            await rotated(keys, vault.db)
        done.set()
    for owner in owners:
        assert (await vault.trail.verify(owner)).reason == ""
    return next(uses)


async def test_a_rotation_under_load_fails_nobody(vault: TestVault, keys: MasterKeys) -> None:
    assert await rotate_under_load(vault, keys, rotations=2, users=5)
    assert len(keys.load()) == 1


@pytest.mark.soak
@pytest.mark.timeout(600)
async def test_twenty_rotations_under_load_fail_nobody(vault: TestVault, keys: MasterKeys) -> None:
    assert await rotate_under_load(vault, keys, rotations=20, users=50) > 1000
    assert len(keys.load()) == 1


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
async def test_what_others_hold_is_waited_for(
    vault: TestVault, db: Database, keys: MasterKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(vault, 2)
    old = keys.load()[0].id
    said: list[str] = []
    look, looks = KeyRepository.trails_not_under, itertools.count()
    came_again = anyio.Event()

    async def looked(*arguments: Any, **options: Any) -> Any:
        if next(looks) == 6:  # with nothing to be done twice
            came_again.set()
        return await look(*arguments, **options)

    monkeypatch.setattr(KeyRepository, "trails_not_under", looked)
    async with anyio.create_task_group() as tasks:

        async def rotate() -> None:
            said.extend(await rotated(keys, db))

        async with db.writing() as db_session:
            await db_session.execute(text("SELECT 1 FROM secret_audit_head LIMIT 1 FOR UPDATE"))
            tasks.start_soon(rotate)
            await came_again.wait()
            assert (await wraps(db))[old] == 1

    assert said[-2:] == ["4 data keys are wrapped anew.", f"Retired {old}."]


async def test_a_database_that_lost_a_value_keeps_its_key(vault: TestVault, db: Database, keys: MasterKeys) -> None:
    await fill(vault, 1)
    async with db.writing() as db_session:
        await db_session.execute(text("UPDATE secret_version SET wrap_nonce = nonce"))
    said: list[str] = []
    assert not await Rotation(keys, db, said.append, None).run()

    assert "stays" in said[-1]
    assert len(keys.load()) == 2
