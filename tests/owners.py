"""People with secrets, and servers whose vault is open."""

from base64 import urlsafe_b64encode
from contextlib import AsyncExitStack
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from pydantic import SecretStr

from app.domain.accounts.schemas import Role
from app.domain.accounts.service import AccountService
from app.lib.db.engine import Database
from app.server.settings import Settings
from tests.integration.conftest import PASSWORD, LiveServer

MASTER_KEY = urlsafe_b64encode(bytes(range(32))).decode()
KEY = "sk-test-0123456789abcdef-9876"


def with_vault(settings: Settings, **changes: Any) -> Settings:
    """With a master key, and where users' own base URLs lead to the fake providers."""
    changes = {"master_key": SecretStr(MASTER_KEY), "egress_allow": ["127.0.0.1"], **changes}
    return settings.model_copy(update=changes)


ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""For what is not the database's business."""


class Person:
    def __init__(self, user_id: UUID, client: httpx.AsyncClient, email: str = "") -> None:
        self.id = user_id
        self.client = client
        self._email = email

    async def comes_in(self) -> None:
        """With a login of its own. Its token is good for a quarter of an hour."""
        login = await self.client.post("/api/access/login", json={"email": self._email, "password": PASSWORD})
        self.client.headers["Authorization"] = f"Bearer {login.json()['access_token']}"

    async def stores(self, base_url: str, value: str = KEY, **members: Any) -> str:
        """Returns the secret's id."""
        body = {"name": "work", "provider": "openai", "base_url": base_url, "value": value, **members}
        stored = await self.client.post("/api/secrets", json=body)
        assert stored.status_code == 201, stored.text
        return str(stored.json()["id"])


class People:
    """Makes users of any role, each with a client that carries their token."""

    def __init__(self, server: LiveServer, stack: AsyncExitStack) -> None:
        self._server = server
        self._stack = stack

    async def new(self, role: Role = Role.USER) -> Person:
        email = f"{uuid4().hex}@example.com"
        db: Database = self._server.app.state.db
        async with db.writing() as db_session:
            user = await AccountService.open(db_session).create(email, PASSWORD, role=role)
        client = await self._stack.enter_async_context(httpx.AsyncClient(base_url=self._server.url, timeout=15))
        person = Person(user.id, client, email)
        await person.comes_in()
        return person
