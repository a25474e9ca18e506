"""`/api/access` and `/api/me`: coming in, leaving, and what one may choose about oneself; `/api/admin/users`."""

from typing import Annotated
from uuid import UUID

from litestar import Controller, Request, Response, get, patch, post
from litestar.datastructures import Cookie, State
from litestar.di import NamedDependency, Provide
from litestar.openapi import ResponseSpec
from litestar.params import FromPath, JSONBody, QueryParameter
from litestar.status_codes import HTTP_200_OK, HTTP_204_NO_CONTENT
from msgspec import UNSET
from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.accounts.errors import ForeignOrigin, InvalidRefreshToken, NotAuthenticated, SignupClosed
from app.domain.accounts.guards import PUBLIC, bearer_token, requires_admin
from app.domain.accounts.schemas import (
    ChangePassword,
    KeepUser,
    KeptUser,
    KeptUserList,
    LogIn,
    Me,
    PatchMe,
    Principal,
    Refresh,
    SignUp,
    TokenAnswer,
)
from app.domain.accounts.service import AccessService, AccountService, Authenticator, Grant, Origins
from app.domain.accounts.service.access import REFRESH_LIFETIME
from app.lib.clock import Clock
from app.lib.crypto.passwords import Passwords

# Litestar checks what stands in the parameter, not a Meta beside it.
Limit = Annotated[int, QueryParameter(ge=1, le=100)]
Offset = Annotated[int, QueryParameter(ge=0, le=1_000_000)]
SearchText = Annotated[str, QueryParameter(max_length=200)]
COOKIE = "headgate_refresh"
_PATH = "/api/access"
_NO_TOKEN: list[dict[str, list[str]]] = [{}]
_FOREIGN = ResponseSpec(None, description="`foreign_origin`")
_TOO_MANY = ResponseSpec(None, description="`too_many_tries`")

AnyRequest = Request[object, object, State]


class Entrance:
    """What the operator set about coming in."""

    def __init__(self, origins: Origins, *, signup_open: bool) -> None:
        self.signup_open = signup_open
        self._origins = origins

    def is_own(self, request: AnyRequest) -> bool:
        """Whether one of our own pages asks."""
        return self._origins.is_own(request.headers.get("origin", ""), request.headers.get("host"))


def provide_accounts(
    db_session: NamedDependency[AsyncSession],
    passwords: NamedDependency[Passwords],
    clock: NamedDependency[Clock],
) -> AccountService:
    return AccountService.open(db_session, passwords, clock)


class AccessController(Controller):
    path = _PATH
    tags = ["access"]
    opt = PUBLIC

    @post(
        "/signup",
        security=_NO_TOKEN,
        responses={
            403: ResponseSpec(None, description="`signup_closed`"),
            409: ResponseSpec(None, description="`email_taken`"),
            429: _TOO_MANY,
        },
    )
    async def signup(
        self,
        request: AnyRequest,
        data: JSONBody[SignUp],
        access: NamedDependency[AccessService],
        entrance: NamedDependency[Entrance],
    ) -> Me:
        """Make an account, where the operator allows it."""
        if not entrance.signup_open:
            raise SignupClosed
        return await access.sign_up(data, client=_client(request))

    @post(
        "/login",
        status_code=HTTP_200_OK,
        security=_NO_TOKEN,
        responses={
            401: ResponseSpec(None, description="`wrong_credentials`"),
            403: ResponseSpec(None, description="`account_disabled`"),
            429: _TOO_MANY,
        },
    )
    async def login(
        self,
        request: AnyRequest,
        data: JSONBody[LogIn],
        access: NamedDependency[AccessService],
        entrance: NamedDependency[Entrance],
    ) -> Response[TokenAnswer]:
        """Get an access token, and a refresh token: as a cookie in our own pages, in the body outside a browser.

        A page of another origin gets neither cookie nor refresh token.
        """
        grant = await access.login(data.email, data.password, client=_client(request))
        if "origin" not in request.headers:
            return _in_body(grant)
        return _in_cookie(grant) if entrance.is_own(request) else _answer(grant)

    @post(
        "/refresh",
        status_code=HTTP_200_OK,
        security=_NO_TOKEN,
        responses={401: ResponseSpec(None, description="`invalid_refresh_token`"), 403: _FOREIGN},
    )
    async def refresh(
        self,
        request: AnyRequest,
        access: NamedDependency[AccessService],
        entrance: NamedDependency[Entrance],
        data: JSONBody[Refresh | None] = None,
    ) -> Response[TokenAnswer]:
        """Trade a refresh token for the next pair, answered the way it was sent."""
        if data is not None and data.refresh_token is not None:
            return _in_body(await access.refresh(data.refresh_token))
        token = _cookie(request, entrance)
        if token is None:
            raise InvalidRefreshToken
        return _in_cookie(await access.refresh(token))

    @post(
        "/logout",
        status_code=HTTP_204_NO_CONTENT,
        security=_NO_TOKEN,
        responses={401: ResponseSpec(None, description="Neither token was sent, or it is not valid."), 403: _FOREIGN},
    )
    async def logout(
        self,
        request: AnyRequest,
        access: NamedDependency[AccessService],
        entrance: NamedDependency[Entrance],
        data: JSONBody[Refresh | None] = None,
    ) -> Response[None]:
        """End this login: its access tokens and its refresh tokens."""
        access_token = bearer_token(request)
        refresh_token = (data.refresh_token if data is not None else None) or _cookie(request, entrance)
        if access_token is None and refresh_token is None:
            raise NotAuthenticated
        await access.logout(access_token=access_token, refresh_token=refresh_token)
        return Response(None, status_code=HTTP_204_NO_CONTENT, cookies=[_cookie_of("", max_age=0)])

    @post("/password", status_code=HTTP_204_NO_CONTENT, opt={"public": False}, responses={429: _TOO_MANY})
    async def change_password(
        self,
        data: JSONBody[ChangePassword],
        user: NamedDependency[Principal],
        access: NamedDependency[AccessService],
    ) -> None:
        """Change the password and end all other logins."""
        await access.change_password(user, data.current_password, data.new_password)


