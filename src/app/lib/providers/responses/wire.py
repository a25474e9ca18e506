"""The Responses wire: OpenAI's newer API, in which a model gets its own reasoning back."""

import aiohttp

from app.lib.providers.calling import HttpAnswer, Request, Timeouts
from app.lib.providers.credentials import Credential, url_under
from app.lib.providers.encoding import bearer_headers, probe_headers
from app.lib.providers.model import ModelCall
from app.lib.providers.presets import PRESETS
from app.lib.providers.probing import Probe
from app.lib.providers.responses.decode import ResponsesDecoder
from app.lib.providers.responses.items import origin_of
from app.lib.providers.responses.request import body_of


class ResponsesWire:
    def __init__(self, session: aiohttp.ClientSession, credential: Credential, timeouts: Timeouts) -> None:
        self._session = session
        self._timeouts = timeouts
        self._provider = credential.provider
        self._base_url = credential.base_url or PRESETS["openai"].base_url
        self._url = url_under(self._base_url, "responses")
        self._key = credential.api_key.reveal() if credential.api_key else ""

    def stream(self, call: ModelCall) -> HttpAnswer:
        origin = origin_of(self._url, self._key, call.model)
        body = body_of(call, origin=origin)
        request = Request(self._provider, self._url, bearer_headers(self._key), body, self._key, self._base_url)
        decoder = ResponsesDecoder(self._provider, request_size=len(body), origin=origin)
        return HttpAnswer(self._session, request, decoder, self._timeouts)

    def probe(self) -> Probe:
        url = url_under(self._base_url, "models")
        return Probe(provider=self._provider, url=url, headers=probe_headers(self._key))
