"""The refresh token in a browser: a cookie that no script reads and no other page can use."""

from http.cookies import SimpleCookie

import httpx
import pytest

from app.server.settings import Settings
from tests.databases import unstored
from tests.integration.conftest import PASSWORD, LiveServer, live_server

pytestmark = unstored

ADA = {"email": "ada@example.com", "password": PASSWORD}
COOKIE = "headgate_refresh"


@pytest.fixture
async def page(server: LiveServer, anonymous: httpx.AsyncClient) -> httpx.AsyncClient:
    """A client that speaks as our own page does, with an account made before."""
    await anonymous.post("/api/access/signup", json=ADA)
    anonymous.headers["Origin"] = server.url
    return anonymous


def _cookie(response: httpx.Response) -> str:
    return SimpleCookie(response.headers["set-cookie"])[COOKIE].value


async def test_our_own_page_gets_a_cookie_that_is_locked_up(page: httpx.AsyncClient) -> None:
    response = await page.post("/api/access/login", json=ADA)

    cookie = SimpleCookie(response.headers["set-cookie"])[COOKIE]
    assert cookie["httponly"]
    assert cookie["secure"]
    assert cookie["samesite"].lower() == "strict"
    assert cookie["path"] == "/api/access"
    assert cookie["max-age"] == str(30 * 86_400)
    assert not cookie["domain"]
    assert "refresh_token" not in response.json()
    assert cookie.value not in response.text


async def test_a_page_of_another_origin_gets_no_refresh_token(anonymous: httpx.AsyncClient) -> None:
    await anonymous.post("/api/access/signup", json=ADA)

    response = await anonymous.post("/api/access/login", json=ADA, headers={"Origin": "https://evil.example"})

    assert response.json()["access_token"]
    assert "refresh_token" not in response.json()
    assert "set-cookie" not in response.headers


async def test_the_cookie_is_renewed_by_our_own_page(page: httpx.AsyncClient) -> None:
    first = _cookie(await page.post("/api/access/login", json=ADA))

    renewed = await page.post("/api/access/refresh", headers={"Cookie": f"{COOKIE}={first}"})

    assert renewed.status_code == 200
    assert _cookie(renewed) != first
    assert "refresh_token" not in renewed.json()


ELSEWHERE = [None, "null", "https://evil.example", "http://127.0.0.1.evil.example"]


@pytest.mark.parametrize("verb", ["refresh", "logout"])
async def test_the_cookie_is_no_good_from_elsewhere(page: httpx.AsyncClient, verb: str) -> None:
    token = _cookie(await page.post("/api/access/login", json=ADA))
    del page.headers["Origin"]

    for origin in ELSEWHERE:
        headers = {"Cookie": f"{COOKIE}={token}"} | ({"Origin": origin} if origin else {})
        response = await page.post(f"/api/access/{verb}", headers=headers)

        assert (origin, response.status_code) == (origin, 403)
        assert response.json()["code"] == "foreign_origin"
        assert "set-cookie" not in response.headers


async def test_the_cookie_opens_nothing_but_refresh_and_logout(page: httpx.AsyncClient) -> None:
    headers = {"Cookie": f"{COOKIE}={_cookie(await page.post('/api/access/login', json=ADA))}"}

    me = await page.get("/api/me", headers=headers)
    password = await page.post(
        "/api/access/password", headers=headers, json={"current_password": PASSWORD, "new_password": PASSWORD + "!"}
    )

    assert [me.status_code, password.status_code] == [401, 401]


async def test_logging_out_takes_the_cookie_away(page: httpx.AsyncClient) -> None:
    headers = {"Cookie": f"{COOKIE}={_cookie(await page.post('/api/access/login', json=ADA))}"}

    left = await page.post("/api/access/logout", headers=headers)
    after = await page.post("/api/access/refresh", headers=headers)

    cookie = SimpleCookie(left.headers["set-cookie"])[COOKIE]
    assert left.status_code == 204
    assert (cookie.value, cookie["max-age"], cookie["path"]) == ("", "0", "/api/access")
    assert after.status_code == 401


async def test_a_server_with_a_public_address_goes_by_that_alone(settings: Settings) -> None:
    public = settings.model_copy(update={"public_url": "https://headgate.example"})
    async with live_server(public) as server, httpx.AsyncClient(base_url=server.url) as client:
        await client.post("/api/access/signup", json=ADA)
        ours = await client.post("/api/access/login", json=ADA, headers={"Origin": "https://headgate.example"})
        same_host = await client.post("/api/access/login", json=ADA, headers={"Origin": server.url})

    assert "set-cookie" in ours.headers
    assert "set-cookie" not in same_host.headers
