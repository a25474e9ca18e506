"""The Converse wire of Amazon Bedrock, without its SDK: one request, and a binary stream of events."""

from urllib.parse import quote

import aiohttp
from yarl import URL

from app.lib.providers.bedrock.decode import BedrockDecoder
from app.lib.providers.bedrock.request import body_of
from app.lib.providers.bedrock.signing import signed
from app.lib.providers.calling import HttpAnswer, Request, Timeouts
from app.lib.providers.credentials import Credential, url_under
from app.lib.providers.encoding import encoded
from app.lib.providers.model import ModelCall
from app.lib.providers.probing import Probe

BEDROCK = "bedrock"
_NO_MODEL = "headgate.verify"


class BedrockWire:
    def __init__(self, session: aiohttp.ClientSession, credential: Credential, timeouts: Timeouts) -> None:
        self._session = session
        self._timeouts = timeouts
        self._credential = credential
        self._base_url = credential.base_url or endpoint(credential.region)
        self._key = credential.api_key.reveal() if credential.api_key else ""

    def stream(self, call: ModelCall) -> HttpAnswer:
        body, origin = body_of(call)
        url = url_under(self._base_url, f"model/{quote(call.model, safe='')}/converse-stream")
        # The signature is over the path as it is written: a library that wrote it anew would break it.
        request = Request(BEDROCK, URL(url, encoded=True), self._headers(url, body), body, self._key, self._base_url)
        decoder = BedrockDecoder(BEDROCK, origin=origin, request_size=len(body))
        return HttpAnswer(self._session, request, decoder, self._timeouts)

    def probe(self) -> Probe:
        """Asks a model that does not exist, where runs ask theirs: to list them is another right, at another host."""
        body = encoded(
            {"messages": [{"role": "user", "content": [{"text": "?"}]}], "inferenceConfig": {"maxTokens": 1}}
        )
        url = url_under(self._base_url, f"model/{_NO_MODEL}/converse")
        headers = self._headers(url, body, accept="application/json")
        return Probe(provider=BEDROCK, url=URL(url, encoded=True), headers=headers, body=body, asks_for_nothing=True)

    def _headers(self, url: str, body: bytes, *, accept: str = "application/vnd.amazon.eventstream") -> dict[str, str]:
        headers = {
            "Accept": accept,
            "Accept-Encoding": "identity",
            "Content-Type": "application/json",
            "User-Agent": "headgate",
        }
        credential = self._credential
        if credential.access_key_id:
            token = credential.session_token
            return signed(
                url,
                headers,
                body,
                key_id=credential.access_key_id,
                secret=self._key,
                region=credential.region,
                session_token=token.reveal() if token is not None else None,
            )
        return headers | ({"Authorization": f"Bearer {self._key}"} if self._key else {})


def endpoint(region: str) -> str:
    """The public endpoint of a region. `region` has been checked to be the name of one."""
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return f"https://bedrock-runtime.{region}.{suffix}"
