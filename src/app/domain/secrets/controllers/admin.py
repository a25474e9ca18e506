"""`/api/admin/secrets` and `/api/admin/audit`: what may be done with the secrets of others, and who may look at it."""

from typing import Annotated
from uuid import UUID

from litestar import Controller, delete, get, patch, post, put
from litestar.di import NamedDependency, Provide
from litestar.openapi import ResponseSpec
from litestar.params import FromPath, FromQuery, JSONBody, PathParameter
from litestar.response import Stream
from litestar.status_codes import HTTP_200_OK

from app.domain.accounts.guards import requires_admin, requires_auditor
from app.domain.secrets.controllers.secrets import Limit, Offset, provide_actor
from app.domain.secrets.schemas import (
    Actor,
    AuditEntry,
    AuditList,
    AuditVerdict,
    KeepSecret,
    KeptSecret,
    KeptSecretList,
    Policy,
    PolicyList,
    SetPolicy,
)
from app.domain.secrets.service import Oversight, Trail

ProviderName = Annotated[str, PathParameter(max_length=32)]
_NOT_ADMIN = ResponseSpec(None, description="`role_required`: admin")
_NOT_AUDITOR = ResponseSpec(None, description="`role_required`: auditor")


class AdminSecretController(Controller):
    path = "/api/admin/secrets"
    tags = ["administration"]
    guards = [requires_admin]
    responses = {403: _NOT_ADMIN}
    dependencies = {"actor": Provide(provide_actor, sync_to_thread=False)}

    @get()
    async def list_secrets(
        self,
        oversight: NamedDependency[Oversight],
        owner_id: FromQuery[UUID | None] = None,
        limit: Limit = 50,
        offset: Offset = 0,
    ) -> KeptSecretList:
        """Which secrets there are, of everyone or of one user. No values, not even masked."""
        return await oversight.page(limit=limit, offset=offset, owner_id=owner_id)

    @patch("/{secret_id:uuid}")
    async def disable(
        self, secret_id: FromPath[UUID], data: JSONBody[KeepSecret], actor: NamedDependency[Actor],
        oversight: NamedDependency[Oversight],
    ) -> KeptSecret:  # fmt: skip
        """Disable a user's secret, which only an admin can take back."""
        return await oversight.disable(secret_id, actor, disabled=data.disabled)

    @delete("/{secret_id:uuid}")
    async def remove(
        self, secret_id: FromPath[UUID], actor: NamedDependency[Actor], oversight: NamedDependency[Oversight]
    ) -> None:
        """Delete a user's secret for good."""
        await oversight.remove(secret_id, actor)

    @get("/policies")
    async def list_policies(self, oversight: NamedDependency[Oversight]) -> PolicyList:
        """How old keys may become, for the providers that have a limit."""
        return await oversight.policies()

    @put("/policies/{provider:str}")
    async def set_policy(
        self, provider: ProviderName, data: JSONBody[SetPolicy], actor: NamedDependency[Actor],
        oversight: NamedDependency[Oversight],
    ) -> Policy:  # fmt: skip
        """Limit how old keys for a provider may become; stored ones too."""
        return await oversight.set_policy(provider, data.max_age_days, actor)

    @delete("/policies/{provider:str}")
    async def remove_policy(
        self, provider: ProviderName, actor: NamedDependency[Actor], oversight: NamedDependency[Oversight]
    ) -> None:
        """Let keys for a provider become as old as they will."""
        await oversight.remove_policy(provider, actor)


class AuditController(Controller):
    path = "/api/admin/audit"
    tags = ["administration"]
    guards = [requires_auditor]
    responses = {403: _NOT_AUDITOR}

    @get()
    async def list_entries(
        self,
        *,
        trail: NamedDependency[Trail],
        owner_id: FromQuery[UUID | None] = None,
        secret_id: FromQuery[UUID | None] = None,
        limit: Limit = 50,
        offset: Offset = 0,
    ) -> AuditList:
        """What was done with secrets, the newest first: of everyone, of one user, or with one secret."""
        return await trail.page(owner_id=owner_id, secret_id=secret_id, limit=limit, offset=offset)

    @get(
        "/export",
        responses={
            200: ResponseSpec(AuditEntry, media_type="application/jsonl", generate_examples=False, description="Lines.")
        },
    )
    async def export(self, trail: NamedDependency[Trail], owner_id: FromQuery[UUID | None] = None) -> Stream:
        """The whole trail as JSON lines, the oldest first."""
        headers = {"Content-Disposition": 'attachment; filename="audit.jsonl"', "Cache-Control": "no-store"}
        return Stream(trail.export(owner_id), media_type="application/jsonl", headers=headers)

    @post("/{owner_id:uuid}/verify", status_code=HTTP_200_OK)
    async def verify(self, owner_id: FromPath[UUID], trail: NamedDependency[Trail]) -> AuditVerdict:
        """Whether a user's trail is whole and as it was written."""
        return await trail.verify(owner_id)
