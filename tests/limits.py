"""What users may do, for tests that are about something else."""

from base64 import urlsafe_b64decode
from uuid import UUID

import httpx
import msgspec
from sqlalchemy import update

from app.domain.accounts.models import UserAccount
from app.lib.db.engine import Database


def id_of(client: httpx.AsyncClient) -> UUID:
    """Who the client's token is."""
    payload = client.headers["Authorization"].split(".")[1]
    return UUID(msgspec.json.decode(urlsafe_b64decode(payload + "=="))["sub"])


async def promote(db: Database, client: httpx.AsyncClient, role: str = "admin") -> None:
    """What only the command line does in life. Before the client's first request: the server remembers who asks."""
    user_id = id_of(client)
    async with db.writing() as db_session:
        await db_session.execute(update(UserAccount).where(UserAccount.id == user_id).values(role=role))
