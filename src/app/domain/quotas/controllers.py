"""`/api/usage` for everybody; `/api/admin/quotas` and `/api/admin/usage` for those who look after them."""

import csv
import io
from datetime import date, timedelta
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Controller, Request, Response, delete, get, put
from litestar.di import NamedDependency, Provide
from litestar.openapi import ResponseSpec
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.accounts.guards import requires_admin, requires_auditor
from app.domain.accounts.schemas import Principal, Role
from app.domain.quotas.schemas import (
    GroupBy,
    QuotaList,
    QuotaStatus,
    QuotaView,
    SetQuota,
    UsageGroup,
    UsageHistory,
    UserUsageList,
)
from app.domain.quotas.service import Quotas, Usages
from app.lib.clock import Clock

# Inside `FromQuery[…]` a bound would be lost without a word.
Limit = Annotated[int, QueryParameter(ge=1, le=100)]
Offset = Annotated[int, QueryParameter(ge=0, le=1_000_000_000)]
GroupLimit = Annotated[int, QueryParameter(ge=1, le=1000)]
Month = Annotated[str | None, QueryParameter(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$", description="As 2026-11.")]
DAYS = timedelta(days=29)
CSV = "text/csv"
_JSON = "application/json"

AnyRequest = Request[Any, Any, Any]


def provide_quotas(db_session: NamedDependency[AsyncSession]) -> Quotas:
    return Quotas.open(db_session)


class UsageController(Controller):
    path = "/api/usage"
    tags = ["usage"]

    @get()
    async def get_usage(self, usages: NamedDependency[Usages], user: NamedDependency[Principal]) -> QuotaStatus:
        """What the caller has used of this calendar month, in UTC, and may still use."""
        return await usages.now(user.user_id)

    @get(
        "/history",
        responses={200: ResponseSpec(UsageHistory, description="For `Accept: text/csv` one line a group.")},
    )
    async def get_history(
        self,
        *,
        request: AnyRequest,
        usages: NamedDependency[Usages],
        user: NamedDependency[Principal],
        clock: NamedDependency[Clock],
        group_by: FromQuery[GroupBy] = "day",
        since: FromQuery[date | None] = None,
        until: FromQuery[date | None] = None,
        limit: GroupLimit = 100,
        offset: Offset = 0,
    ) -> Response[UsageHistory]:
        """Sums of the caller's calls of providers, from one day to another, both included: 30 days without them."""
        until = until or clock.now().date()
        since = since or until - min(DAYS, until - date.min)
        found = await usages.history(user.user_id, group_by, since=since, until=until, limit=limit, offset=offset)
        if request.accept.best_match([_JSON, CSV]) != CSV:
            return Response(found)
        name = f'attachment; filename="usage-{since}-{until}.csv"'
        return Response(_csv(found.items), media_type=CSV, headers={"Content-Disposition": name})  # type: ignore[arg-type]


class AdminUsageController(Controller):
    path = "/api/admin/usage"
    tags = ["administration"]
    guards = [requires_auditor]

    @get(responses={403: ResponseSpec(None, description="`role_required`")})
    async def list_usage(
        self, usages: NamedDependency[Usages], month: Month = None, limit: Limit = 50, offset: Offset = 0
    ) -> UserUsageList:
        """What every user has used in a month, the most tokens first. For auditors too."""
        return await usages.of_all(month, limit=limit, offset=offset)


class QuotaController(Controller):
    """What is set holds for the next start and the next call, on every node."""

    path = "/api/admin/quotas"
    tags = ["administration"]
    guards = [requires_admin]
    dependencies = {"quotas": Provide(provide_quotas, sync_to_thread=False)}

    @get(responses={403: ResponseSpec(None, description="`role_required`")})
    async def list_quotas(self, quotas: NamedDependency[Quotas], limit: Limit = 50, offset: Offset = 0) -> QuotaList:
        """What is set for roles, and then for users."""
        items, total = await quotas.page(limit=limit, offset=offset)
        return QuotaList(items=items, total=total, limit=limit, offset=offset)

    @put("/users/{user_id:uuid}", responses={403: ResponseSpec(None, description="`role_required`")})
    async def set_user(
        self, user_id: FromPath[UUID], data: JSONBody[SetQuota], quotas: NamedDependency[Quotas]
    ) -> QuotaView:
        """Set what a user may consume, in place of what was set before."""
        return await quotas.set_user(user_id, data)

    @delete("/users/{user_id:uuid}", responses={403: ResponseSpec(None, description="`role_required`")})
    async def unset_user(self, user_id: FromPath[UUID], quotas: NamedDependency[Quotas]) -> None:
        """Let the role's quota, and the settings, hold for a user."""
        await quotas.unset_user(user_id)

    @put("/roles/{role:str}", responses={403: ResponseSpec(None, description="`role_required`")})
    async def set_role(
        self, role: FromPath[Role], data: JSONBody[SetQuota], quotas: NamedDependency[Quotas]
    ) -> QuotaView:
        """Set what everybody of a role may consume who has no quota of their own."""
        return await quotas.set_role(role, data)

    @delete("/roles/{role:str}", responses={403: ResponseSpec(None, description="`role_required`")})
    async def unset_role(self, role: FromPath[Role], quotas: NamedDependency[Quotas]) -> None:
        """Let the settings hold for a role."""
        await quotas.unset_role(role)


def _csv(groups: list[UsageGroup]) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(UsageGroup.__struct_fields__)
    for group in groups:
        writer.writerow([_cell(value) for value in msgspec.structs.astuple(group)])
    return text.getvalue()


def _cell(value: object) -> object:
    """Spreadsheets take what begins like this for a formula: a model's name is a user's choice."""
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")) else value
