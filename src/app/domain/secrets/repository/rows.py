"""Secrets, their versions, and how old they may become."""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, and_, bindparam, delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from app.domain.secrets.models import Action, AuditRow, Secret, SecretPolicy, SecretVersion
from app.lib.db.insert import insert_new

_LAST_USE = (
    select(AuditRow.seq)
    .where(AuditRow.secret_id == Secret.id, AuditRow.owner_id == Secret.owner_id, AuditRow.action == Action.USE)
    .order_by(AuditRow.seq.desc())
    .limit(1)
    .correlate(Secret)
    .scalar_subquery()
)
_USED = and_(AuditRow.owner_id == Secret.owner_id, AuditRow.seq == _LAST_USE)


class Usable(NamedTuple):
    """A secret with the version that is to be opened."""

    secret: Secret
    version: SecretVersion
    max_age_days: int | None


class Listed(NamedTuple):
    secret: Secret
    version: SecretVersion
    """The current one."""
    max_age_days: int | None
    last_used_at: datetime | None
    last_used_by: UUID | None


@cache
def _to_open() -> Select[Any]:
    """Made at its first use: when this module is loaded, the table that owners are in may not be known yet."""
    begun = aliased(SecretVersion)
    begun_with = (
        select(AuditRow.version)
        .join(begun, and_(begun.secret_id == AuditRow.secret_id, begun.version == AuditRow.version))
        .where(
            AuditRow.run_id == bindparam("run_id"),
            AuditRow.secret_id == Secret.id,
            AuditRow.action == Action.USE,
            begun.ciphertext.is_not(None),
            or_(begun.valid_until.is_(None), begun.valid_until > bindparam("now")),
        )
        .order_by(AuditRow.seq.desc())
        .limit(1)
        .correlate(Secret)
        .scalar_subquery()
    )
    return (
        select(Secret, SecretVersion, SecretPolicy.max_age_days)
        .select_from(Secret)
        .join(
            SecretVersion,
            and_(
                SecretVersion.secret_id == Secret.id,
                SecretVersion.version == func.coalesce(begun_with, Secret.version),
            ),
        )
        .outerjoin(SecretPolicy, SecretPolicy.provider == Secret.provider)
        .where(
            Secret.owner_id == bindparam("owner_id"),
            or_(
                Secret.id == bindparam("secret_id"),
                and_(Secret.is_default, Secret.provider.in_(bindparam("providers", expanding=True))),
            ),
        )
    )


