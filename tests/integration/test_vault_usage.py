"""What a secret was used for, by day: its owner reads it in the ledger of calls."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.domain.quotas.schemas import Call, Spent
from app.domain.quotas.service import Metering, Usages
from app.domain.secrets.errors import SecretNotFound
from app.domain.secrets.service import UsageDesk
from app.lib.db.engine import Database
from app.lib.providers.model import TokenUsage
from app.server.limiting import build_limiting
from app.server.settings import Settings
from app.server.vault import usage_desk
from tests.limits import UNLIMITED
from tests.vaults import START, TestVault, by

TOOK = timedelta(milliseconds=250)


class Book:
    """Calls of a vault's users, entered as they end."""

    def __init__(self, vault: TestVault) -> None:
        self.vault = vault
        limiting = build_limiting(Settings.model_validate(UNLIMITED), db=vault.db, clock=vault.clock)
        self._metering: Metering = limiting.metering
        self.usages: Usages = limiting.usages
        self.desk: UsageDesk = usage_desk(vault.db, limiting.usages)

    async def enter(
        self, owner: UUID, secret_id: UUID | None, cost: str | None = "0", error: str | None = None, **more: Any
    ) -> None:
        usage = TokenUsage(cost_usd="0") if error else TokenUsage(input_tokens=10, output_tokens=3, cost_usd=cost)
        call = Call(
            run_id=uuid4(), attempt=1, scope="", turn=1, number=1, user_id=owner, session_key="s", agent="chat",
            model="openai/m", secret_id=secret_id, input_tokens=10, began_at=self.vault.clock.now() - TOOK,
        )  # fmt: skip
        more = {"outcome": "failed" if error else "completed", "error": error, "duration_ms": 250} | more
        async with self.vault.db.writing() as db_session:
            await self._metering.settle(db_session, call.run_id, [Spent(call=call, usage=usage, **more)])


@pytest.fixture
def vault(db: Database) -> TestVault:
    return TestVault(db)


@pytest.fixture
def book(vault: TestVault) -> Book:
    return Book(vault)


async def test_calls_are_told_by_day_and_those_with_other_keys_are_not(vault: TestVault, book: Book) -> None:
    owner = await vault.user()
    secret, other = await vault.store(owner), await vault.store(owner)

    for _ in range(20):
        await book.enter(owner, secret.id, "0.000012345")
    await book.enter(owner, other.id)
    await book.enter(owner, None)
    vault.clock.advance(86_400)
    await book.enter(owner, secret.id, "0.5")
    await book.enter(owner, secret.id, error="rate_limit")
    report = await book.desk.report(owner, secret.id, limit=10, offset=0)
    second = await book.desk.report(owner, secret.id, limit=1, offset=1)

    told = [
        (day.day, day.requests, day.input_tokens, day.output_tokens, day.cost_usd, day.errors) for day in report.items
    ]
    first = START.date()
    assert told == [
        (first.replace(day=first.day + 1), 2, 10, 3, "0.5", 1),
        (first, 20, 200, 60, "0.0002469", 0),
    ]
    assert (report.last_error, report.last_error_at) == ("rate_limit", vault.clock.now())
    assert (report.total, report.limit, report.offset) == (2, 10, 0)
    assert (second.items, second.total) == (report.items[1:], 2)


async def test_a_day_with_a_price_that_nobody_knows_has_no_sum(vault: TestVault, book: Book) -> None:
    owner = await vault.user()
    secret = await vault.store(owner)

    await book.enter(owner, secret.id, "0.5")
    await book.enter(owner, secret.id, None)
    [day] = (await book.desk.report(owner, secret.id, limit=10, offset=0)).items

    assert (day.requests, day.cost_usd) == (2, None)


async def test_an_error_is_remembered_when_all_is_well_again(vault: TestVault, book: Book) -> None:
    owner = await vault.user()
    secret = await vault.store(owner)
    failed_at: datetime = vault.clock.now()

    await book.enter(owner, secret.id, error="authentication")
    await book.enter(owner, secret.id, outcome="failed")  # by whom its process died: of what kind nobody knows
    vault.clock.advance(60)
    await book.enter(owner, secret.id)
    report = await book.desk.report(owner, secret.id, limit=10, offset=0)

    assert (report.last_error, report.last_error_at) == ("authentication", failed_at.astimezone(UTC))
    assert report.items[0].errors == 2


async def test_a_secret_that_was_never_used_says_so(vault: TestVault, book: Book) -> None:
    owner = await vault.user()
    secret = await vault.store(owner)

    report = await book.desk.report(owner, secret.id, limit=10, offset=0)

    assert (report.items, report.total, report.last_error) == ([], 0, None)


async def test_of_a_secret_that_is_gone_nobody_is_told(vault: TestVault, book: Book) -> None:
    owner = await vault.user()
    secret = await vault.store(owner)
    await book.enter(owner, secret.id)
    await vault.secrets.remove(owner, secret.id, by(owner))

    with pytest.raises(SecretNotFound):
        await book.desk.report(owner, secret.id, limit=10, offset=0)


async def test_nobody_reads_of_anothers(vault: TestVault, book: Book) -> None:
    owner, other = await vault.user(), await vault.user()
    secret = await vault.store(owner)

    for reader, secret_id in ((other, secret.id), (owner, uuid4())):
        with pytest.raises(SecretNotFound):
            await book.desk.report(reader, secret_id, limit=10, offset=0)
