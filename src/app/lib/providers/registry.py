"""Which wire serves a model, and the one HTTP session that all wires share."""

from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

import aiohttp

from app.lib.providers.calling import Timeouts
from app.lib.providers.chat.wire import ChatWire
from app.lib.providers.credentials import Credential
from app.lib.providers.demo.wire import PROVIDER as DEMO
from app.lib.providers.demo.wire import DemoWire
from app.lib.providers.errors import CredentialMissing, UnknownModel
from app.lib.providers.model import Adapter

Wire = Callable[[aiohttp.ClientSession, Credential, Timeouts], Adapter]

WIRES: dict[str, Wire] = {
    "openai": ChatWire,
    "openai_compatible": ChatWire,
}
"""Who speaks what. A wire to come (`openai_responses`, `anthropic`, `bedrock`): a folder beside `chat`, a line here."""

_NEED_BASE_URL = {"openai_compatible"}
_CONNECTIONS = 2000


class Registry:
    """Enter it before the first call and leave it after the last.

    Nothing of a call comes from the environment: no proxy, no netrc, no key. Redirects are not followed and cookies not
    kept, so a key goes where its credential says and nowhere else.
    """

    def __init__(
        self,
        own: Mapping[str, Credential] | None = None,
        *,
        timeouts: Timeouts | None = None,
        demo_words_per_second: float = 30.0,
    ) -> None:
        self._own = dict(own or {})
        self._timeouts = timeouts or Timeouts()
        self._demo = DemoWire(words_per_second=demo_words_per_second)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=_CONNECTIONS, limit_per_host=0, keepalive_timeout=15),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    @property
    def lent(self) -> list[str]:
        """The providers whose key the operator lends to users."""
        return sorted(self._own)

    def key_of(self, model: str) -> str | None:
        """The lent key that a call of this model carries: for taking it out of what tools tell."""
        credential = self._own.get(model.partition("/")[0])
        return credential.api_key.reveal() if credential is not None and credential.api_key is not None else None

    def adapter(self, model: str, credential: Credential | None = None) -> tuple[Adapter, str]:
        """Who to call for `provider/model`, and the provider's own name of it. Without a credential: the lent one."""
        provider, _, name = model.partition("/")
        if not name.strip():
            raise UnknownModel
        if provider == DEMO:
            return self._demo, name
        wire = WIRES.get(provider)
        if wire is None:
            raise UnknownModel
        credential = credential or self._own.get(provider)
        if credential is None or not _suffices(credential, provider):
            raise CredentialMissing(provider)
        if self._session is None:
            raise RuntimeError("The registry is not open.")
        return wire(self._session, credential, self._timeouts), name


def _suffices(credential: Credential, provider: str) -> bool:
    """A key is never sent to another provider than its own."""
    if credential.provider != provider or (provider in _NEED_BASE_URL and not credential.base_url):
        return False
    return bool(credential.api_key or credential.base_url)
