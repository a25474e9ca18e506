"""Keys of push notifications: one signs each delivery, one seals what receivers gave us. All nodes have the same."""

import hashlib
import secrets
import time
from typing import Any

import jwt
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

VALID_SECONDS = 300
_NONCE_BYTES = 12


class NotOurs(ValueError):
    """Sealed with another secret, or for another place."""


class PushKeys:
    """Derived from the secret that access tokens are signed with: HKDF with SHA-256 (RFC 5869)."""

    def __init__(self, secret: str) -> None:
        self._signing = Ed25519PrivateKey.from_private_bytes(_derived(secret, b"headgate push signature 1"))
        self._sealing = AESGCM(_derived(secret, b"headgate push seal 1"))
        public = self._signing.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self._key_id = hashlib.sha256(public).hexdigest()[:16]

    @property
    def jwks(self) -> dict[str, Any]:
        """What receivers check signatures with (RFC 7517, RFC 8037)."""
        key = jwt.algorithms.OKPAlgorithm.to_jwk(self._signing.public_key(), as_dict=True)
        return {"keys": [{**key, "kid": self._key_id, "alg": "EdDSA", "use": "sig"}]}

    def signature(self, *, issuer: str, audience: str, delivery_id: str, body: bytes) -> str:
        """A JWT over the body's hash (`request_body_sha256`), good for five minutes."""
        now = int(time.time())
        claims = {
            "iss": issuer,
            "aud": audience,
            "iat": now,
            "exp": now + VALID_SECONDS,
            "jti": delivery_id,
            "request_body_sha256": hashlib.sha256(body).hexdigest(),
        }
        return jwt.encode(claims, self._signing, algorithm="EdDSA", headers={"kid": self._key_id})

    def seal(self, value: bytes, bound_to: bytes) -> bytes:
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._sealing.encrypt(nonce, value, bound_to)

    def open(self, sealed: bytes, bound_to: bytes) -> bytes:
        """Raises NotOurs."""
        try:
            return self._sealing.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], bound_to)
        except (InvalidTag, ValueError):
            raise NotOurs from None


def _derived(secret: str, purpose: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose).derive(secret.encode())
