"""Users for tests that work on rows and sign nobody in."""

from uuid import UUID, uuid4

from app.domain.accounts.models import UserAccount
from app.lib.db.engine import Database


async def new_owner(db: Database, *, time_zone: str = "UTC") -> UUID:
    async with db.writing() as db_session:
        person = UserAccount(email=f"{uuid4().hex}@example.com", time_zone=time_zone)
        db_session.add(person)
        await db_session.flush()
        return person.id
