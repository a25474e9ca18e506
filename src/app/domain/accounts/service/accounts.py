"""Who has an account, and what they may choose about it."""

import re
import unicodedata
from collections.abc import Collection
from functools import cache
from importlib import resources
from typing import Self
from uuid import UUID

from msgspec import UNSET
from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.accounts.errors import (
    EmailTaken,
    InvalidEmail,
    OwnAccount,
    UnknownTimeZone,
    UserNotFound,
    WeakPassword,
)
from app.domain.accounts.models import UserAccount
from app.domain.accounts.repository import TokenRepository, UserRepository
from app.domain.accounts.schemas import (
    KeepUser,
    KeptUser,
    KeptUserList,
    Me,
    PatchMe,
    Preferences,
    Role,
    TextSpeed,
)
from app.lib.clock import Clock, SystemClock
from app.lib.crypto.passwords import MAX_LENGTH, MIN_LENGTH, Passwords, is_common

_EMAIL = re.compile(r"[^\s@]{1,64}@[^\s@.]+(\.[^\s@.]+)*")
_MAX_EMAIL = 254


class AccountService:
    def __init__(self, users: UserRepository, tokens: TokenRepository, passwords: Passwords, clock: Clock) -> None:
        self._users = users
        self._tokens = tokens
        self._passwords = passwords
        self._clock = clock

    @classmethod
    def open(cls, db_session: AsyncSession, passwords: Passwords | None = None, clock: Clock | None = None) -> Self:
        users = UserRepository(session=db_session, auto_expunge=False)
        return cls(users, TokenRepository(db_session), passwords or Passwords(), clock or SystemClock())

    async def create(
        self, email: str, password: str, *, role: Role = Role.USER, name: str = "", time_zone: str = "UTC"
    ) -> Me:
        """Make an account. The role is the caller's word: no request may pass one on."""
        address = normalised_email(email)
        if address is None:
            raise InvalidEmail
        check_strength(password, address, pointer="/password")
        check_time_zone(time_zone)
        hashed = await self._passwords.hash(password)
        user = UserAccount(email=address, password_hash=hashed, role=role, name=name, time_zone=time_zone)
        if not await self._users.insert(user):
            raise EmailTaken
        return view(user)

    async def get(self, user_id: UUID) -> Me:
        return view(await self._user(user_id))

    async def find(self, email: str) -> Me:
        user = await self._users.by_email(normalised_email(email) or "")
        if user is None:
            raise UserNotFound
        return view(user)

    async def emails(self, user_ids: Collection[UUID]) -> dict[UUID, str | None]:
        """The addresses of those who exist."""
        return await self._users.emails(user_ids)

    async def change(self, user_id: UUID, wanted: PatchMe) -> Me:
        if wanted.time_zone is not UNSET:
            check_time_zone(wanted.time_zone)
        user = await self._user(user_id)
        if wanted.name is not UNSET:
            user.name = wanted.name
        if wanted.time_zone is not UNSET:
            user.time_zone = wanted.time_zone
        if (preferences := wanted.preferences) is not UNSET:
            for field in preferences.__struct_fields__:
                if (value := getattr(preferences, field)) is not UNSET:
                    setattr(user, field, value)
        await self._users.session.flush()
        return view(user)

    async def disable(self, user_id: UUID) -> None:
        """Ends every login now, and allows no other until `enable`."""
        user = await self._user(user_id)
        user.disabled_at = self._clock.now()
        await self._users.session.flush()
        await self._tokens.revoke_all(user_id, but=None, now=self._clock.now())

    async def enable(self, user_id: UUID) -> None:
        user = await self._user(user_id)
        user.disabled_at = None
        await self._users.session.flush()

    async def page(self, text: str, *, limit: int, offset: int) -> KeptUserList:
        users, total = await self._users.oldest_first(text.strip(), limit=limit, offset=offset)
        return KeptUserList(items=[kept(user) for user in users], total=total, limit=limit, offset=offset)

    async def keep(self, user_id: UUID, wanted: KeepUser, *, by: UUID) -> KeptUser:
        """Give another user their role, and disable or enable them."""
        user = await self._user(user_id)
        if user_id == by:
            raise OwnAccount
        if wanted.role is not UNSET:
            user.role = wanted.role
        if wanted.disabled is True and user.disabled_at is None:
            await self.disable(user_id)
        elif wanted.disabled is False:
            await self.enable(user_id)
        await self._users.session.flush()
        return kept(user)

    async def _user(self, user_id: UUID) -> UserAccount:
        user = await self._users.by_id(user_id)
        if user is None:
            raise UserNotFound
        return user


def view(user: UserAccount) -> Me:
    return Me(
        id=user.id,
        email=user.email,
        name=user.name,
        role=Role(user.role),
        time_zone=user.time_zone,
        preferences=Preferences(streaming=user.streaming, text_speed=TextSpeed(user.text_speed), effects=user.effects),
        created_at=user.created_at,
    )


def kept(user: UserAccount) -> KeptUser:
    return KeptUser(
        id=user.id,
        email=user.email,
        name=user.name,
        role=Role(user.role),
        disabled_at=user.disabled_at,
        created_at=user.created_at,
    )


def normalised_email(email: str) -> str | None:
    """One spelling for one address, or nothing where it cannot be one. Whether it exists only a mail could tell."""
    address = unicodedata.normalize("NFKC", email[: 4 * _MAX_EMAIL].strip()).lower()
    good = len(address) <= _MAX_EMAIL and address.isprintable() and _EMAIL.fullmatch(address)
    return address if good else None


def check_strength(password: str, address: str, *, pointer: str) -> None:
    """Length and what attackers try first, as NIST SP 800-63B asks; no rules about which characters."""
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        raise WeakPassword(f"A password has {MIN_LENGTH} to {MAX_LENGTH} characters.", pointer=pointer)
    if is_common(password) or password.casefold() in {address, address.partition("@")[0]}:
        raise WeakPassword("This password is among the first that are tried; choose another.", pointer=pointer)


@cache
def _time_zones() -> frozenset[str]:
    """Those of the tz database, as our dependency carries it: the same on every machine, unlike the system's."""
    return frozenset(resources.files("tzdata").joinpath("zones").read_text("utf-8").split()) - {"Factory"}


def check_time_zone(name: str) -> None:
    if name not in _time_zones():
        raise UnknownTimeZone
