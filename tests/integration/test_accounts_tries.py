"""How often a password may be tried, and that a wrong one tells nothing."""

import hashlib
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import anyio
import httpx
import pytest
from argon2 import PasswordHasher
from sqlalchemy import func, select

from app.domain.accounts.errors import TooManyTries, WrongCredentials, WrongPassword
from app.domain.accounts.models import LoginTry, UserAccount
from app.domain.accounts.schemas import Principal, Role, SignUp
from app.domain.accounts.service import AccessService, AccountService, Authenticator, TryLimits
from app.lib.clock import FixedClock
from app.lib.crypto.passwords import Passwords
from app.lib.crypto.tokens import AccessTokens, RefreshTokens
from app.lib.db.engine import Database
from app.lib.errors import AppError

ADA = "ada@example.com"
RIGHT = "correct horse battery staple"
HERE = "192.0.2.1"
NEW = {"email": "new@example.com", "password": RIGHT}


class CountingHasher(PasswordHasher):
    """Cheap, and counts the work done."""

    def __init__(self, **parameters: Any) -> None:
        super().__init__(**{"time_cost": 1, "memory_cost": 64, "parallelism": 1, **parameters})
        self.verified: list[tuple[int, int, int]] = []

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002 - the library's name
        self.verified.append((self.time_cost, self.memory_cost, len(hash)))
        return super().verify(hash, password)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(datetime(2026, 3, 1, 12, tzinfo=UTC))


@pytest.fixture
def hasher() -> CountingHasher:
    return CountingHasher()


def _access(db: Database, clock: FixedClock, hasher: PasswordHasher, limits: TryLimits | None = None) -> AccessService:
    tokens = AccessTokens("x" * 32, clock=clock)
    return AccessService(
        db,
        passwords=Passwords(hasher),
        access_tokens=tokens,
        refresh_tokens=RefreshTokens("x" * 32),
        authenticator=Authenticator(db, tokens, clock=clock),
        clock=clock,
        limits=limits,
    )


@pytest.fixture
async def access(db: Database, clock: FixedClock, hasher: CountingHasher) -> AccessService:
    async with db.writing() as db_session:
        await AccountService.open(db_session, Passwords(hasher)).create(ADA, RIGHT)
    return _access(db, clock, hasher)


async def _outcomes(attempts: list[Callable[[], Awaitable[object]]]) -> Counter[str]:
    outcomes: Counter[str] = Counter()

    async def attempt(call: Callable[[], Awaitable[object]]) -> None:
        try:
            await call()
        except AppError as error:
            outcomes[error.code] += 1
        else:
            outcomes["ok"] += 1

    async with anyio.create_task_group() as tasks:
        for call in attempts:
            tasks.start_soon(attempt, call)
    return outcomes


async def test_an_unknown_address_costs_the_same_work_as_a_wrong_password(
    access: AccessService, hasher: CountingHasher
) -> None:
    told = []
    for email in (ADA, "nobody@example.com", "no address", ""):
        with pytest.raises(WrongCredentials) as wrong:
            await access.login(email, "wrong password", client=HERE)
        told.append(wrong.value.detail)

    assert len(hasher.verified) == 4
    assert len(set(hasher.verified)) == 1
    assert len(set(told)) == 1


async def test_ten_tries_at_one_address_however_many_come_at_once(access: AccessService) -> None:
    outcomes = await _outcomes([lambda: access.login(ADA, "wrong password", client=HERE)] * 25)

    assert outcomes == {"wrong_credentials": 10, "too_many_tries": 15}


async def test_the_right_password_does_not_help_once_the_tries_are_used_up(
    access: AccessService, clock: FixedClock
) -> None:
    await _outcomes([lambda: access.login(ADA, "wrong password", client=HERE)] * 10)
    clock.advance(60)

    with pytest.raises(TooManyTries) as refused:
        await access.login(ADA, RIGHT, client="198.51.100.7")

    assert refused.value.context == {"retry_after": 14 * 60}


async def test_the_tries_come_back_after_a_quarter_of_an_hour(access: AccessService, clock: FixedClock) -> None:
    await _outcomes([lambda: access.login(ADA, "wrong password", client=HERE)] * 12)
    clock.advance(15 * 60)

    assert await access.login(ADA, RIGHT, client=HERE)


async def test_coming_in_gives_the_tries_back(access: AccessService) -> None:
    for _ in range(3):
        await _outcomes([lambda: access.login(ADA, "wrong password", client=HERE)] * 9)
        assert await access.login(ADA, RIGHT, client=HERE)


