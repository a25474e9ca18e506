"""What administrators set for users and roles. It holds at once, on every node: each check reads it anew."""

from typing import Self
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.accounts.schemas import Role
from app.domain.accounts.service import AccountService
from app.domain.quotas.errors import QuotaNotFound
from app.domain.quotas.models import Quota
from app.domain.quotas.prices import stored, told
from app.domain.quotas.repository import LimitRepository
from app.domain.quotas.schemas import QuotaView, SetQuota


class Quotas:
    def __init__(self, repository: LimitRepository, accounts: AccountService) -> None:
        self._repository = repository
        self._accounts = accounts

    @classmethod
    def open(cls, db_session: AsyncSession) -> Self:
        return cls(LimitRepository(db_session), AccountService.open(db_session))

    async def page(self, *, limit: int, offset: int) -> tuple[list[QuotaView], int]:
        rows, total = await self._repository.page(limit=limit, offset=offset)
        return [_view(row) for row in rows], total

    async def set_user(self, user_id: UUID, wanted: SetQuota) -> QuotaView:
        """Replace what the user's quota says. Raises UserNotFound."""
        await self._accounts.get(user_id)
        return _view(await self._repository.put({"user_id": user_id}, _stored(wanted)))

    async def set_role(self, role: Role, wanted: SetQuota) -> QuotaView:
        return _view(await self._repository.put({"role": role.value}, _stored(wanted)))

    async def unset_user(self, user_id: UUID) -> None:
        if not await self._repository.remove({"user_id": user_id}):
            raise QuotaNotFound(user_id)

    async def unset_role(self, role: Role) -> None:
        if not await self._repository.remove({"role": role.value}):
            raise QuotaNotFound(role)


def _stored(wanted: SetQuota) -> dict[str, int | None]:
    limits = msgspec.structs.asdict(wanted)
    cost = limits.pop("monthly_cost_usd")
    return {**limits, "monthly_cost": None if cost is None else stored(cost)}


def _view(row: Quota) -> QuotaView:
    return QuotaView(
        user_id=row.user_id,
        role=row.role,
        rate_limit_per_minute=row.rate_limit_per_minute,
        concurrent_runs=row.concurrent_runs,
        monthly_requests=row.monthly_requests,
        monthly_tokens=row.monthly_tokens,
        monthly_cost_usd=None if row.monthly_cost is None else told(row.monthly_cost),
        updated_at=row.updated_at,
    )
