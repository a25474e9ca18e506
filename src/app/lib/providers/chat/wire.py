"""The chat-completions wire: OpenAI's, and that of everybody who is compatible with it."""

from functools import partial

import aiohttp

from app.lib.providers.calling import HttpAnswer, Request, Timeouts
from app.lib.providers.chat.decode import ChatDecoder
from app.lib.providers.chat.request import body_of
from app.lib.providers.credentials import Credential, url_under
from app.lib.providers.encoding import bearer_headers, probe_headers
from app.lib.providers.model import ModelCall
from app.lib.providers.presets import preset_of
from app.lib.providers.probing import Probe


class ChatWire:
    def __init__(self, session: aiohttp.ClientSession, credential: Credential, timeouts: Timeouts) -> None:
        self._session = session
        self._timeouts = timeouts
        self._provider = credential.provider
        self._preset = preset_of(credential)
        self._base_url = credential.base_url or self._preset.base_url
        self._url = url_under(self._base_url, "chat/completions")
        self._key = credential.api_key.reveal() if credential.api_key else ""

    def stream(self, call: ModelCall) -> HttpAnswer:
        body = body_of(call, self._preset)
        headers, whole = bearer_headers(self._key), partial(body_of, call, self._preset, stream=False)
        request = Request(self._provider, self._url, headers, body, self._key, self._base_url, whole)
        decoder = ChatDecoder(self._provider, request_size=len(body))
        return HttpAnswer(self._session, request, decoder, self._timeouts)

    def probe(self) -> Probe:
        url = url_under(self._base_url, self._preset.needs_key)
        return Probe(provider=self._provider, url=url, headers=probe_headers(self._key))
