"""The only SQL that touches accounts, their tokens and their tries."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from advanced_alchemy.repository import SQLAlchemyAsyncRepository
from sqlalchemy import and_, case, delete, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession, async_scoped_session
from sqlalchemy.sql.dml import ReturningInsert
from uuid_utils.compat import uuid7

from app.domain.accounts.models import LoginTry, RefreshToken, Ticket, TokenFamily, UserAccount

Login = tuple[UUID, UUID | None]
"""A user and their token family; outside tokens have none."""


class Standing(NamedTuple):
    """What decides, besides the signature, whether a token is still good."""

    role: str
    time_zone: str
    disabled_at: datetime | None
    family_id: UUID | None
    revoked_at: datetime | None


class UserRepository(SQLAlchemyAsyncRepository[UserAccount]):
    model_type = UserAccount

    async def insert(self, user: UserAccount) -> bool:
        """Whether the address was free. If not, the transaction can only be given up."""
        self.session.add(user)
        try:
            await self.session.flush()
        except IntegrityError:
            return False
        return True

    async def by_email(self, email: str) -> UserAccount | None:
        return await self.get_one_or_none(UserAccount.email == email)

    async def by_id(self, user_id: UUID) -> UserAccount | None:
        return await self.get_one_or_none(UserAccount.id == user_id)

    async def oldest_first(self, text: str, *, limit: int, offset: int) -> tuple[Sequence[UserAccount], int]:
        """A page of those whose address or name has the text in it, and how many they are."""
        found = or_(
            UserAccount.email.icontains(text, autoescape=True), UserAccount.name.icontains(text, autoescape=True)
        )
        where = [found] if text else []
        total = await self.session.scalar(select(func.count()).select_from(UserAccount).where(*where))
        query = select(UserAccount).where(*where).order_by(UserAccount.created_at, UserAccount.id)
        users = (await self.session.scalars(query.limit(limit).offset(offset))).all()
        return users, total or 0

    async def emails(self, user_ids: Collection[UUID]) -> dict[UUID, str | None]:
        query = select(UserAccount.id, UserAccount.email).where(UserAccount.id.in_(user_ids))
        return {row.id: row.email for row in await self.session.execute(query)}

    async def replace_password(self, user_id: UUID, *, old: str, new: str) -> bool:
        """Only while it is still `old`: of two changes at once one wins."""
        change = (
            update(UserAccount)
            .where(UserAccount.id == user_id, UserAccount.password_hash == old)
            .values(password_hash=new)
            .returning(UserAccount.id)
        )
        return (await self.session.scalar(change)) is not None

    async def standing(self, user_id: UUID, family_id: UUID | None) -> Standing | None:
        family = and_(TokenFamily.id == family_id, TokenFamily.owner_id == UserAccount.id)
        query = (
            select(
                UserAccount.role,
                UserAccount.time_zone,
                UserAccount.disabled_at,
                TokenFamily.id,
                TokenFamily.revoked_at,
            )
            .outerjoin(TokenFamily, family)
            .where(UserAccount.id == user_id)
        )
        row = (await self.session.execute(query)).one_or_none()
        return None if row is None else Standing(*row)

    async def good(self, logins: Collection[Login]) -> set[Login]:
        """Those of the logins that nobody has ended."""
        families = [family_id for _, family_id in logins if family_id is not None]
        family = and_(
            TokenFamily.id.in_(families), TokenFamily.owner_id == UserAccount.id, TokenFamily.revoked_at.is_(None)
        )
        query = (
            select(UserAccount.id, TokenFamily.id)
            .outerjoin(TokenFamily, family)
            .where(UserAccount.id.in_({user_id for user_id, _ in logins}), UserAccount.disabled_at.is_(None))
        )
        rows = (await self.session.execute(query)).all()
        return {(user_id, family_id) for user_id, family_id in rows} | {(user_id, None) for user_id, _ in rows}

    async def outside(self, issuer: str, subject: str) -> UUID | None:
        user_id: UUID | None = await self.session.scalar(
            select(UserAccount.id).where(UserAccount.issuer == issuer, UserAccount.subject == subject)
        )
        return user_id

    async def admit(self, issuer: str, subject: str, *, name: str) -> None:
        """An account for someone else's user, unless it is there already."""
        values = {"id": uuid7(), "issuer": issuer, "subject": subject, "name": name}
        insert = _insert(self.session, UserAccount).values(**values)
        await self.session.execute(insert.on_conflict_do_nothing(index_elements=["issuer", "subject"]))


