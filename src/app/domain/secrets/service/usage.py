"""What a secret was used for: counted call by call, told by day."""

from decimal import Decimal
from uuid import UUID

import structlog
from sqlalchemy.exc import IntegrityError

from app.domain.secrets.errors import SecretNotFound
from app.domain.secrets.models import SecretUsage
from app.domain.secrets.repository.rows import SecretRepository
from app.domain.secrets.repository.usage import UsageRepository
from app.domain.secrets.schemas import UsageDay, UsageReport
from app.lib.clock import Clock
from app.lib.db.engine import Database
from app.lib.providers.model import TokenUsage

_SCALE = 12

logger = structlog.get_logger()


class UsageBook:
    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def count(self, secret_id: UUID, usage: TokenUsage | None, error: str | None = None) -> None:
        """One call of a provider: what it used as far as that is known, and why it failed where it did.

        Never raises: the call has been made, and what it brought is worth more than the count of it.
        """
        now = self._clock.now()
        cost = usage.cost_usd if usage is not None else "0"
        counts = {
            "requests": 1,
            "input_tokens": usage.input_tokens if usage is not None else 0,
            "output_tokens": usage.output_tokens if usage is not None else 0,
            "cost": int(Decimal(cost or 0).scaleb(_SCALE)),
            "unpriced": int(cost is None),
            "errors": int(error is not None),
        }
        try:
            async with self._db.writing() as db_session:
                await UsageRepository(db_session).add(secret_id, now.date(), counts, error=error, at=now)
        except IntegrityError:
            return  # deleted while it was used
        except Exception as failed:  # noqa: BLE001 - drivers raise of every kind
            logger.warning("a use of a secret was not counted", error=type(failed).__name__)

    async def report(self, owner_id: UUID, secret_id: UUID, *, limit: int, offset: int) -> UsageReport:
        async with self._db.reading() as db_session:
            if await SecretRepository(db_session).find(secret_id, owner_id) is None:
                raise SecretNotFound(secret_id)
            usage = UsageRepository(db_session)
            days, total = await usage.days(secret_id, limit=limit, offset=offset)
            failed = await usage.last_error(secret_id)
        return UsageReport(
            items=[_view(day) for day in days],
            total=total,
            limit=limit,
            offset=offset,
            last_error=failed[0] if failed else None,
            last_error_at=failed[1] if failed else None,
        )


def _view(day: SecretUsage) -> UsageDay:
    cost = f"{Decimal(day.cost).scaleb(-_SCALE).normalize():f}"
    return UsageDay(
        day=day.day,
        requests=day.requests,
        input_tokens=day.input_tokens,
        output_tokens=day.output_tokens,
        cost_usd=None if day.unpriced else cost,
        errors=day.errors,
    )
