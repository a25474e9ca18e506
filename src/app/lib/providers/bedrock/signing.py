"""Signature Version 4: with a credential's own keys, and nothing from the environment, a profile or the machine."""

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials

_SERVICE = "bedrock"


def signed(
    url: str,
    headers: dict[str, str],
    body: bytes,
    *,
    key_id: str,
    secret: str,
    region: str,
    session_token: str | None = None,
) -> dict[str, str]:
    """The headers, and those that sign the request. All are signed, so none may be added or changed after."""
    request = AWSRequest(method="POST", url=url, headers=headers, data=body)
    SigV4Auth(ReadOnlyCredentials(key_id, secret, session_token), _SERVICE, region).add_auth(request)
    return dict(request.headers.items())
