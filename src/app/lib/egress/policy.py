"""What users may make this server call."""

import re
from collections.abc import Iterable
from ipaddress import IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

from app.lib.egress.addresses import Address, Network, is_public
from app.lib.egress.errors import EgressRefused

_LONGEST_URL, _LONGEST_HOST = 2048, 253
_LABEL = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_NUMBER = re.compile(r"\d+|0x[0-9a-f]*")
_INSIDE = re.compile(
    r"(.*\.)?(localhost|localdomain|local|internal|intranet|private|corp|home|lan|home\.arpa|test|invalid|onion)"
)
"""Names that are never public, whatever the resolver of this machine makes of them."""
_FIRST_FREE_PORT = 1024
_USUAL_PORTS = {None, 80, 443}
_BAD_PORTS = {1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6679, 6697, 10080, *range(6665, 6670)}
"""Those that no browser calls either (WHATWG Fetch, section 2.9): they speak other protocols."""


class Policy:
    """Public https, and what the operator allows: hosts by name or address, and networks.

    An allowed host may be called by plain http, on any port and wherever it is. An allowed network opens its addresses
    to every name that leads there; by plain http only where the URL itself holds the address.
    """

    def __init__(self, allow: Iterable[str] = ()) -> None:
        """Raises ValueError for what is neither a host nor a network."""
        self._hosts: set[str] = set()
        self._networks: list[Network] = []
        for entry in allow:
            try:
                self._networks.append(ip_network(entry.strip("[]")))
            except ValueError:
                name = entry.lower().rstrip(".")
                if not _NAME.fullmatch(name) or _is_number(name):
                    raise ValueError(f"{entry!r} is neither a host nor a network") from None
                self._hosts.add(name)

    def check_url(self, url: str) -> None:
        """Raises EgressRefused for what can be told before any name is looked up."""
        # Other characters are where parsers begin to disagree on which part is the host.
        if len(url) > _LONGEST_URL or not url.isascii() or not url.isprintable() or set(url) & {" ", "\\"}:
            raise EgressRefused
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            raise EgressRefused from None
        if parts.scheme not in {"http", "https"} or "@" in parts.netloc or "%" in parts.netloc or port == 0:
            raise EgressRefused
        if not self._lists(host) and not (parts.scheme == "https" and _is_usual(port) and _may_be_public(host)):
            raise EgressRefused

    def admits(self, host: str, address: str) -> bool:
        """Whether a connection for this host may go to this address."""
        where = _address_of(address)
        if where is None:
            return False
        return is_public(where) or host.lower() in self._hosts or self._opens(where)

    def _lists(self, host: str) -> bool:
        address = _address_of(host)
        return host in self._hosts if address is None else self._opens(address)

    def _opens(self, address: Address) -> bool:
        return any(address in network for network in self._networks)


def _address_of(host: str) -> Address | None:
    try:
        address = ip_address(host)
    except ValueError:
        return None
    # A zone names one of this machine's own networks.
    return None if isinstance(address, IPv6Address) and address.scope_id else address


def _may_be_public(host: str) -> bool:
    address = _address_of(host)
    if address is not None:
        return is_public(address)
    if len(host) > _LONGEST_HOST or not _NAME.fullmatch(host) or "." not in host:
        return False
    return not _is_number(host) and not _INSIDE.fullmatch(host)


def _is_number(host: str) -> bool:
    """An IPv4 address in one of the forms that only resolvers take: `2130706433`, `0x7f.1`, `0177.0.0.1`."""
    return bool(_NUMBER.fullmatch(host.rpartition(".")[2]))


def _is_usual(port: int | None) -> bool:
    return port in _USUAL_PORTS or (port is not None and port >= _FIRST_FREE_PORT and port not in _BAD_PORTS)
