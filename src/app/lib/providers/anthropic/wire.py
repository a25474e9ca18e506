"""The messages wire: Anthropic's, and that of servers that are compatible with it."""

import aiohttp

from app.lib.providers.anthropic.decode import AnthropicDecoder
from app.lib.providers.anthropic.request import VERSION, body_of, origin_of
from app.lib.providers.calling import HttpAnswer, Request, Timeouts
from app.lib.providers.credentials import Credential, url_under
from app.lib.providers.model import ModelCall
from app.lib.providers.probing import Probe

ANTHROPIC = "anthropic"
DEFAULT_BASE_URL = "https://api.anthropic.com"


class AnthropicWire:
    def __init__(self, session: aiohttp.ClientSession, credential: Credential, timeouts: Timeouts) -> None:
        self._session = session
        self._timeouts = timeouts
        self._provider = credential.provider
        self._base_url = credential.base_url or DEFAULT_BASE_URL
        self._url = url_under(self._base_url, "v1/messages")
        self._key = credential.api_key.reveal() if credential.api_key else ""
        self._origin = origin_of(self._url, self._key)

    def stream(self, call: ModelCall) -> HttpAnswer:
        body = body_of(call, origin=self._origin)
        headers = self._headers(body.version)
        request = Request(self._provider, self._url, headers, body.content, self._key, self._base_url)
        decoder = AnthropicDecoder(
            self._provider, request_size=len(body.content), origin=self._origin, prefix=body.prefix
        )
        return HttpAnswer(self._session, request, decoder, self._timeouts)

    def probe(self) -> Probe:
        headers = self._headers(VERSION) | {"Accept": "application/json"}
        return Probe(provider=self._provider, url=url_under(self._base_url, "v1/models"), headers=headers)

    def _headers(self, version: str) -> dict[str, str]:
        headers = {
            "Accept": "text/event-stream",
            "Accept-Encoding": "identity",
            "Anthropic-Version": version,
            "Content-Type": "application/json",
            "User-Agent": "headgate",
        }
        if self._key:
            headers["X-Api-Key"] = self._key
        return headers
