"""`/api/secrets`: values go in, and come out in one place only."""

from typing import Annotated, Any
from uuid import UUID

import structlog
from litestar import Controller, Request, Response, delete, get, patch, post
from litestar.di import NamedDependency, Provide
from litestar.openapi import ResponseSpec
from litestar.params import FromPath, JSONBody, QueryParameter
from litestar.status_codes import HTTP_200_OK

from app.domain.accounts.schemas import Principal
from app.domain.secrets.errors import SecretNotFound
from app.domain.secrets.schemas import (
    Actor,
    AuditList,
    NewSecret,
    PatchSecret,
    Reveal,
    Revealed,
    RotateSecret,
    SecretList,
    SecretView,
    UsageReport,
    Verification,
    VerifySecret,
    VersionList,
)
from app.domain.secrets.service import Checks, Reveals, Secrets, Trail, UsageDesk

Limit = Annotated[int, QueryParameter(ge=1, le=100)]
Offset = Annotated[int, QueryParameter(ge=0, le=1_000_000)]
ProviderName = Annotated[str | None, QueryParameter(max_length=32)]
_TOO_MANY = ResponseSpec(None, description="`too_many_tries`")

AnyRequest = Request[Any, Any, Any]


def provide_actor(request: AnyRequest, user: NamedDependency[Principal]) -> Actor:
    return Actor(
        user_id=user.user_id,
        address=request.client.host if request.client else "",
        request_id=structlog.contextvars.get_contextvars().get("request_id", ""),
    )


