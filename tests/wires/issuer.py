"""An outside token issuer: a real HTTP server that publishes its keys, and a pen to sign or forge with."""

import json
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from hashlib import sha256
from hmac import new as hmac
from typing import Any

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as generate_ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

PrivateKey = RSAPrivateKey | EllipticCurvePrivateKey | Ed25519PrivateKey
ISSUER = "https://issuer.example"
AUDIENCE = "headgate-at-issuer"


@cache
def rsa_key(_name: str = "rsa") -> RSAPrivateKey:
    return generate_rsa(65537, 2048)


def ec_key() -> EllipticCurvePrivateKey:
    return generate_ec(SECP256R1())


class FakeIssuer:
    """Scriptable: change `keys` to rotate, `status` to fail; `asked` counts who came for the keys."""

    def __init__(self) -> None:
        self.keys: dict[str, PrivateKey] = {
            "rsa": rsa_key(),
            "ec": ec_key(),
            "ed": Ed25519PrivateKey.generate(),
        }
        self.status = 200
        self.asked = 0
        self.jwks_url = ""

    def token(self, claims: dict[str, Any], *, kid: str = "rsa", headers: dict[str, Any] | None = None) -> str:
        key = self.keys[kid]
        return jwt.encode(claims, key, algorithm(key), {"kid": kid, "typ": "at+jwt", **(headers or {})})

    def public_pem(self, kid: str) -> bytes:
        return self.keys[kid].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    async def answer(self, _: web.Request) -> web.Response:
        self.asked += 1
        keys = [{**_jwk(key), "kid": kid, "use": "sig"} for kid, key in self.keys.items()]
        # Published beside the others, and never to be used: a shared key, and one that encrypts.
        keys.append({"kty": "oct", "kid": "oct", "k": b64(b"k" * 32), "alg": "HS256"})
        keys.append({**_jwk(rsa_key()), "kid": "enc", "use": "enc"})
        return web.json_response({"keys": keys}, status=self.status)


@asynccontextmanager
async def fake_issuer() -> AsyncIterator[FakeIssuer]:
    issuer = FakeIssuer()
    app = web.Application()
    app.router.add_get("/jwks.json", issuer.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    issuer.jwks_url = f"http://{host}:{port}/jwks.json"
    try:
        yield issuer
    finally:
        await runner.cleanup()


def algorithm(key: PrivateKey) -> str:
    if isinstance(key, RSAPrivateKey):
        return "RS256"
    return "ES256" if isinstance(key, EllipticCurvePrivateKey) else "EdDSA"


def _jwk(key: PrivateKey) -> dict[str, Any]:
    if isinstance(key, RSAPrivateKey):
        return dict(RSAAlgorithm.to_jwk(key.public_key(), as_dict=True))
    if isinstance(key, EllipticCurvePrivateKey):
        return dict(ECAlgorithm.to_jwk(key.public_key(), as_dict=True))
    return dict(OKPAlgorithm.to_jwk(key.public_key(), as_dict=True))


def b64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def unsigned(header: dict[str, Any], claims: dict[str, Any]) -> str:
    return f"{b64(json.dumps(header).encode())}.{b64(json.dumps(claims).encode())}"


def hmac_signed(header: dict[str, Any], claims: dict[str, Any], key: bytes) -> str:
    """Signs with whatever bytes it is given, as an attacker would; libraries refuse some."""
    text = unsigned(header, claims)
    return f"{text}.{b64(hmac(key, text.encode(), sha256).digest())}"
