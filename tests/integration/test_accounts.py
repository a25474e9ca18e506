"""Accounts over HTTP: signing up, and what one may choose about oneself."""

from typing import Any

import anyio
import httpx
from sqlalchemy import select

from app.domain.accounts.models import UserAccount
from app.domain.accounts.schemas import Role
from app.domain.accounts.service import AccountService
from app.lib.db.engine import Database
from app.server.settings import Settings
from tests.integration.conftest import PASSWORD, LiveServer, SignUp, live_server


async def test_a_new_user_is_told_who_they_are(sign_up: SignUp) -> None:
    client = await sign_up("Ada@Example.com")

    me = (await client.get("/api/me")).json()

    assert me["email"] == "ada@example.com"
    assert me["role"] == "user"
    assert me["time_zone"] == "UTC"
    assert me["preferences"] == {"streaming": True, "text_speed": "normal", "effects": True}
    assert not {"password", "password_hash"} & set(me)


async def test_nobody_comes_in_without_a_token(anonymous: httpx.AsyncClient) -> None:
    response = await anonymous.get("/api/me")

    assert response.status_code == 401
    assert response.json()["code"] == "not_authenticated"
    assert response.headers["www-authenticate"] == "Bearer"


async def test_the_row_holds_no_password(sign_up: SignUp, db: Database) -> None:
    await sign_up("ada@example.com")

    async with db.reading() as db_session:
        user = (await db_session.scalars(select(UserAccount))).one()

    assert user.password_hash is not None
    assert user.password_hash.startswith("$argon2id$")
    assert PASSWORD not in user.password_hash


async def test_an_address_is_taken_once_however_it_is_spelt(anonymous: httpx.AsyncClient) -> None:
    statuses = []

    async def signup(email: str) -> None:
        response = await anonymous.post("/api/access/signup", json={"email": email, "password": PASSWORD})
        statuses.append((response.status_code, response.json().get("code")))

    async with anyio.create_task_group() as tasks:
        for email in ("ada@example.com", "ADA@example.com", " ada@example.com", "ada\uff20example.com"):
            tasks.start_soon(signup, email)

    assert sorted(statuses, key=lambda status: status[0]) == [(201, None), *[(409, "email_taken")] * 3]


async def test_no_body_sets_what_is_not_ones_own_to_set(client: httpx.AsyncClient) -> None:
    account = {"email": "eve@example.com", "password": PASSWORD}

    for field in ("role", "owner_id", "id", "disabled_at", "issuer"):
        signup = await client.post("/api/access/signup", json={**account, field: "admin"})
        patch = await client.patch("/api/me", json={"name": "Eve", field: "admin"})
        nested = await client.patch("/api/me", json={"preferences": {field: "admin"}})

        assert (field, signup.status_code, patch.status_code, nested.status_code) == (field, 422, 422, 422)

    assert (await client.get("/api/me")).json()["role"] == "user"


WEAK = {
    "short": "8 to 256",
    "x" * 257: "8 to 256",
    "password1": "first that are tried",
    "QWERTYUIOP": "first that are tried",
    "eve.the.third": "first that are tried",
}


async def test_a_weak_password_is_refused(anonymous: httpx.AsyncClient) -> None:
    for password, why in WEAK.items():
        account = {"email": "eve.the.third@example.com", "password": password}

        response = await anonymous.post("/api/access/signup", json=account)

        assert (password, response.status_code) == (password, 422)
        assert response.json()["code"] == "weak_password"
        assert response.json()["errors"][0]["pointer"] == "/password"
        assert why in response.json()["detail"]


BROKEN: list[dict[str, Any]] = [
    {"email": "no-address"},
    {"email": "two@at@example.com"},
    {"email": "a b@example.com"},
    {"email": "nul\0@example.com"},
    {"email": "x" * 65 + "@example.com"},
    {"email": "x@" + "y" * 260 + ".com"},
    {"name": "nul\0"},
    {"name": "x" * 201},
    {"time_zone": "Mars/Olympus"},
    {"time_zone": "../../etc/passwd"},
    {"password": None},
]


async def test_bad_input_is_told_and_never_crashes(anonymous: httpx.AsyncClient) -> None:
    for broken in BROKEN:
        account = {"email": "ada@example.com", "password": PASSWORD, **broken}

        signup = await anonymous.post("/api/access/signup", json=account)
        login = await anonymous.post("/api/access/login", json=account)

        assert (broken, signup.status_code) == (broken, 422)
        assert signup.json()["errors"][0]["pointer"] == "/" + next(iter(broken))
        assert login.status_code in {401, 422}


async def test_lone_surrogates_are_told_and_never_crash(anonymous: httpx.AsyncClient) -> None:
    body = rb'{"email": "\ud800@example.com", "password": "\udfff correct horse", "name": "\ud800"}'
    headers = {"Content-Type": "application/json"}

    signup = await anonymous.post("/api/access/signup", content=body, headers=headers)
    login = await anonymous.post("/api/access/login", content=body, headers=headers)

    assert 400 <= signup.status_code < 500
    assert 400 <= login.status_code < 500


async def test_a_patch_changes_what_it_names_and_nothing_else(client: httpx.AsyncClient) -> None:
    await client.patch("/api/me", json={"time_zone": "Europe/Berlin", "preferences": {"text_speed": "instant"}})
    await client.patch("/api/me", json={"name": "Ada", "preferences": {"effects": False}})

    me = (await client.get("/api/me")).json()

    assert me["name"] == "Ada"
    assert me["time_zone"] == "Europe/Berlin"
    assert me["preferences"] == {"streaming": True, "text_speed": "instant", "effects": False}


async def test_an_unknown_time_zone_changes_nothing(client: httpx.AsyncClient) -> None:
    response = await client.patch("/api/me", json={"name": "Ada", "time_zone": "Mars/Olympus"})

    assert response.status_code == 422
    assert response.json()["code"] == "unknown_time_zone"
    assert (await client.get("/api/me")).json()["name"] == "Test"


async def test_signing_up_can_be_closed(settings: Settings) -> None:
    async with (
        live_server(settings.model_copy(update={"signup": "closed"})) as server,
        httpx.AsyncClient(base_url=server.url) as client,
    ):
        response = await client.post("/api/access/signup", json={"email": "a@example.com", "password": PASSWORD})

    assert response.status_code == 403
    assert response.json()["code"] == "signup_closed"


async def test_an_operator_makes_admins(server: LiveServer, db: Database, anonymous: httpx.AsyncClient) -> None:
    async with db.writing() as db_session:
        await AccountService.open(db_session).create("root@example.com", PASSWORD, role=Role.ADMIN)

    login = await anonymous.post("/api/access/login", json={"email": "root@example.com", "password": PASSWORD})

    assert login.json()["user"]["role"] == "admin"


async def test_a_preflight_and_an_unknown_path_need_no_token(settings: Settings) -> None:
    origin = "https://page.example"
    async with (
        live_server(settings.model_copy(update={"cors_origins": [origin]})) as server,
        httpx.AsyncClient(base_url=server.url) as client,
    ):
        asks = {"Origin": origin, "Access-Control-Request-Method": "GET"}
        preflight = await client.options("/api/me", headers=asks)
        unknown = await client.get("/api/nothing")
        refused = await client.get("/api/me", headers={"Origin": origin})

    assert preflight.status_code == 204
    assert unknown.status_code == 404
    assert refused.status_code == 401
    assert refused.headers["access-control-allow-origin"] == origin
