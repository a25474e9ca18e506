"""Who may do what with whose secrets: every route, every role, one's own and another's."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import httpx
import pytest
from litestar import Litestar

from app.domain.accounts.schemas import Role
from app.server.settings import Settings
from tests.integration.conftest import PASSWORD, LiveServer, live_server
from tests.owners import KEY, People, Person, with_vault
from tests.wires.chat import ChatWire

OWNERS = "app.domain.secrets.controllers.secrets"
PREFIXES = ("/api/secrets", "/api/admin/secrets", "/api/admin/audit")


class Row(NamedTuple):
    """The status for each role, with one's own secret and with another's; the same where no secret is named."""

    user: tuple[int, int]
    admin: tuple[int, int]
    auditor: tuple[int, int]
    body: dict[str, Any] | None = None


def everyones(status: int, body: dict[str, Any] | None = None) -> Row:
    return Row((status, status), (status, status), (status, status), body)


def owners(status: int, body: dict[str, Any] | None = None) -> Row:
    return Row((status, 404), (status, 404), (status, 404), body)


def admins(status: int, body: dict[str, Any] | None = None) -> Row:
    return Row((403, 403), (status, status), (403, 403), body)


def auditors(status: int) -> Row:
    return Row((403, 403), (status, status), (status, status))


MATRIX = {
    "GET /api/secrets": everyones(200),
    "POST /api/secrets": everyones(201, {"name": "next", "provider": "anthropic", "value": "sk-ant-" + "x" * 30}),
    "POST /api/secrets/verify": everyones(200, {"provider": "openai_compatible", "base_url": "{wire}", "value": KEY}),
    "GET /api/secrets/{secret_id}": owners(200),
    "PATCH /api/secrets/{secret_id}": owners(200, {"name": "another"}),
    "DELETE /api/secrets/{secret_id}": owners(204),
    "POST /api/secrets/{secret_id}/rotate": owners(200, {"base_url": "{wire}", "value": KEY + "-next"}),
    "POST /api/secrets/{secret_id}/reveal": owners(200, {"password": PASSWORD}),
    "POST /api/secrets/{secret_id}/verify": owners(200),
    "GET /api/secrets/{secret_id}/versions": owners(200),
    "POST /api/secrets/{secret_id}/versions/{version}/restore": owners(200),
    "GET /api/secrets/{secret_id}/audit": owners(200),
    "GET /api/secrets/{secret_id}/usage": owners(200),
    "GET /api/admin/secrets": admins(200),
    "PATCH /api/admin/secrets/{secret_id}": admins(200, {"disabled": True}),
    "DELETE /api/admin/secrets/{secret_id}": admins(204),
    "GET /api/admin/secrets/policies": admins(200),
    "PUT /api/admin/secrets/policies/{provider}": admins(200, {"max_age_days": 90}),
    "DELETE /api/admin/secrets/policies/{provider}": admins(204),
    "GET /api/admin/audit": auditors(200),
    "GET /api/admin/audit/export": auditors(200),
    "POST /api/admin/audit/{owner_id}/verify": auditors(200),
}


@pytest.fixture
def settings(sqlite_template: Path, tmp_path: Path) -> Settings:
    """Roles are not the database's business."""
    file = tmp_path / "headgate.db"
    file.write_bytes(sqlite_template.read_bytes())
    return with_vault(Settings.model_validate({"data_dir": tmp_path, "jwt_secret": "test-secret-" + "x" * 32}))


@pytest.fixture
async def server(settings: Settings) -> AsyncIterator[LiveServer]:
    async with live_server(settings) as running:
        yield running


@pytest.fixture
async def people(server: LiveServer) -> AsyncIterator[People]:
    async with AsyncExitStack() as stack:
        yield People(server, stack)


def routes_of(app: Litestar) -> set[str]:
    """The vault's, wherever they are mounted, and all that stand where the vault's do."""
    found = set()
    for route in app.routes:
        for handler in getattr(route, "route_handlers", []):
            ours = handler.fn.__module__.startswith("app.domain.secrets.") or route.path.startswith(PREFIXES)
            found |= {f"{method} {route.path_format}" for method in getattr(handler, "http_methods", ()) if ours}
    return {route for route in found if not route.startswith("OPTIONS")}


async def test_every_route_of_the_vault_has_its_row(server: LiveServer) -> None:
    assert routes_of(server.app) == MATRIX.keys()


