"""From a token to the one it stands for: the check that every request passes."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import batched
from uuid import UUID

from app.domain.accounts.errors import InvalidToken, IssuerUnavailable, TokenExpired
from app.domain.accounts.repository import Standing, UserRepository
from app.domain.accounts.schemas import Principal, Role
from app.lib.clock import Clock
from app.lib.crypto.issuer import KeysUnavailable, OutsideClaims, OutsideIssuer
from app.lib.crypto.tokens import AccessTokens, TokenOutdated, TokenRejected, unverified_issuer
from app.lib.db.engine import Database

FRESH_SECONDS = 2.0
"""How long a revoked token may still be taken for good by a process that has just seen it."""
_MAX_KNOWN = 20_000
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class _Known:
    standing: Standing
    until: float


class Authenticator:
    def __init__(
        self,
        db: Database,
        tokens: AccessTokens,
        *,
        clock: Clock,
        outside: OutsideIssuer | None = None,
        fresh_seconds: float = FRESH_SECONDS,
    ) -> None:
        self._db = db
        self._tokens = tokens
        self._clock = clock
        self._outside = outside
        self._fresh = fresh_seconds
        self._known: dict[tuple[UUID, UUID | None], _Known] = {}
        self._outsiders: dict[str, UUID] = {}

    async def authenticate(self, token: str) -> Principal:
        """Whose token this is; raises unless it is good now."""
        try:
            # The claimed issuer only chooses the check: each has its own keys and algorithms, and checks the claim.
            if self._outside is not None and unverified_issuer(token) == self._outside.issuer:
                claims = await self._outside.verify(token)
                return await self._outside_principal(claims)
            own = self._tokens.verify(token)
        except TokenOutdated as error:
            raise TokenExpired from error
        except TokenRejected as error:
            raise InvalidToken from error
        except KeysUnavailable as error:
            raise IssuerUnavailable from error
        return await self.principal(own.sub, own.sid, own.jti)

    async def no_longer_valid(self, principals: Iterable[Principal]) -> list[Principal]:
        """Those of them who may not stay. A token's expiry ends nothing that is open; a revocation does."""
        ended: list[Principal] = []
        for some in batched(principals, _AT_ONCE):
            async with self._db.reading() as db_session:
                good = await UserRepository(session=db_session).good([(p.user_id, p.family_id) for p in some])
            ended += [p for p in some if (p.user_id, p.family_id) not in good]
        return ended

    def forget(self, user_id: UUID, family_id: UUID | None) -> None:
        """Look again the next time, in this process."""
        self._known.pop((user_id, family_id), None)

    async def principal(
        self, user_id: UUID, family_id: UUID | None, token_id: str, *, proved_at: datetime | None = None
    ) -> Principal:
        """Who comes with this login, however they proved that it is theirs. Raises InvalidToken where it has ended."""
        standing = await self._standing(user_id, family_id)
        if standing is None or not _is_good(standing, family_id):
            raise InvalidToken
        return Principal(
            user_id=user_id,
            role=Role(standing.role),
            time_zone=standing.time_zone,
            family_id=family_id,
            token_id=token_id,
            proved_at=proved_at,
        )

    async def _standing(self, user_id: UUID, family_id: UUID | None) -> Standing | None:
        key = user_id, family_id
        now = self._clock.monotonic()
        known = self._known.get(key)
        if known is not None and now < known.until:
            return known.standing
        async with self._db.reading() as db_session:
            standing = await UserRepository(session=db_session).standing(user_id, family_id)
        self._known.pop(key, None)
        if standing is not None:
            if len(self._known) >= _MAX_KNOWN:
                # All live equally long, so the first one in is the first that would lapse.
                self._known.pop(next(iter(self._known)))
            self._known[key] = _Known(standing, now + self._fresh)
        return standing

    async def _outside_principal(self, claims: OutsideClaims) -> Principal:
        try:
            user_id = await self._outsider(claims)
            return await self.principal(user_id, None, claims.jti, proved_at=claims.proved_at)
        except InvalidToken:
            # If the account was deleted, its owner may come again and get a new one.
            self._outsiders.pop(claims.sub, None)
            raise

    async def _outsider(self, claims: OutsideClaims) -> UUID:
        """The account of the issuer's user, made when they first come. Not found by address: anyone can claim one."""
        user_id = self._outsiders.get(claims.sub)
        if user_id is not None:
            return user_id
        async with self._db.reading() as db_session:
            user_id = await UserRepository(session=db_session).outside(claims.iss, claims.sub)
        if user_id is None:
            async with self._db.writing() as db_session:
                users = UserRepository(session=db_session)
                await users.admit(claims.iss, claims.sub, name=claims.display_name)
                user_id = await users.outside(claims.iss, claims.sub)
        if user_id is None:
            raise InvalidToken
        if len(self._outsiders) >= _MAX_KNOWN:
            self._outsiders.clear()
        self._outsiders[claims.sub] = user_id
        return user_id


def _is_good(standing: Standing, family_id: UUID | None) -> bool:
    # A family is looked up together with its owner: someone else's, or one that is gone, is not there.
    return standing.disabled_at is None and standing.family_id == family_id and standing.revoked_at is None
