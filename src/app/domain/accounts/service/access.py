"""Coming in, staying in, and leaving: logins, token families, and the tries there are."""

import ipaddress
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from app.domain.accounts.errors import (
    AccountDisabled,
    InvalidRefreshToken,
    InvalidToken,
    ReauthenticationRequired,
    TokenExpired,
    WrongCredentials,
    WrongPassword,
)
from app.domain.accounts.models import UserAccount
from app.domain.accounts.repository import TokenRepository, TryRepository, UserRepository
from app.domain.accounts.schemas import Me, Principal, SignUp
from app.domain.accounts.service.accounts import AccountService, check_strength, normalised_email, view
from app.domain.accounts.service.authenticator import Authenticator
from app.domain.accounts.service.tries import Tries, try_key
from app.lib.clock import Clock
from app.lib.crypto.passwords import MAX_LENGTH, Passwords
from app.lib.crypto.tokens import SKEW, AccessTokens, RefreshTokens
from app.lib.db.engine import Database

REFRESH_LIFETIME = timedelta(days=30)
PROVED = timedelta(minutes=5)
"""How long a proof of who one is counts for what needs one."""
GRACE = timedelta(seconds=30)
"""How long a used refresh token still gets the answer it got: two tabs may refresh at once."""


@dataclass(frozen=True, slots=True)
class TryLimits:
    """Failed tries in a window, and new accounts in theirs. A client may be a whole office, so it has more tries."""

    an_address: int = 10
    a_client: int = 100
    window: timedelta = timedelta(minutes=15)
    sign_ups: int = 20
    sign_up_window: timedelta = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Grant:
    user: Me
    access_token: str
    refresh_token: str
    expires_in: int


