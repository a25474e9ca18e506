"""Which wire serves a model, and the HTTP sessions that wires share: one for the operator's keys, one for users'."""

from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Protocol, Self

import aiohttp

from app.lib.egress.client import open_session
from app.lib.egress.policy import Policy
from app.lib.providers.anthropic.wire import AnthropicWire
from app.lib.providers.bedrock.wire import BEDROCK, BedrockWire
from app.lib.providers.calling import Timeouts
from app.lib.providers.chat.wire import ChatWire
from app.lib.providers.credentials import Address, Credential, checked_base_url
from app.lib.providers.demo.conformance import CONFORMANCE, ConformanceWire
from app.lib.providers.demo.wire import PROVIDER as DEMO
from app.lib.providers.demo.wire import DemoWire
from app.lib.providers.errors import BadRegion, CredentialMissing, ProviderError, ProviderErrorKind, UnknownModel
from app.lib.providers.model import Adapter
from app.lib.providers.probing import Probe, Verdict, verdict_of
from app.lib.providers.refusals import trouble
from app.lib.providers.responses.wire import ResponsesWire
from app.lib.resilience.breaker import Breakers, BreakerState


class _Wire(Adapter, Protocol):
    def probe(self) -> Probe: ...


Wire = Callable[[aiohttp.ClientSession, Credential, Timeouts], _Wire]

WIRES: dict[str, Wire] = {
    "openai": ChatWire,
    "openai_responses": ResponsesWire,
    "openai_compatible": ChatWire,
    "secret_ai": ChatWire,
    "anthropic": AnthropicWire,
    BEDROCK: BedrockWire,
}
"""Who speaks what. A wire to come: a folder beside `chat`, a line here."""

_NEED_BASE_URL = {"openai_compatible"}
_NEED_KEY = {BEDROCK}
_BROKEN = {
    ProviderErrorKind.OVERLOADED,
    ProviderErrorKind.SERVER,
    ProviderErrorKind.TIMEOUT,
    ProviderErrorKind.UNREACHABLE,
    ProviderErrorKind.CUT,
    ProviderErrorKind.MALFORMED,
}
"""What says that a provider does not work; every other refusal says that it does."""


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
        egress: Policy | None = None,
        conformance: ConformanceWire | None = None,
    ) -> None:
        """`egress` says where users' own credentials may lead; without it, to the public internet."""
        self._own = dict(own or {})
        self._timeouts = timeouts or Timeouts()
        self._demo = DemoWire(words_per_second=demo_words_per_second)
        self._conformance = conformance
        self._egress = egress or Policy()
        self._breakers = Breakers()
        self._sessions: dict[bool, aiohttp.ClientSession] = {}
        """By whether the operator trusts where it leads."""

    async def __aenter__(self) -> Self:
        self._sessions = {True: open_session(None), False: open_session(self._egress)}
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._sessions:
            await self._sessions.popitem()[1].close()

    @property
    def lent(self) -> list[str]:
        """The providers whose key the operator lends to users."""
        return sorted(self._own)

    def lent_for(self, model: str) -> Credential | None:
        """What a call of this model is made with where its caller has no key."""
        return self._own.get(provider_of(model))

    def health(self) -> dict[str, BreakerState]:
        """Of the providers whose key the operator lends: `closed` where nothing is known against one."""
        return {name: self.state(self._own[name].address) for name in self.lent}

    def state(self, address: Address) -> BreakerState:
        """What is known of an address, whoever's the keys were that were sent there."""
        return self._breakers.state(address)

    @contextmanager
    def watching(self, model: str, caller: Hashable, credential: Credential | None = None) -> Iterator[None]:
        """A call, which may be the one that shows how the provider is; its address counts, whoever's the key is.

        Raises ProviderError at once where the address has failed for several callers just now.
        """
        provider = provider_of(model)
        credential = credential or self._own.get(provider)
        if credential is None:
            yield
            return
        address = credential.address
        if wait := self._breakers.wait(address):
            raise trouble(provider, ProviderErrorKind.RESTING, retry_after=wait)
        try:
            yield
        except ProviderError as error:
            if error.reason in _BROKEN:
                self._breakers.failed(address, caller)
            else:
                self._breakers.answered(address)
            raise
        self._breakers.answered(address)

    async def verify(self, credential: Credential) -> Verdict:
        """Whether a user's own key is good, by a real call that costs nothing. Raises EgressRefused."""
        if not self._sessions:
            raise RuntimeError("The registry is not open.")
        provider = credential.provider
        if provider not in WIRES or not _suffices(credential, provider):
            raise CredentialMissing(provider)
        if credential.base_url:
            self._egress.check_url(checked_base_url(credential.base_url))
        session = self._sessions[False]
        return await verdict_of(session, WIRES[provider](session, credential, self._timeouts).probe())

    def adapter(self, model: str, credential: Credential | None = None) -> tuple[Adapter, str]:
        """Who to call for `provider/model`, and the provider's own name of it. Without a credential: the lent one."""
        if not is_known(model):
            raise UnknownModel
        provider, _, name = model.partition("/")
        if provider == DEMO:
            return (self._conformance if self._conformance and name == CONFORMANCE else self._demo), name
        credential = credential or self._own.get(provider)
        if credential is None or not _suffices(credential, provider):
            raise CredentialMissing(provider)
        if not self._sessions:
            raise RuntimeError("The registry is not open.")
        if credential.base_url and not credential.lent:
            self._egress.check_url(checked_base_url(credential.base_url))
        return WIRES[provider](self._sessions[credential.lent], credential, self._timeouts), name


def provider_of(model: str) -> str:
    """Of `provider/model`."""
    return model.partition("/")[0]


def needs_key(model: str) -> bool:
    return provider_of(model) in WIRES


def is_known(model: str) -> bool:
    """Whether `provider/model` names a provider that is there. Which models it has, only the provider knows."""
    provider, _, name = model.partition("/")
    return bool(name.strip()) and (provider == DEMO or provider in WIRES)


def _suffices(credential: Credential, provider: str) -> bool:
    """A key is never sent to another provider than its own."""
    if credential.provider != provider or (provider in _NEED_BASE_URL and not credential.base_url):
        return False
    if not (credential.api_key or (credential.base_url and provider not in _NEED_KEY)):
        return False
    if provider == BEDROCK and not credential.region and (credential.access_key_id or not credential.base_url):
        raise BadRegion
    return True