class TokenRepository:
    def __init__(self, db_session: AsyncSession) -> None:
        self._session = db_session

    async def begin(self, owner_id: UUID, digest: bytes, *, expires_at: datetime) -> UUID:
        """A new family with its first token."""
        family = TokenFamily(owner_id=owner_id, expires_at=expires_at)
        self._session.add(family)
        await self._session.flush()
        self._session.add(RefreshToken(digest=digest, family_id=family.id, expires_at=expires_at))
        await self._session.flush()
        return family.id

    async def use(self, digest: bytes, *, now: datetime) -> UUID | None:
        """Marks the token used and returns its family. Of any number of calls at once, one gets it."""
        used: UUID | None = await self._session.scalar(
            update(RefreshToken)
            .where(RefreshToken.digest == digest, RefreshToken.used_at.is_(None), RefreshToken.expires_at > now)
            .values(used_at=now)
            .returning(RefreshToken.family_id)
        )
        return used

    async def find(self, digest: bytes) -> RefreshToken | None:
        return await self._session.get(RefreshToken, digest, populate_existing=True)

    async def living_owner(self, family_id: UUID) -> UserAccount | None:
        """Whose family it is, unless either has ended."""
        owner: UserAccount | None = await self._session.scalar(
            select(UserAccount)
            .join(TokenFamily, TokenFamily.owner_id == UserAccount.id)
            .where(TokenFamily.id == family_id, TokenFamily.revoked_at.is_(None), UserAccount.disabled_at.is_(None))
        )
        return owner

    async def succeed(self, family_id: UUID, digest: bytes, *, expires_at: datetime, now: datetime) -> None:
        """The family's next token; it lives as long as its newest one, and forgets those that have expired."""
        self._session.add(RefreshToken(digest=digest, family_id=family_id, expires_at=expires_at))
        await self._session.flush()
        await self._session.execute(
            update(TokenFamily).where(TokenFamily.id == family_id).values(expires_at=expires_at)
        )
        await self._session.execute(
            delete(RefreshToken).where(RefreshToken.family_id == family_id, RefreshToken.expires_at <= now)
        )

    async def proved_at(self, family_id: UUID) -> datetime | None:
        found: datetime | None = await self._session.scalar(
            select(TokenFamily.proved_at).where(TokenFamily.id == family_id)
        )
        return found

    async def prove(self, family_id: UUID, *, now: datetime) -> None:
        await self._session.execute(update(TokenFamily).where(TokenFamily.id == family_id).values(proved_at=now))

    async def revoke(self, family_id: UUID, *, now: datetime) -> None:
        await self._session.execute(
            update(TokenFamily)
            .where(TokenFamily.id == family_id, TokenFamily.revoked_at.is_(None))
            .values(revoked_at=now)
        )

    async def revoke_all(self, owner_id: UUID, *, but: UUID | None, now: datetime) -> None:
        others = [TokenFamily.owner_id == owner_id, TokenFamily.revoked_at.is_(None)]
        if but is not None:
            others.append(TokenFamily.id != but)
        await self._session.execute(update(TokenFamily).where(*others).values(revoked_at=now))

    async def forget_ended(self, owner_id: UUID, *, now: datetime) -> None:
        """Families that no token can come from any more; their tokens go with them."""
        ended = TokenFamily.revoked_at.is_not(None) | (TokenFamily.expires_at <= now)
        await self._session.execute(delete(TokenFamily).where(TokenFamily.owner_id == owner_id, ended))