class AccessService:
    """Has its own transactions: what it refuses must be remembered too."""

    def __init__(
        self,
        db: Database,
        *,
        passwords: Passwords,
        access_tokens: AccessTokens,
        refresh_tokens: RefreshTokens,
        authenticator: Authenticator,
        clock: Clock,
        limits: TryLimits | None = None,
    ) -> None:
        self._db = db
        self._passwords = passwords
        self._access_tokens = access_tokens
        self._refresh_tokens = refresh_tokens
        self._authenticator = authenticator
        self._clock = clock
        self._tries = Tries(db, clock)
        self._limits = limits or TryLimits()

    async def sign_up(self, wanted: SignUp, *, client: str) -> Me:
        """Make an account. This machine itself may make any number: whoever is on it could ask the command line."""
        if not _is_loopback(client):
            key = try_key("sign-up", _network(client))
            await self._tries.count({key: self._limits.sign_ups}, window=self._limits.sign_up_window)
        async with self._db.writing() as db_session:
            accounts = AccountService.open(db_session, self._passwords, self._clock)
            return await accounts.create(wanted.email, wanted.password, name=wanted.name, time_zone=wanted.time_zone)

    async def login(self, email: str, password: str, *, client: str) -> Grant:
        """Takes as long and answers alike for an unknown address and a wrong password."""
        address = normalised_email(email) or ""
        by_address, by_client = try_key("address", address), try_key("client", _network(client))
        limits = {by_address: self._limits.an_address, by_client: self._limits.a_client}
        await self._tries.count(limits, window=self._limits.window)
        async with self._db.reading() as db_session:
            user = await UserRepository(session=db_session).by_email(address)
        stored = user.password_hash if user else None
        if not await self._matches(password, stored) or user is None or stored is None:
            raise WrongCredentials
        if user.disabled_at is not None:
            raise AccountDisabled
        renewed = await self._passwords.hash(password) if self._passwords.is_outdated(stored) else None
        token = self._refresh_tokens.new()
        now = self._clock.now()
        async with self._db.writing() as db_session:
            tries, tokens = TryRepository(db_session), TokenRepository(db_session)
            await tries.forget(by_address)
            await tries.forgive(by_client)
            await tries.forget_over(now=now)
            if renewed is not None:
                await UserRepository(session=db_session).replace_password(user.id, old=stored, new=renewed)
            await tokens.forget_ended(user.id, now=now)
            digest = self._refresh_tokens.digest(token)
            family_id = await tokens.begin(user.id, digest, expires_at=now + REFRESH_LIFETIME)
        return self._grant(user, family_id, token)

    async def refresh(self, token: str) -> Grant:
        """The next pair of tokens. A token that comes back too late was copied, so nobody may go on with its family."""
        digest = self._refresh_tokens.digest(token)
        successor = self._refresh_tokens.successor(token)
        now = self._clock.now()
        async with self._db.writing() as db_session:
            tokens = TokenRepository(db_session)
            family_id = await tokens.use(digest, now=now)
            owner = None
            if family_id is not None:
                owner = await tokens.living_owner(family_id)
                if owner is not None:
                    next_digest = self._refresh_tokens.digest(successor)
                    await tokens.succeed(family_id, next_digest, expires_at=now + REFRESH_LIFETIME, now=now)
            elif (known := await tokens.find(digest)) is not None and known.used_at is not None:
                family_id = known.family_id
                if now - known.used_at <= GRACE:
                    owner = await tokens.living_owner(family_id)
                else:
                    await tokens.revoke(family_id, now=now)
        if family_id is None or owner is None:
            raise InvalidRefreshToken
        return self._grant(owner, family_id, successor)

    async def logout(self, *, access_token: str | None = None, refresh_token: str | None = None) -> None:
        """End the logins that these tokens are from. An unknown refresh token has none: there is nothing to end."""
        principal = None
        if access_token is not None:
            try:
                principal = await self._authenticator.authenticate(access_token)
            except (InvalidToken, TokenExpired):
                # A page that slept longer than its access token still leaves by its refresh token.
                if refresh_token is None:
                    raise
        families = {principal.family_id} if principal and principal.family_id else set()
        async with self._db.writing() as db_session:
            tokens = TokenRepository(db_session)
            if refresh_token is not None:
                known = await tokens.find(self._refresh_tokens.digest(refresh_token))
                families |= {known.family_id} if known else set()
            for family_id in families:
                await tokens.revoke(family_id, now=self._clock.now())
        if principal is not None:
            self._authenticator.forget(principal.user_id, principal.family_id)

    async def change_password(self, principal: Principal, current: str, new: str) -> None:
        """Needs the current one, and ends all other logins."""
        key = try_key("account", str(principal.user_id))
        async with self._db.reading() as db_session:
            user = await UserRepository(session=db_session).by_id(principal.user_id)
        address, stored = (user.email or "", user.password_hash) if user else ("", None)
        check_strength(new, address, pointer="/new_password")
        await self._tries.count({key: self._limits.an_address}, window=self._limits.window)
        if not await self._matches(current, stored) or stored is None:
            raise WrongPassword
        hashed = await self._passwords.hash(new)
        async with self._db.writing() as db_session:
            if not await UserRepository(session=db_session).replace_password(principal.user_id, old=stored, new=hashed):
                raise WrongPassword
            await TryRepository(db_session).forget(key)
            now = self._clock.now()
            await TokenRepository(db_session).revoke_all(principal.user_id, but=principal.family_id, now=now)

    async def prove(self, principal: Principal, password: str | None) -> None:
        """That the user themselves asks: by their password, or one given so within `PROVED` in the same login.

        Another issuer's users have no password here: it says when they last proved to it who they are. Raises
        ReauthenticationRequired, or WrongPassword; tries are counted as for a change of password.
        """
        now = self._clock.now()
        if principal.family_id is None:
            if principal.proved_at is None or not now - PROVED <= principal.proved_at <= now + timedelta(seconds=SKEW):
                raise ReauthenticationRequired
        elif password is None:
            async with self._db.reading() as db_session:
                proved_at = await TokenRepository(db_session).proved_at(principal.family_id)
            if proved_at is None or proved_at < now - PROVED:
                raise ReauthenticationRequired
        else:
            key = try_key("account", str(principal.user_id))
            async with self._db.reading() as db_session:
                user = await UserRepository(session=db_session).by_id(principal.user_id)
            await self._tries.count({key: self._limits.an_address}, window=self._limits.window)
            if not await self._matches(password, user.password_hash if user else None):
                raise WrongPassword("/password")
            async with self._db.writing() as db_session:
                await TryRepository(db_session).forget(key)
                await TokenRepository(db_session).prove(principal.family_id, now=now)

    async def _matches(self, password: str, stored: str | None) -> bool:
        # Cut, not refused: a longer one is wrong anyway, and must take no other time than another wrong one.
        return await self._passwords.matches(password[: MAX_LENGTH + 1], stored)

    def _grant(self, user: UserAccount, family_id: UUID, refresh_token: str) -> Grant:
        return Grant(
            user=view(user),
            access_token=self._access_tokens.issue(user.id, family_id),
            refresh_token=refresh_token,
            expires_in=int(self._access_tokens.lifetime.total_seconds()),
        )


def _is_loopback(client: str) -> bool:
    try:
        return ipaddress.ip_address(client).is_loopback
    except ValueError:
        return False


def _network(client: str) -> str:
    """Whoever has one IPv6 address has 2**64 of them."""
    try:
        address = ipaddress.ip_address(client)
    except ValueError:
        return client
    return client if address.version == 4 else str(ipaddress.ip_network((address, 64), strict=False))  # noqa: PLR2004
