"""AWS names what went wrong, in a header or in the stream, where others leave it to the status."""

from app.lib.providers.errors import ProviderErrorKind

Kind = ProviderErrorKind

_KINDS = {
    "accessdenied": Kind.PERMISSION,
    "expiredtoken": Kind.AUTHENTICATION,
    "incompletesignature": Kind.AUTHENTICATION,
    "internalserver": Kind.SERVER,
    "invalidsignature": Kind.AUTHENTICATION,
    "missingauthenticationtoken": Kind.AUTHENTICATION,
    "modelerror": Kind.SERVER,
    "modelnotready": Kind.OVERLOADED,
    "modelstreamerror": Kind.SERVER,
    "modeltimeout": Kind.TIMEOUT,
    "resourcenotfound": Kind.NOT_FOUND,
    "servicequotaexceeded": Kind.RATE_LIMIT,
    "serviceunavailable": Kind.OVERLOADED,
    "throttling": Kind.RATE_LIMIT,
    "unrecognizedclient": Kind.AUTHENTICATION,
    "validation": Kind.BAD_REQUEST,
}
_TOO_MUCH = (b"too long", b"too large", b"context length", b"context window", b"maximum tokens")


def kind_of_fault(name: str, body: bytes = b"") -> Kind | None:
    """None for a name that says nothing to us. `name` may have a namespace before it and an address behind it."""
    bare = name.partition(":")[0].rpartition("#")[2].lower().removesuffix("exception")
    kind = _KINDS.get(bare)
    if kind is Kind.BAD_REQUEST and any(words in body.lower() for words in _TOO_MUCH):
        return Kind.TOO_LARGE
    return kind
