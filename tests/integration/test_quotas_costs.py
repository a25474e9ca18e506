"""What the gate costs, and what becomes of calls while quotas cannot be counted."""

import shutil
import time
from contextlib import nullcontext
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import text
from uuid_utils.compat import uuid7

from app.domain.quotas.errors import LimitExceeded, QuotaUnavailable
from app.domain.quotas.schemas import Call, Limits
from app.domain.quotas.service import Metering
from app.lib.clock import SystemClock
from app.lib.db.engine import Database
from app.server.limiting import build_limiting
from app.server.settings import Settings
from tests.chaos import figure
from tests.limits import UNLIMITED
from tests.people import new_owner

LIMITS = Limits(rate_limit_per_minute=10, concurrent_runs=5, monthly_requests=200)


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
    metering = Metering(db, SystemClock(), LIMITS, fails_open=fails_open)
    for _ in range(2):
        if fails_open:
            assert await metering.reserve(call()) is None
        else:
            with pytest.raises(QuotaUnavailable):
                await metering.reserve(call())
    assert metering.failing

    (tmp_path / "away").mkdir()
    shutil.copy(sqlite_template, tmp_path / "away" / "headgate.db")
    assert await metering.reserve(call(await new_owner(db))) is None
    await db.close()

    assert not metering.failing
    logged = capsys.readouterr().out
    assert logged.count("quotas cannot be counted") == logged.count("quotas are counted again") == 1


@pytest.mark.soak
@pytest.mark.timeout(120)
async def test_the_gate_costs_less_than_a_millisecond(db: Database) -> None:
    limiting = build_limiting(Settings.model_validate(UNLIMITED), db=db, clock=SystemClock())
    owner = await new_owner(db)

    async def cost(starts: int, *, gate: bool) -> float:
        began = time.process_time()
        for _ in range(starts):
            async with db.writing() as db_session:
                await db_session.execute(text("SELECT 1"))
                if gate:
                    async with limiting.gate.passage(owner, uuid7()) as passage:
                        await passage.enter(db_session)
        return (time.process_time() - began) * 1000 / starts

    await cost(200, gate=True)
    least = min([await cost(300, gate=True) - await cost(300, gate=False) for _ in range(5)])

    figure("CPU of the gate for one start", least, "ms")
    assert least < 1


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
