"""`/api/access` and `/api/me`: coming in, leaving, and what one may choose about oneself."""

from urllib.parse import urlsplit

from litestar import Controller, Request, Response, get, patch, post
from litestar.datastructures import Cookie, State
from litestar.di import NamedDependency, Provide
from litestar.params import JSONBody
from litestar.status_codes import HTTP_200_OK, HTTP_204_NO_CONTENT
from msgspec import UNSET
from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.accounts.errors import ForeignOrigin, InvalidRefreshToken, NotAuthenticated, SignupClosed
from app.domain.accounts.guards import PUBLIC, bearer_token
from app.domain.accounts.schemas import ChangePassword, LogIn, Me, PatchMe, Principal, Refresh, SignUp, TokenAnswer
from app.domain.accounts.service import AccessService, AccountService, Authenticator, Grant
from app.domain.accounts.service.access import REFRESH_LIFETIME
from app.lib.clock import Clock
from app.lib.crypto.passwords import Passwords

COOKIE = "headgate_refresh"
_PATH = "/api/access"

AnyRequest = Request[object, object, State]


class Entrance:
    """What the operator set about coming in."""

    def __init__(self, *, signup_open: bool, origin: str, public: bool) -> None:
        self.signup_open = signup_open
        self._origin = origin
        self._public = public

    def is_own(self, request: AnyRequest) -> bool:
        """Whether one of our own pages asks.

        Without a `PUBLIC_URL` we are called what the browser calls us: its page and this request name the same host.
        A page of another name has no cookie of ours to send.
        """
        origin = request.headers.get("origin", "")
        return origin == self._origin or (not self._public and urlsplit(origin).netloc == request.headers.get("host"))


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

    @post("/signup", dependencies={"accounts": Provide(provide_accounts, sync_to_thread=False)})
    async def signup(
        self,
        data: JSONBody[SignUp],
        accounts: NamedDependency[AccountService],
        entrance: NamedDependency[Entrance],
    ) -> Me:
        """Make an account, where the operator allows it."""
        if not entrance.signup_open:
            raise SignupClosed
        return await accounts.create(data.email, data.password, name=data.name, time_zone=data.time_zone)

    @post("/login", status_code=HTTP_200_OK)
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
        client = request.client.host if request.client else ""
        grant = await access.login(data.email, data.password, client=client)
        if "origin" not in request.headers:
            return _in_body(grant)
        return _in_cookie(grant) if entrance.is_own(request) else _answer(grant)

    @post("/refresh", status_code=HTTP_200_OK)
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

    @post("/logout", status_code=HTTP_204_NO_CONTENT)
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

    @post("/password", status_code=HTTP_204_NO_CONTENT, opt={"public": False})
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
