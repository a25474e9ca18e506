"""Between a key and the row that holds it sealed."""

from typing import Any

import msgspec

from app.domain.secrets.errors import SecretTampered, VaultSealed
from app.domain.secrets.models import Secret, SecretVersion
from app.domain.secrets.service.chain import Chain, digest_of, wrap_columns
from app.domain.secrets.service.shapes import Material
from app.lib.crypto.binding import Binding
from app.lib.crypto.envelope import Envelope, NotOpened, Sealed, Wrap
from app.lib.crypto.ring import UnknownMasterKey

FIELD = "credential"
SHREDDED: dict[str, None] = dict.fromkeys(
    ("nonce", "ciphertext", "commitment", "wrap_key_id", "wrap_nonce", "wrapped_key")
)


def sealed_columns(envelope: Envelope, material: Material, bound: Binding) -> tuple[dict[str, Any], bytes]:
    """What a row holds of it, and the hash of that. Raises VaultSealed."""
    try:
        sealed = envelope.seal(msgspec.json.encode(material), bound)
    except UnknownMasterKey:
        raise VaultSealed from None
    columns = {
        "nonce": sealed.nonce,
        "ciphertext": sealed.ciphertext,
        "commitment": sealed.commitment,
        **wrap_columns(sealed.wrap),
        "masked": material.masked,
        # Some gateways take a key in the query.
        "base_url": material.base_url.partition("?")[0],
        "region": material.region,
    }
    return columns, digest_of(sealed)


def opened_material(envelope: Envelope, secret: Secret, version: SecretVersion) -> Material:
    """Raises SecretTampered and VaultSealed."""
    bound = Binding(secret.owner_id, secret.id, version.version, FIELD)
    try:
        material = msgspec.json.decode(envelope.open(_sealed(version), bound), type=Material)
    except NotOpened:
        raise SecretTampered(secret.id) from None
    except UnknownMasterKey:
        raise VaultSealed from None
    # A row that says it is for another provider would send the key there.
    if material.provider != secret.provider:
        raise SecretTampered(secret.id)
    return material


def has_value(version: SecretVersion) -> bool:
    return version.ciphertext is not None


def is_as_stored(chain: Chain, version: SecretVersion, *, current: bool) -> bool:
    return chain.has(version.secret_id, version.version, digest_of(_sealed(version)), current=current)


def _sealed(version: SecretVersion) -> Sealed:
    wrap = Wrap(version.wrap_key_id or "", version.wrap_nonce or b"", version.wrapped_key or b"")
    return Sealed(version.nonce or b"", version.ciphertext or b"", version.commitment or b"", wrap)
