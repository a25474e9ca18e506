"""Why this server does not call an address."""

from app.lib.errors import AppError, ErrorKind


class EgressRefused(AppError):
    """Says nothing of what the address led to: a refusal must not be a way to look around inside."""

    kind = ErrorKind.INVALID
    code = "egress_refused"

    def __init__(self) -> None:
        super().__init__("This server calls only https on the public internet, and what its operator has allowed.")
