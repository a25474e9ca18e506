"""The chat-completions wire: OpenAI's, and that of everybody who is compatible with it."""

import aiohttp

from app.lib.providers.calling import HttpAnswer, Request, Timeouts
from app.lib.providers.chat.decode import ChatDecoder
from app.lib.providers.chat.request import body_of
from app.lib.providers.credentials import Credential, url_under
from app.lib.providers.model import ModelCall

OPENAI = "openai"
DEFAULT_BASE_URL = "https://api.openai.com/v1"


class ChatWire:
    def __init__(self, session: aiohttp.ClientSession, credential: Credential, timeouts: Timeouts) -> None:
        self._session = session
        self._timeouts = timeouts
        self._provider = credential.provider
        self._url = url_under(credential.base_url or DEFAULT_BASE_URL, "chat/completions")
        self._key = credential.api_key.reveal() if credential.api_key else ""
        # OpenAI's reasoning models refuse the old name, other servers do not know the new one.
        self._most_tokens = "max_completion_tokens" if self._provider == OPENAI else "max_tokens"

    def stream(self, call: ModelCall) -> HttpAnswer:
        body = body_of(call, most_tokens=self._most_tokens)
        request = Request(self._provider, self._url, self._headers(), body, self._key)
        decoder = ChatDecoder(self._provider, request_size=len(body))
        return HttpAnswer(self._session, request, decoder, self._timeouts)

    def _headers(self) -> dict[str, str]:
        headers = {
            "Accept": "text/event-stream",
            "Accept-Encoding": "identity",
            "Content-Type": "application/json",
            "User-Agent": "headgate",
        }
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        return headers
