"""Limits of users: in tests that are about something else, and in those that are about them."""

from base64 import urlsafe_b64decode
from typing import Any
from uuid import UUID

import httpx
import msgspec
from sqlalchemy import select, update

from app.domain.accounts.models import UserAccount
from app.domain.quotas.models import LedgerEntry, OpenCall, UsageMonth
from app.lib.db.engine import Database

UNLIMITED = {"max_concurrent_runs": 100_000, "rate_limit_per_minute": 100_000, "monthly_requests": 100_000}
"""What one user's settings must be to do the work of many."""


def id_of(client: httpx.AsyncClient) -> UUID:
    """Who the client's token is."""
    payload = client.headers["Authorization"].split(".")[1]
    return UUID(msgspec.json.decode(urlsafe_b64decode(payload + "=="))["sub"])


async def promote(db: Database, client: httpx.AsyncClient, role: str = "admin") -> None:
    """What only the command line does in life. Before the client's first request: the server remembers who asks."""
    user_id = id_of(client)
    async with db.writing() as db_session:
        await db_session.execute(update(UserAccount).where(UserAccount.id == user_id).values(role=role))


async def usage(client: httpx.AsyncClient) -> dict[str, Any]:
    answer = await client.get("/api/usage")
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def ledger(db: Database) -> list[LedgerEntry]:
    """As it was entered."""
    async with db.reading() as db_session:
        return [*await db_session.scalars(select(LedgerEntry).order_by(LedgerEntry.id))]


async def open_calls(db: Database) -> list[OpenCall]:
    async with db.reading() as db_session:
        return [*await db_session.scalars(select(OpenCall))]


async def months(db: Database, user_id: UUID) -> list[UsageMonth]:
    async with db.reading() as db_session:
        return [*await db_session.scalars(select(UsageMonth).where(UsageMonth.user_id == user_id))]