async def test_one_client_cannot_go_through_many_addresses(
    db: Database, clock: FixedClock, hasher: CountingHasher
) -> None:
    limits = TryLimits(an_address=10, a_client=5, window=timedelta(minutes=15))
    access = _access(db, clock, hasher, limits)

    def at(number: int, client: str) -> Callable[[], Awaitable[object]]:
        return lambda: access.login(f"user{number}@example.com", "wrong password", client=client)

    outcomes = await _outcomes([at(number, f"2001:db8::{number}") for number in range(9)])
    elsewhere = await _outcomes([at(1, "2001:db8:0:1::1")])

    assert outcomes == {"wrong_credentials": 5, "too_many_tries": 4}
    assert elsewhere == {"wrong_credentials": 1}


async def test_a_full_office_can_come_in(access: AccessService, db: Database, clock: FixedClock) -> None:
    busy = _access(db, clock, CountingHasher(), TryLimits(a_client=3))

    for _ in range(5):
        assert await busy.login(ADA, RIGHT, client=HERE)


async def test_one_client_makes_twenty_accounts_an_hour(access: AccessService, clock: FixedClock) -> None:
    def sign_up(number: int, client: str) -> Callable[[], Awaitable[object]]:
        return lambda: access.sign_up(SignUp(email=f"user{number}@example.com", password=RIGHT), client=client)

    outcomes = await _outcomes([sign_up(number, f"2001:db8::{number}") for number in range(30)])
    elsewhere = await _outcomes([sign_up(100, HERE)])
    clock.advance(59 * 60)
    with pytest.raises(TooManyTries) as refused:
        await sign_up(101, "2001:db8::1")()
    clock.advance(60)
    later = await _outcomes([sign_up(102, "2001:db8::1")])

    assert outcomes == {"ok": 20, "too_many_tries": 10}
    assert refused.value.context == {"retry_after": 60}
    assert elsewhere == later == {"ok": 1}


async def test_whoever_is_on_this_machine_makes_any_number_of_accounts(access: AccessService) -> None:
    def sign_up(number: int) -> Callable[[], Awaitable[object]]:
        wanted = SignUp(email=f"user{number}@example.com", password=RIGHT)
        return lambda: access.sign_up(wanted, client="::1" if number % 2 else "127.0.0.1")

    assert await _outcomes([sign_up(number) for number in range(25)]) == {"ok": 25}


async def test_a_refused_sign_up_counts_too(access: AccessService) -> None:
    taken = SignUp(email=ADA, password=RIGHT)

    outcomes = await _outcomes([lambda: access.sign_up(taken, client=HERE)] * 22)

    assert outcomes == {"email_taken": 20, "too_many_tries": 2}


async def test_too_many_sign_ups_are_429_and_say_when_to_come_back(anonymous: httpx.AsyncClient) -> None:
    from_afar = {"x-forwarded-for": "198.51.100.7"}
    for _ in range(20):
        assert (await anonymous.post("/api/access/signup", json={**NEW, "password": "x"}, headers=from_afar)).is_error

    refused = await anonymous.post("/api/access/signup", json=NEW, headers=from_afar)

    assert refused.status_code == 429
    assert refused.json()["code"] == "too_many_tries"
    assert 0 < int(refused.headers["retry-after"]) <= 3600
    assert (await anonymous.post("/api/access/signup", json=NEW)).is_success


async def test_what_was_typed_is_not_kept_and_what_lapsed_is_forgotten(
    access: AccessService, db: Database, clock: FixedClock
) -> None:
    await _outcomes([lambda: access.login("hunter2@typed.example", "wrong password", client=HERE)])
    async with db.reading() as db_session:
        keys = [*await db_session.scalars(select(LoginTry.key))]
    clock.advance(16 * 60)
    await access.login(ADA, RIGHT, client=HERE)
    async with db.reading() as db_session:
        left = await db_session.scalar(select(func.count()).select_from(LoginTry).where(LoginTry.tries > 0))

    assert f"address:{hashlib.sha256(b'hunter2@typed.example').hexdigest()}" in keys
    assert left == 0


async def test_a_stolen_access_token_cannot_guess_the_password(access: AccessService, db: Database) -> None:
    async with db.reading() as db_session:
        ada = await AccountService.open(db_session).find(ADA)
    principal = Principal(user_id=ada.id, role=Role.USER, time_zone="UTC", family_id=None, token_id="")

    outcomes = await _outcomes([lambda: access.change_password(principal, "wrong", "a new password")] * 15)

    assert outcomes == {WrongPassword.code: 10, TooManyTries.code: 5}


async def test_a_hash_with_old_parameters_is_made_again_at_login(
    access: AccessService, db: Database, clock: FixedClock
) -> None:
    stronger = CountingHasher(time_cost=2)

    await _access(db, clock, stronger).login(ADA, RIGHT, client=HERE)

    async with db.reading() as db_session:
        stored = await db_session.scalar(select(UserAccount.password_hash))
    assert stored is not None
    assert "t=2" in stored
    assert await _access(db, clock, stronger).login(ADA, RIGHT, client=HERE)
