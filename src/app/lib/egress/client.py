"""The HTTP client for all that leaves this machine."""

import socket
from contextvars import ContextVar
from typing import Any

import aiohttp

from app.lib.egress.errors import EgressRefused
from app.lib.egress.policy import Policy

_CONNECTIONS = 2000
_KEEP_SECONDS = 15
_host: ContextVar[str] = ContextVar("egress_host")
"""Whom the connection that is being opened is for. The tasks that race for one inherit it."""


def open_session(policy: Policy | None) -> aiohttp.ClientSession:
    """A client that takes nothing from the environment and keeps no cookies. Without a policy it calls anyone.

    That is for what the operator has set. What users may choose needs the policy.
    """
    options: dict[str, Any] = {"limit": _CONNECTIONS, "limit_per_host": 0, "keepalive_timeout": _KEEP_SECONDS}
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(**options) if policy is None else GuardedConnector(policy, **options),
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        auto_decompress=False,
    )


class GuardedConnector(aiohttp.TCPConnector):
    """Checks the URL of every request, a redirect's too, and then the very address that a socket is connected to.

    No look-up lies between that check and the connect, so a name that is answered differently each time gains nothing.
    """

    def __init__(self, policy: Policy, **options: Any) -> None:
        super().__init__(socket_factory=self._socket, **options)
        self._policy = policy

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Any],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's name for it
    ) -> aiohttp.connector.Connection:
        """Raises EgressRefused."""
        self._policy.check_url(str(req.url))
        if req.proxy is not None:
            raise EgressRefused
        host = _host.set(req.url.raw_host or "")
        try:
            return await super().connect(req, traces, timeout)
        except aiohttp.ClientConnectorError as error:
            if isinstance(error.os_error, _Forbidden):
                raise EgressRefused from None
            raise
        finally:
            _host.reset(host)

    def _socket(self, info: tuple[Any, ...]) -> socket.socket:
        family, kind, protocol, _, address = info
        if not self._policy.admits(_host.get(""), str(address[0])):
            raise _Forbidden
        return socket.socket(family, kind, protocol)


class _Forbidden(OSError):
    """An OSError, because the other addresses of the host are tried after it."""

    def __init__(self) -> None:
        super().__init__("an address that may not be called")
