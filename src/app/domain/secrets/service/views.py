"""Rows as they are shown."""

from datetime import datetime

from app.domain.secrets.models import Action, AuditRow, SecretPolicy, SecretVersion
from app.domain.secrets.repository.rows import Listed
from app.domain.secrets.schemas import AuditEntry, KeptSecret, Policy, SecretVersionView, SecretView, SecretWarning
from app.domain.secrets.service.times import ends_at, state_of, warning

_WARNINGS: dict[int, SecretWarning] = {1: "expires_in_1_day", 7: "expires_in_7_days", 30: "expires_in_30_days"}


def secret_view(row: Listed, *, now: datetime) -> SecretView:
    secret, version = row.secret, row.version
    end = ends_at(secret, version, row.max_age_days)
    return SecretView(
        id=secret.id,
        name=secret.name,
        provider=secret.provider,
        masked=version.masked,
        base_url=version.base_url,
        region=version.region,
        default=secret.is_default,
        state=state_of(secret, end, now=now),
        disabled_by=secret.disabled_by,  # type: ignore[arg-type]
        version=secret.version,
        created_at=secret.created_at,
        rotated_at=version.created_at,
        expires_at=end,
        warnings=[_WARNINGS[days]] if (days := warning(end, now=now)) is not None else [],
        last_used_at=row.last_used_at,
        last_used_by=row.last_used_by,
    )


def kept_secret(row: Listed, *, now: datetime) -> KeptSecret:
    end = ends_at(row.secret, row.version, row.max_age_days)
    return KeptSecret(
        id=row.secret.id,
        owner_id=row.secret.owner_id,
        name=row.secret.name,
        provider=row.secret.provider,
        state=state_of(row.secret, end, now=now),
        disabled_by=row.secret.disabled_by,  # type: ignore[arg-type]
        created_at=row.secret.created_at,
        expires_at=end,
        last_used_at=row.last_used_at,
    )


def version_view(row: SecretVersion, *, current: bool) -> SecretVersionView:
    return SecretVersionView(
        version=row.version,
        masked=row.masked,
        base_url=row.base_url,
        current=current,
        created_at=row.created_at,
        replaced_at=row.replaced_at,
        valid_until=row.valid_until,
        shredded=row.ciphertext is None,
    )


def policy_view(row: SecretPolicy) -> Policy:
    return Policy(provider=row.provider, max_age_days=row.max_age_days, set_by=row.set_by, updated_at=row.updated_at)


def audit_entry(row: AuditRow) -> AuditEntry:
    return AuditEntry(
        owner_id=row.owner_id,
        seq=row.seq,
        at=row.at,
        action=Action(row.action),
        secret_id=row.secret_id,
        version=row.version,
        actor_id=row.actor_id,
        run_id=row.run_id,
        address=row.address,
        request_id=row.request_id,
        detail=row.detail,
        mac=row.mac.hex(),
    )