class SecretRepository:
    def __init__(self, db_session: AsyncSession) -> None:
        self._session = db_session

    async def to_open(
        self, owner_id: UUID, providers: Sequence[str], secret_id: UUID | None, run_id: UUID | None, *, now: datetime
    ) -> list[Usable]:
        """The named secret, whatever it is for, and the defaults for the providers.

        Each in the version that the run has begun with, while that is valid; else the current one.
        """
        values = {"owner_id": owner_id, "providers": providers, "secret_id": secret_id, "run_id": run_id, "now": now}
        rows = await self._session.execute(_to_open(), values, execution_options={"populate_existing": True})
        return [Usable(*row) for row in rows]

    async def find(self, secret_id: UUID, owner_id: UUID | None = None) -> Listed | None:
        """Without an owner: anyone's, for an admin."""
        where = [Secret.id == secret_id, *([Secret.owner_id == owner_id] if owner_id is not None else [])]
        row = (await self._session.execute(_listing(*where))).one_or_none()
        return None if row is None else Listed(*row)

    async def page(self, *where: ColumnElement[bool], limit: int, offset: int) -> tuple[list[Listed], int]:
        total = await self._session.scalar(select(func.count()).select_from(Secret).where(*where)) or 0
        newest_first = _listing(*where).order_by(Secret.id.desc()).limit(limit).offset(offset)
        rows: Sequence[Row[Any]] = (await self._session.execute(newest_first)).all() if offset < total else []
        return [Listed(*row) for row in rows], total

    async def owner_of(self, secret_id: UUID) -> UUID | None:
        owner_id: UUID | None = await self._session.scalar(select(Secret.owner_id).where(Secret.id == secret_id))
        return owner_id

    async def count(self, owner_id: UUID, provider: str | None = None) -> int:
        """How many the owner has, in all or for one provider."""
        only = [Secret.provider == provider] if provider is not None else []
        query = select(func.count()).select_from(Secret).where(Secret.owner_id == owner_id, *only)
        return await self._session.scalar(query) or 0

    async def add(self, row: Secret | SecretVersion) -> None:
        self._session.add(row)
        await self._session.flush()

    async def save(self) -> None:
        await self._session.flush()

    async def no_default(self, owner_id: UUID, provider: str) -> None:
        """Before another becomes it."""
        mine = [Secret.owner_id == owner_id, Secret.provider == provider, Secret.is_default]
        await self._session.execute(update(Secret).where(*mine).values(is_default=False))

    async def remove(self, secret_id: UUID) -> None:
        await self._session.execute(delete(Secret).where(Secret.id == secret_id))

    async def version(self, secret_id: UUID, version: int) -> SecretVersion | None:
        return await self._session.get(SecretVersion, (secret_id, version), populate_existing=True)

    async def versions(self, secret_id: UUID) -> Sequence[SecretVersion]:
        """The newest first."""
        query = select(SecretVersion).where(SecretVersion.secret_id == secret_id)
        return (await self._session.scalars(query.order_by(SecretVersion.version.desc()))).all()

    async def newest_version(self, secret_id: UUID) -> int:
        query = select(func.max(SecretVersion.version)).where(SecretVersion.secret_id == secret_id)
        return await self._session.scalar(query) or 0

    async def owners_with_old_versions(self) -> Sequence[UUID]:
        """Those who have a replaced version whose value is still there."""
        old = [SecretVersion.replaced_at.is_not(None), SecretVersion.ciphertext.is_not(None)]
        query = select(Secret.owner_id).distinct().join(SecretVersion, SecretVersion.secret_id == Secret.id)
        return (await self._session.scalars(query.where(*old))).all()

    async def old_versions(self, owner_id: UUID) -> Sequence[SecretVersion]:
        old = [SecretVersion.replaced_at.is_not(None), SecretVersion.ciphertext.is_not(None)]
        query = select(SecretVersion).join(Secret, Secret.id == SecretVersion.secret_id)
        return (await self._session.scalars(query.where(Secret.owner_id == owner_id, *old))).all()

    async def runs_of(self, version: SecretVersion) -> set[UUID]:
        """The runs that have used this version."""
        used = [
            AuditRow.secret_id == version.secret_id,
            AuditRow.action == Action.USE,
            AuditRow.version == version.version,
            AuditRow.run_id.is_not(None),
        ]
        rows = await self._session.scalars(select(AuditRow.run_id).distinct().where(*used))
        return {run_id for run_id in rows if run_id is not None}

    async def policies(self) -> Sequence[SecretPolicy]:
        return (await self._session.scalars(select(SecretPolicy).order_by(SecretPolicy.provider))).all()

    async def set_policy(self, provider: str, **values: Any) -> SecretPolicy:
        await self._session.execute(insert_new(self._session, SecretPolicy, {"provider": provider, **values}))
        policy = (await self._session.scalars(select(SecretPolicy).where(SecretPolicy.provider == provider))).one()
        for name, value in values.items():
            setattr(policy, name, value)
        await self._session.flush()
        return policy

    async def drop_policy(self, provider: str) -> bool:
        """Whether there was one."""
        dropped = delete(SecretPolicy).where(SecretPolicy.provider == provider).returning(SecretPolicy.provider)
        return (await self._session.scalar(dropped)) is not None


def _listing(*where: ColumnElement[bool]) -> Select[Any]:
    return (
        select(Secret, SecretVersion, SecretPolicy.max_age_days, AuditRow.at, AuditRow.run_id)
        .select_from(Secret)
        .join(SecretVersion, and_(SecretVersion.secret_id == Secret.id, SecretVersion.version == Secret.version))
        .outerjoin(SecretPolicy, SecretPolicy.provider == Secret.provider)
        .outerjoin(AuditRow, _USED)
        .where(*where)
        .execution_options(populate_existing=True)
    )
