"""What the gate costs, and what becomes of calls while quotas cannot be counted."""

import shutil
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import anyio
import msgspec
import pytest
from sqlalchemy import text
from uuid_utils.compat import uuid7

from app.domain.quotas.errors import LimitExceeded, QuotaUnavailable
from app.domain.quotas.schemas import Call, Limits
from app.domain.quotas.service import Gate
from app.lib.clock import FixedClock, SystemClock
from app.lib.db.engine import Database
from app.server.limiting import build_limiting
from app.server.settings import Settings
from benchmarks.gate import cost_of, gates
from tests.chaos import figure
from tests.limits import UNLIMITED
from tests.people import new_owner


def call(user_id: UUID | None = None) -> Call:
    return Call(
        run_id=uuid7(),
        attempt=1,
        scope="",
        turn=1,
        number=1,
        user_id=user_id or uuid7(),
        session_key="s",
        agent="chat",
        model="openai/gpt-5",
        input_tokens=10,
        began_at=SystemClock().now(),
    )


@pytest.mark.parametrize("fails_open", [False, True])
async def test_while_quotas_cannot_be_counted_the_operator_decides(
    tmp_path: Path, sqlite_template: Path, capsys: pytest.CaptureFixture[str], *, fails_open: bool
) -> None:
    db = Database(f"sqlite+aiosqlite:///{tmp_path / 'away' / 'headgate.db'}")
    settings = Settings(quota_fail="open") if fails_open else Settings()
    limiting = build_limiting(settings, db=db, clock=SystemClock())
    metering = limiting.metering
    for _ in range(2):
        if fails_open:
            assert await metering.reserve(call()) is None
        else:
            with pytest.raises(QuotaUnavailable):
                await metering.reserve(call())
    assert metering.failing
    assert limiting.view.quota == ("not counted, let through" if fails_open else "not counted, refused")

    (tmp_path / "away").mkdir()
    shutil.copy(sqlite_template, tmp_path / "away" / "headgate.db")
    assert await metering.reserve(call(await new_owner(db))) is None
    await db.close()

    assert not metering.failing
    assert msgspec.to_builtins(limiting.view)["quota"] == "counted"
    logged = capsys.readouterr().out
    assert logged.count("quotas cannot be counted") == logged.count("quotas are counted again") == 1


@pytest.mark.soak
@pytest.mark.timeout(300)
async def test_the_gate_costs_less_than_a_millisecond() -> None:
    for cost in await gates():
        figure(f"CPU of the gate for one start, {cost.where}", cost.least, "ms")
        assert cost.least < 1


async def test_what_the_gate_costs_can_be_measured(db: Database) -> None:
    limiting = build_limiting(Settings(), db=db, clock=SystemClock())

    cost = await cost_of(limiting, db, "here", turns=10)

    assert 0 < cost.least < 5  # others use this machine meanwhile


async def test_a_refusal_takes_nothing_of_what_is_outside_the_transaction(db: Database) -> None:
    limits = {**UNLIMITED, "monthly_requests": 1}
    limiting = build_limiting(Settings.model_validate(limits), db=db, clock=SystemClock())
    owner = await new_owner(db)
    for n in range(3):
        with pytest.raises(LimitExceeded) if n else nullcontext():
            async with db.writing() as db_session, limiting.gate.passage(owner, uuid7()) as passage:
                await passage.enter(db_session)

    status = await limiting.usages.now(owner)

    assert (status.requests_used, status.rate_limit_remaining) == (1, 99_999)


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
async def test_starts_of_two_months_wait_for_each_other(db: Database) -> None:
    """As two nodes do whose clocks stand on either side of midnight: what is limited at once knows no months."""
    midnight = datetime(2028, 3, 1, tzinfo=UTC)
    limits = Limits(rate_limit_per_minute=10, concurrent_runs=2, monthly_requests=10)
    each_start = "SELECT count(*) FROM usage_month WHERE user_id = :user_id"
    owner = await new_owner(db)
    refused: list[LimitExceeded] = []

    def gate(now: datetime) -> Gate:
        return Gate(FixedClock(now), limits, None, active_runs=each_start, rate_fails_open=True, tells=False)

    async def start_after_midnight() -> None:
        try:
            async with db.writing() as later:
                await gate(midnight).passage(owner, uuid7()).enter(later)
        except LimitExceeded as error:
            refused.append(error)

    async with anyio.create_task_group() as tasks, db.writing() as before:
        await gate(midnight - timedelta(seconds=1)).passage(owner, uuid7()).enter(before)
        tasks.start_soon(start_after_midnight)
        with anyio.fail_after(10):
            while not await _waits(db):  # noqa: ASYNC110
                await anyio.sleep(0.01)

    assert [error.event["kind"] for error in refused] == ["concurrency"]


async def _waits(db: Database) -> bool:
    """Whether somebody waits for somebody else's lock."""
    async with db.reading() as db_session:
        return bool(await db_session.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")))
