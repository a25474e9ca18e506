"""Which role opens which door."""

from typing import Any, cast
from uuid import uuid4

import pytest
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from app.domain.accounts.errors import NotAuthenticated, RoleRequired
from app.domain.accounts.guards import bearer_token, provide_user, requires_admin, requires_auditor
from app.domain.accounts.schemas import Principal, Role

HANDLER = cast("BaseRouteHandler", None)


def _connection(role: Role | None = None, authorization: str = "") -> ASGIConnection[Any, Any, Any, Any]:
    scope: dict[str, Any] = {"type": "http", "headers": [(b"authorization", authorization.encode())]}
    if role is not None:
        scope["user"] = Principal(user_id=uuid4(), role=role, time_zone="UTC", family_id=None, token_id="1")
    return ASGIConnection(cast("Any", scope))


def test_an_admin_may_all_that_an_auditor_may() -> None:
    requires_admin(_connection(Role.ADMIN), HANDLER)
    requires_auditor(_connection(Role.ADMIN), HANDLER)
    requires_auditor(_connection(Role.AUDITOR), HANDLER)


@pytest.mark.parametrize("role", [Role.USER, Role.AUDITOR])
def test_no_other_role_is_an_admin(role: Role) -> None:
    with pytest.raises(RoleRequired):
        requires_admin(_connection(role), HANDLER)


def test_a_user_is_no_auditor() -> None:
    with pytest.raises(RoleRequired):
        requires_auditor(_connection(Role.USER), HANDLER)


def test_nobody_has_no_role_and_is_no_user() -> None:
    with pytest.raises(NotAuthenticated):
        requires_admin(_connection(), HANDLER)
    with pytest.raises(NotAuthenticated):
        provide_user(_connection().scope)


@pytest.mark.parametrize(
    ("header", "token"),
    [
        ("Bearer abc", "abc"),
        ("bearer  abc ", "abc"),
        ("Basic abc", None),
        ("Bearer", None),
        ("Bearer ", None),
        ("abc", None),
        ("", None),
    ],
)
def test_only_the_bearer_scheme_carries_a_token(header: str, token: str | None) -> None:
    assert bearer_token(_connection(authorization=header)) == token