@pytest.mark.timeout(90)  # some 600 requests
async def test_a_role_may_do_what_its_row_says(
    anonymous: httpx.AsyncClient, people: People, chat_wire: ChatWire
) -> None:
    other = await people.new()
    persons = {role: await people.new(role) for role in Role}
    found: dict[str, Row] = {}
    strays = []
    for route, row in MATRIX.items():
        statuses = {}
        for role, person in persons.items():
            answers = []
            for owner in (person, other):
                secret_id = await with_old_version(owner, chat_wire)
                answers.append(await asked(person, route, secret_id, owner.id, row.body, chat_wire))
            statuses[role.value] = (answers[0].status_code, answers[1].status_code)
            shown = [KEY in answer.text for answer in answers]
            strays += [(route, role)] if shown != [route.endswith("/reveal"), False] else []
        found[route] = Row(**statuses, body=row.body)
        refused = await asked(Person(other.id, anonymous), route, secret_id, other.id, row.body, chat_wire)
        assert refused.status_code == 401

    assert found == MATRIX
    assert strays == []


async def with_old_version(owner: Person, wire: ChatWire) -> str:
    """A secret that has one to go back to."""
    secret_id = await owner.stores(wire.url)
    new = {"base_url": wire.url, "value": KEY, "overlap": 3600}
    assert (await owner.client.post(f"/api/secrets/{secret_id}/rotate", json=new)).status_code == 200
    return secret_id


async def asked(
    person: Person, route: str, secret_id: str, owner_id: UUID, body: dict[str, Any] | None, wire: ChatWire
) -> httpx.Response:
    method, _, path = route.partition(" ")
    names = {
        "{secret_id}": secret_id,
        "{version}": "1",
        "{provider}": "openai",
        "{owner_id}": owner_id,
    }
    for name, value in names.items():
        path = path.replace(name, str(value))
    if body is not None:
        body = {name: wire.url if value == "{wire}" else value for name, value in body.items()}
    if route == "DELETE /api/admin/secrets/policies/{provider}":
        await person.client.put(path, json={"max_age_days": 30})
    return await person.client.request(method, path, json=body)


async def test_an_admin_sees_that_a_secret_exists_and_nothing_of_its_value(people: People, chat_wire: ChatWire) -> None:
    ada, root = await people.new(), await people.new(Role.ADMIN)
    secret_id = await ada.stores(chat_wire.url)

    listed = await root.client.get("/api/admin/secrets", params={"owner_id": str(ada.id)})

    [seen] = listed.json()["items"]
    assert (seen["id"], seen["owner_id"], seen["provider"]) == (secret_id, str(ada.id), "openai")
    assert not seen.keys() & {"masked", "base_url", "value"}
    assert KEY[-4:] not in listed.text


async def test_what_an_admin_disabled_only_an_admin_enables(people: People, chat_wire: ChatWire) -> None:
    ada, root = await people.new(), await people.new(Role.ADMIN)
    secret_id = await ada.stores(chat_wire.url)
    kept = f"/api/admin/secrets/{secret_id}"

    disabled = await root.client.patch(kept, json={"disabled": True})
    refused = await ada.client.patch(f"/api/secrets/{secret_id}", json={"disabled": False})
    enabled = await root.client.patch(kept, json={"disabled": False})

    assert (disabled.json()["state"], disabled.json()["disabled_by"]) == ("disabled", "admin")
    assert (refused.status_code, refused.json()["code"]) == (409, "secret_disabled")
    assert (enabled.json()["state"], enabled.json()["disabled_by"]) == ("active", None)


async def test_a_maximum_age_holds_for_keys_that_are_stored_already(people: People, chat_wire: ChatWire) -> None:
    ada, root = await people.new(), await people.new(Role.ADMIN)
    secret_id = await ada.stores(chat_wire.url)

    policy = await root.client.put("/api/admin/secrets/policies/openai", json={"max_age_days": 7})
    shown = (await ada.client.get(f"/api/secrets/{secret_id}")).json()
    listed = (await root.client.get("/api/admin/secrets/policies")).json()
    await root.client.delete("/api/admin/secrets/policies/openai")
    after = (await ada.client.get(f"/api/secrets/{secret_id}")).json()

    assert (policy.json()["max_age_days"], policy.json()["set_by"]) == (7, str(root.id))
    assert shown["expires_at"] is not None
    assert shown["warnings"] == ["expires_in_7_days"]
    assert [each["provider"] for each in listed["items"]] == ["openai"]
    assert (after["expires_at"], after["warnings"]) == (None, [])


async def test_what_an_admin_cannot_do_is_a_problem(people: People) -> None:
    root = await people.new(Role.ADMIN)
    nobodys = "00000000-0000-7000-8000-000000000000"

    async def refused(method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, str]:
        answer = await root.client.request(method, f"/api/admin/secrets/{path}", json=body)
        return answer.status_code, answer.json()["code"]

    assert await refused("PUT", "policies/nobody", {"max_age_days": 30}) == (422, "unknown_provider")
    assert await refused("PUT", "policies/openai", {"max_age_days": 0}) == (422, "invalid_body")
    assert await refused("DELETE", "policies/bedrock") == (404, "policy_not_found")
    assert await refused("PATCH", nobodys, {"disabled": True}) == (404, "secret_not_found")
    assert await refused("DELETE", nobodys) == (404, "secret_not_found")
