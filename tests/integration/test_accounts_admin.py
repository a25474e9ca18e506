"""`/api/admin/users`: who has an account, and which role."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from app.domain.accounts.schemas import Role
from tests.integration.conftest import PASSWORD, LiveServer
from tests.owners import People, Person

USERS = "/api/admin/users"


@pytest.fixture
async def people(server: LiveServer) -> AsyncIterator[People]:
    async with AsyncExitStack() as stack:
        yield People(server, stack)


@pytest.fixture
async def admin(people: People) -> Person:
    return await people.new(Role.ADMIN)


async def email_of(person: Person) -> str:
    return str((await person.client.get("/api/me")).json()["email"])


async def test_an_admin_finds_users_by_a_part_of_their_address(people: People, admin: Person) -> None:
    ada = await people.new()
    address = await email_of(ada)

    everybody = (await admin.client.get(USERS)).json()
    found = (await admin.client.get(USERS, params={"q": f" {address[2:20].upper()}"})).json()

    assert [user["id"] for user in everybody["items"]] == [str(admin.id), str(ada.id)]
    assert found["total"] == 1
    assert found["items"][0] == {
        "id": str(ada.id),
        "email": address,
        "name": "",
        "role": "user",
        "disabled_at": None,
        "created_at": found["items"][0]["created_at"],
    }
    assert (await admin.client.get(USERS, params={"q": "%"})).json()["total"] == 0


async def test_a_role_holds_from_the_next_login(people: People, admin: Person) -> None:
    ada = await people.new()

    changed = await admin.client.patch(f"{USERS}/{ada.id}", json={"role": "auditor"})
    await ada.comes_in()

    assert changed.json()["role"] == "auditor"
    assert (await ada.client.get("/api/admin/audit")).status_code == 200
    assert (await ada.client.get(USERS)).status_code == 403


async def test_who_is_disabled_stays_out_until_enabled_again(people: People, admin: Person) -> None:
    ada = await people.new()
    account = {"email": await email_of(ada), "password": PASSWORD}

    disabled = await admin.client.patch(f"{USERS}/{ada.id}", json={"disabled": True})
    again = await admin.client.patch(f"{USERS}/{ada.id}", json={"disabled": True})
    refused = await ada.client.post("/api/access/login", json=account)
    enabled = await admin.client.patch(f"{USERS}/{ada.id}", json={"disabled": False})
    admitted = await ada.client.post("/api/access/login", json=account)

    assert disabled.json()["disabled_at"] == again.json()["disabled_at"] is not None
    assert refused.json()["code"] == "account_disabled"
    assert enabled.json()["disabled_at"] is None
    assert admitted.status_code == 200


@pytest.mark.parametrize("change", [{"role": "user"}, {"disabled": True}])
async def test_nobody_shuts_themselves_out(admin: Person, change: dict[str, object]) -> None:
    refused = await admin.client.patch(f"{USERS}/{admin.id}", json=change)

    assert (refused.status_code, refused.json()["code"]) == (409, "own_account")


@pytest.mark.parametrize("role", [Role.USER, Role.AUDITOR])
async def test_nobody_else_sees_or_changes_users(people: People, role: Role) -> None:
    person = await people.new(role)

    listed = await person.client.get(USERS)
    promoted = await person.client.patch(f"{USERS}/{person.id}", json={"role": "admin"})

    assert [listed.json()["code"], promoted.json()["code"]] == ["role_required"] * 2


async def test_what_is_nobody_or_no_role_is_refused(admin: Person) -> None:
    unknown = await admin.client.patch(f"{USERS}/{'0' * 8}-0000-7000-8000-{'0' * 12}", json={"role": "user"})
    no_role = await admin.client.patch(f"{USERS}/{admin.id}", json={"role": "owner"})
    more = await admin.client.patch(f"{USERS}/{admin.id}", json={"email": "eve@example.com"})

    assert [answer.status_code for answer in (unknown, no_role, more)] == [404, 422, 422]