class SecretController(Controller):
    path = "/api/secrets"
    tags = ["secrets"]
    dependencies = {"actor": Provide(provide_actor, sync_to_thread=False)}

    @get()
    async def list_secrets(
        self,
        *,
        actor: NamedDependency[Actor],
        user: NamedDependency[Principal],
        secrets: NamedDependency[Secrets],
        provider: ProviderName = None,
        limit: Limit = 50,
        offset: Offset = 0,
    ) -> SecretList:
        """The caller's secrets: each with its masked value, its state, and a warning where its end is near."""
        return await secrets.page(user.user_id, actor, limit=limit, offset=offset, provider=provider)

    @post(responses={409: ResponseSpec(None, description="`too_many_secrets`")})
    async def store(
        self, data: JSONBody[NewSecret], actor: NamedDependency[Actor], user: NamedDependency[Principal],
        secrets: NamedDependency[Secrets],
    ) -> SecretView:  # fmt: skip
        """Store a key. The first one for a provider is its default; `default: true` takes that from another."""
        return await secrets.create(user.user_id, data, actor)

    @post("/verify", status_code=HTTP_200_OK, responses={429: _TOO_MANY})
    async def verify_candidate(
        self, data: JSONBody[VerifySecret], actor: NamedDependency[Actor], user: NamedDependency[Principal],
        checks: NamedDependency[Checks],
    ) -> Verification:  # fmt: skip
        """Ask the provider whether it takes this key, which is not stored."""
        return await checks.candidate(user.user_id, data, actor)

    @get("/{secret_id:uuid}")
    async def show(
        self, secret_id: FromPath[UUID], actor: NamedDependency[Actor], user: NamedDependency[Principal],
        secrets: NamedDependency[Secrets],
    ) -> SecretView:  # fmt: skip
        """Show a secret, without its value."""
        return await secrets.get(user.user_id, secret_id, actor)

    @patch("/{secret_id:uuid}", responses={409: ResponseSpec(None, description="`secret_disabled` by an admin")})
    async def change(
        self, *, secret_id: FromPath[UUID], data: JSONBody[PatchSecret], actor: NamedDependency[Actor],
        user: NamedDependency[Principal], secrets: NamedDependency[Secrets],
    ) -> SecretView:  # fmt: skip
        """Change what the body names. Where the key leads changes with the key only: rotate it."""
        return await secrets.patch(user.user_id, secret_id, data, actor)

    @delete("/{secret_id:uuid}")
    async def remove(
        self, secret_id: FromPath[UUID], actor: NamedDependency[Actor], user: NamedDependency[Principal],
        secrets: NamedDependency[Secrets],
    ) -> None:  # fmt: skip
        """Delete a secret for good. Runs make no new request with it; an answer that is under way ends as it would."""
        await secrets.remove(user.user_id, secret_id, actor)

    @post("/{secret_id:uuid}/rotate", status_code=HTTP_200_OK)
    async def rotate(
        self, *, secret_id: FromPath[UUID], data: JSONBody[RotateSecret], actor: NamedDependency[Actor],
        user: NamedDependency[Principal], secrets: NamedDependency[Secrets],
    ) -> SecretView:  # fmt: skip
        """Store the next version. Runs that have begun with the old one may go on with it while the overlap lasts."""
        return await secrets.rotate(user.user_id, secret_id, data, actor)

    @post(
        "/{secret_id:uuid}/reveal",
        status_code=HTTP_200_OK,
        responses={
            403: ResponseSpec(None, description="`reauthentication_required`"),
            409: ResponseSpec(None, description="`secret_tampered` or `audit_tampered`"),
            429: ResponseSpec(None, description="`reveal_limited` or `too_many_tries`"),
        },
    )
    async def reveal(
        self, *, secret_id: FromPath[UUID], data: JSONBody[Reveal], actor: NamedDependency[Actor],
        user: NamedDependency[Principal], reveals: NamedDependency[Reveals],
    ) -> Response[Revealed]:  # fmt: skip
        """The value itself, five times an hour, to its owner who gives their password again.

        An outside issuer's users need a token whose `auth_time` is at most five minutes ago.
        """
        revealed = await reveals.reveal(user, secret_id, data.password, actor)
        return Response(revealed, headers={"Cache-Control": "no-store"})

    @post("/{secret_id:uuid}/verify", status_code=HTTP_200_OK, responses={429: _TOO_MANY})
    async def verify(
        self, secret_id: FromPath[UUID], actor: NamedDependency[Actor], user: NamedDependency[Principal],
        checks: NamedDependency[Checks],
    ) -> Verification:  # fmt: skip
        """Ask the provider whether it takes the stored key."""
        return await checks.stored(user.user_id, secret_id, actor)

    @get("/{secret_id:uuid}/versions")
    async def list_versions(
        self,
        *,
        secret_id: FromPath[UUID],
        actor: NamedDependency[Actor],
        user: NamedDependency[Principal],
        secrets: NamedDependency[Secrets],
        limit: Limit = 50,
        offset: Offset = 0,
    ) -> VersionList:
        """The versions there were, the newest first."""
        return await secrets.versions(user.user_id, secret_id, actor, limit=limit, offset=offset)

    @post("/{secret_id:uuid}/versions/{version:int}/restore", status_code=HTTP_200_OK)
    async def restore(
        self, *, secret_id: FromPath[UUID], version: FromPath[int], actor: NamedDependency[Actor],
        user: NamedDependency[Principal], secrets: NamedDependency[Secrets],
    ) -> SecretView:  # fmt: skip
        """Go back to a version whose overlap lasts."""
        return await secrets.restore(user.user_id, secret_id, version, actor)

    @get("/{secret_id:uuid}/audit")
    async def audit(
        self,
        *,
        secret_id: FromPath[UUID],
        user: NamedDependency[Principal],
        trail: NamedDependency[Trail],
        limit: Limit = 50,
        offset: Offset = 0,
    ) -> AuditList:
        """What was done with a secret, the newest first; also with one that is deleted."""
        entries = await trail.page(owner_id=user.user_id, secret_id=secret_id, limit=limit, offset=offset)
        if not entries.total:
            raise SecretNotFound(secret_id)
        return entries

    @get("/{secret_id:uuid}/usage")
    async def usage(
        self,
        *,
        secret_id: FromPath[UUID],
        user: NamedDependency[Principal],
        desk: NamedDependency[UsageDesk],
        limit: Limit = 31,
        offset: Offset = 0,
    ) -> UsageReport:
        """Requests, tokens, cost and errors by day, the newest first."""
        return await desk.report(user.user_id, secret_id, limit=limit, offset=offset)