class TicketRepository:
    def __init__(self, db_session: AsyncSession) -> None:
        self._session = db_session

    async def add(self, ticket: Ticket) -> None:
        self._session.add(ticket)
        await self._session.flush()

    async def read_with(self, digest: bytes, run_id: UUID, *, now: datetime, until: datetime) -> Ticket | None:
        """A run's ticket, which may be used again until then."""
        used = (
            update(Ticket)
            .where(Ticket.digest == digest, Ticket.run_id == run_id, Ticket.expires_at > now)
            .values(expires_at=until)
            .returning(Ticket)
        )
        ticket: Ticket | None = await self._session.scalar(used)
        return ticket

    async def use_up(self, digest: bytes, *, now: datetime) -> Login | None:
        """Whose ticket for a socket it was. Of any number of calls at once, one gets it."""
        used = (
            delete(Ticket)
            .where(Ticket.digest == digest, Ticket.run_id.is_(None), Ticket.expires_at > now)
            .returning(Ticket.owner_id, Ticket.family_id)
        )
        row = (await self._session.execute(used)).one_or_none()
        return None if row is None else (row[0], row[1])

    async def keep_newest(self, owner_id: UUID, most: int) -> None:
        newest_first = select(Ticket.digest).where(Ticket.owner_id == owner_id).order_by(Ticket.use_by.desc())
        await self._session.execute(delete(Ticket).where(Ticket.digest.in_(newest_first.offset(most))))

    async def forget_over(self, *, now: datetime) -> None:
        """Waits for no one: what is in use stays until the next time."""
        over = select(Ticket.digest).where(Ticket.expires_at <= now).limit(500).with_for_update(skip_locked=True)
        await self._session.execute(delete(Ticket).where(Ticket.digest.in_(over)))


class TryRepository:
    def __init__(self, db_session: AsyncSession) -> None:
        self._session = db_session

    async def count(self, keys: list[str], *, now: datetime, resets_at: datetime) -> dict[str, tuple[int, datetime]]:
        """Adds one try to each key: in one statement, so that parallel ones are all counted."""
        insert = _insert(self._session, LoginTry)
        # Sorted: two statements that lock the same rows lock them in the same order.
        insert = insert.values([{"key": key, "tries": 1, "resets_at": resets_at} for key in sorted(keys)])
        over = LoginTry.resets_at <= now
        upsert: ReturningInsert[tuple[str, int, datetime]] = insert.on_conflict_do_update(
            index_elements=["key"],
            set_={
                "tries": case((over, 1), else_=LoginTry.tries + 1),
                "resets_at": case((over, insert.excluded.resets_at), else_=LoginTry.resets_at),
            },
        ).returning(LoginTry.key, LoginTry.tries, LoginTry.resets_at)
        rows = await self._session.execute(upsert, execution_options={"populate_existing": True})
        return {key: (tries, until) for key, tries, until in rows}

    async def forgive(self, key: str) -> None:
        """Takes one try back."""
        await self._session.execute(
            update(LoginTry).where(LoginTry.key == key, LoginTry.tries > 0).values(tries=LoginTry.tries - 1)
        )

    async def forget(self, key: str) -> None:
        await self._session.execute(delete(LoginTry).where(LoginTry.key == key))

    async def forget_over(self, *, now: datetime) -> None:
        """Those whose window has passed. Waits for no one: what is in use stays until the next time."""
        over = select(LoginTry.key).where(LoginTry.resets_at <= now).limit(500).with_for_update(skip_locked=True)
        await self._session.execute(delete(LoginTry).where(LoginTry.key.in_(over)))


def _insert(
    db_session: AsyncSession | async_scoped_session[AsyncSession], table: type[UserAccount | LoginTry]
) -> postgresql.Insert | sqlite.Insert:
    on_postgres = db_session.get_bind().dialect.name == "postgresql"
    return postgresql.insert(table) if on_postgres else sqlite.insert(table)