class MeController(Controller):
    path = "/api/me"
    tags = ["me"]
    dependencies = {"accounts": Provide(provide_accounts, sync_to_thread=False)}

    @get()
    async def me(self, user: NamedDependency[Principal], accounts: NamedDependency[AccountService]) -> Me:
        return await accounts.get(user.user_id)

    @patch()
    async def change(
        self,
        data: JSONBody[PatchMe],
        user: NamedDependency[Principal],
        accounts: NamedDependency[AccountService],
        authenticator: NamedDependency[Authenticator],
    ) -> Me:
        """Change one's name, time zone or preferences; what is left out stays."""
        changed = await accounts.change(user.user_id, data)
        authenticator.forget(user.user_id, user.family_id)
        return changed


class AdminUserController(Controller):
    path = "/api/admin/users"
    tags = ["administration"]
    guards = [requires_admin]
    responses = {403: ResponseSpec(None, description="`role_required`: admin")}
    dependencies = {"accounts": Provide(provide_accounts, sync_to_thread=False)}

    @get()
    async def list_users(
        self, accounts: NamedDependency[AccountService], q: SearchText = "", limit: Limit = 50, offset: Offset = 0
    ) -> KeptUserList:
        """Who has an account, the oldest first. `q` is looked for in addresses and names."""
        return await accounts.page(q, limit=limit, offset=offset)

    @patch("/{user_id:uuid}", responses={409: ResponseSpec(None, description="`own_account`")})
    async def keep(
        self,
        user_id: FromPath[UUID],
        data: JSONBody[KeepUser],
        user: NamedDependency[Principal],
        accounts: NamedDependency[AccountService],
    ) -> KeptUser:
        """Give a user another role, or disable them, which ends their logins; one's own account others change."""
        return await accounts.keep(user_id, data, by=user.user_id)


def _client(request: AnyRequest) -> str:
    return request.client.host if request.client else ""


def _answer(grant: Grant, refresh_token: str | None = None) -> Response[TokenAnswer]:
    answer = TokenAnswer(
        access_token=grant.access_token,
        expires_in=grant.expires_in,
        refresh_token=UNSET if refresh_token is None else refresh_token,
        user=grant.user,
    )
    return Response(answer, status_code=HTTP_200_OK)


def _in_body(grant: Grant) -> Response[TokenAnswer]:
    return _answer(grant, grant.refresh_token)


def _in_cookie(grant: Grant) -> Response[TokenAnswer]:
    response = _answer(grant)
    response.set_cookie(_cookie_of(grant.refresh_token, max_age=int(REFRESH_LIFETIME.total_seconds())))
    return response


def _cookie_of(value: str, *, max_age: int) -> Cookie:
    return Cookie(key=COOKIE, value=value, path=_PATH, max_age=max_age, httponly=True, secure=True, samesite="strict")


def _cookie(request: AnyRequest, entrance: Entrance) -> str | None:
    token = request.cookies.get(COOKIE)
    if token is not None and not entrance.is_own(request):
        raise ForeignOrigin
    return token
