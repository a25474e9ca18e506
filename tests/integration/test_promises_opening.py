"""What it costs to open a stored key for a call once its row is read: ciphers, checks, MACs, and the trail's row."""

import time
from collections.abc import Awaitable, Callable
from uuid import UUID, uuid4

import pytest

from app.domain.secrets.repository import SecretRepository
from app.domain.secrets.schemas import Actor
from app.domain.secrets.service import open_uses
from app.domain.secrets.service.vault import _Wanted
from app.lib.db.engine import Database
from tests.chaos import figure
from tests.vaults import TestVault

pytestmark = pytest.mark.timeout(60)
SHORT = pytest.param(3, 30, 3.0, id="short")
LONG = pytest.param(15, 100, 0.3, id="long", marks=[pytest.mark.soak, pytest.mark.timeout(120)])


async def least(rounds: int, times: int, call: Callable[[], Awaitable[object]]) -> float:
    """Milliseconds of CPU of the whole process, its threads too. Whoever else is on the machine only adds to it."""
    found = []
    for _ in range(rounds):
        began = time.process_time()
        for _ in range(times):
            await call()
        found.append((time.process_time() - began) / times * 1000)
    return min(found)


@pytest.mark.parametrize(("rounds", "times", "most"), [SHORT, LONG])
async def test_opening_a_key_costs_little_once_its_row_is_read(
    db: Database, rounds: int, times: int, most: float
) -> None:
    vault = TestVault(db, uses=open_uses(db))
    owner: UUID = await vault.user()
    for _ in range(10):
        await vault.store(owner)
    wanted, who = _Wanted(owner, "openai", None, uuid4()), Actor(user_id=owner)
    async with db.reading() as db_session:
        row = await vault.vault._find(SecretRepository(db_session), wanted)
    assert row is not None

    async def opened() -> None:
        assert await vault.vault._used_quickly(wanted, row, who) is not None

    await opened()
    cost = await least(rounds, times, opened)
    rows = (await vault.trail.verify(owner)).rows
    await vault.vault.close()

    figure("to open a key", cost, "ms of CPU")
    assert cost < most
    assert rows == 10 + 1 + rounds * times
