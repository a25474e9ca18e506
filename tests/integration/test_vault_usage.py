"""What a secret was used for, by day."""

from datetime import datetime
from uuid import uuid4

import anyio
import pytest

from app.domain.secrets.errors import SecretNotFound
from app.domain.secrets.service import UsageBook
from app.lib.db.engine import Database
from app.lib.providers.model import TokenUsage
from tests.vaults import START, TestVault, by


def used(cost: str | None = "0.000012345") -> TokenUsage:
    return TokenUsage(input_tokens=10, output_tokens=3, cost_usd=cost)


@pytest.fixture
def vault(db: Database) -> TestVault:
    return TestVault(db)


@pytest.fixture
def book(vault: TestVault) -> UsageBook:
    return UsageBook(vault.db, vault.clock)


async def test_calls_are_counted_by_day_also_those_at_the_same_time(vault: TestVault, book: UsageBook) -> None:
    owner = await vault.user()
    secret = await vault.store(owner)

    async with anyio.create_task_group() as tasks:
        for _ in range(20):
            tasks.start_soon(book.count, secret.id, used())
    vault.clock.advance(86_400)
    await book.count(secret.id, used("0.5"))
    await book.count(secret.id, None, "rate_limit")
    report = await book.report(owner, secret.id, limit=10, offset=0)

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


async def test_a_day_with_a_price_that_nobody_knows_has_no_sum(vault: TestVault, book: UsageBook) -> None:
    owner = await vault.user()
    secret = await vault.store(owner)

    await book.count(secret.id, used("0.5"))
    await book.count(secret.id, used(None))
    [day] = (await book.report(owner, secret.id, limit=10, offset=0)).items

    assert (day.requests, day.cost_usd) == (2, None)


async def test_an_error_is_remembered_when_all_is_well_again(vault: TestVault, book: UsageBook) -> None:
    owner = await vault.user()
    secret = await vault.store(owner)
    failed_at: datetime = vault.clock.now()

    await book.count(secret.id, None, "overloaded")
    vault.clock.advance(60)
    await book.count(secret.id, used())
    report = await book.report(owner, secret.id, limit=10, offset=0)

    assert (report.last_error, report.last_error_at) == ("overloaded", failed_at)


async def test_a_secret_that_is_gone_is_not_counted_and_stops_nobody(vault: TestVault, book: UsageBook) -> None:
    owner = await vault.user()
    secret = await vault.store(owner)
    await vault.secrets.remove(owner, secret.id, by(owner))

    await book.count(secret.id, used())

    with pytest.raises(SecretNotFound):
        await book.report(owner, secret.id, limit=10, offset=0)


async def test_nobody_reads_of_anothers(vault: TestVault, book: UsageBook) -> None:
    owner, other = await vault.user(), await vault.user()
    secret = await vault.store(owner)

    for reader, secret_id in ((other, secret.id), (owner, uuid4())):
        with pytest.raises(SecretNotFound):
            await book.report(reader, secret_id, limit=10, offset=0)
