"""Which web pages are ours, and which others may come in."""

from collections.abc import Collection
from urllib.parse import urlsplit


class Origins:
    def __init__(self, own: str, *, public: bool, listed: Collection[str]) -> None:
        self._own = own
        self._public = public
        self._listed = frozenset(listed)

    def is_own(self, origin: str, host: str | None) -> bool:
        """Whether one of our own pages asks.

        Without a `PUBLIC_URL` we are called what the browser calls us: its page and this request name the same host.
        A page of another name has no cookie of ours to send.
        """
        return origin == self._own or (not self._public and bool(origin) and urlsplit(origin).netloc == host)

    def may_open_socket(self, origin: str | None, host: str | None) -> bool:
        """A browser lets any page open one and says which; what is no browser says nothing."""
        return origin is None or origin in self._listed or self.is_own(origin, host)
