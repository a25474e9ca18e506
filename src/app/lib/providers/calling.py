"""One call to a provider over HTTP, for every wire whose answer is a stream: all that touches a socket is here."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

import aiohttp
import anyio
import msgspec
from yarl import URL

from app.lib.egress.errors import EgressRefused
from app.lib.providers.arrival import Arrival
from app.lib.providers.decoding import Decoder
from app.lib.providers.errors import ProviderError, ProviderErrorKind
from app.lib.providers.model import Delta, ModelAnswer, TokenUsage
from app.lib.providers.refusals import refused, refuses_streams, request_id, trouble

_MAX_BODY = 4 * 1024 * 1024
_MAX_REFUSAL = 64 * 1024
_OK = 200
_BEGINNINGS = (b"data:", b"event:", b": ")
"""Of a stream of events."""


class Timeouts(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds."""

    connect: float = 10.0
    idle: float = 120.0
    """Between two reads, and from the request to the head: thinking models are silent for long."""
    tail: float = 5.0
    """For what may come after a whole answer, such as its usage."""
    drain: float = 0.1
    """For the response's end after its end marker, so that the connection can be used again."""


class Request(msgspec.Struct, frozen=True):
    provider: str
    url: str | URL
    headers: dict[str, str]
    body: bytes
    key: str = ""
    base_url: str = ""
    """The credential's: the key goes to its host and to no other."""
    whole: Callable[[], bytes] | None = None
    """Makes the body that asks for the answer in one piece: for servers that refuse to stream."""

    def __repr__(self) -> str:
        return f"<request to {self.provider}>"


class HttpAnswer:
    """An AnswerStream that calls the provider at the first step of the iteration.

    So whoever is cancelled while waiting for the head can still ask what became of the connection.
    """

    def __init__(self, session: aiohttp.ClientSession, request: Request, decoder: Decoder, timeouts: Timeouts) -> None:
        self.upstream_closed = False
        self.take: Callable[[Delta], bool] | None = None
        self._session = session
        self._request = request
        self._decoder = decoder
        self._timeouts = timeouts
        self._response: aiohttp.ClientResponse | None = None
        self._ready: deque[Delta] = deque()
        self._called = False
        self._refused = False
        self._ended = False
        self._waiting_since: float | None = None
        self._timer: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        response = self._response
        if self._timer is not None:
            self._timer.cancel()
        if response is None:
            # aiohttp has closed what a cancelled request had opened.
            self.upstream_closed = self._called and not self._refused
        elif self._ended and self._decoder.failure is None:
            try:
                await self._drain(response)
            finally:
                response.release()
        else:
            connection = response.connection
            transport = connection.transport if connection is not None else None
            self.upstream_closed = transport is not None and not transport.is_closing()
            response.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Delta:
        while not self._ready:
            if self._decoder.failure is not None:
                raise self._named(self._decoder.failure)
            if self._ended:
                raise StopAsyncIteration
            await self._read()
        return self._ready.popleft()

    @property
    def answer(self) -> ModelAnswer:
        if not self._ended or self._decoder.failure is not None:
            raise RuntimeError("The answer is not finished.")
        return self._decoder.answer()

    def partial_usage(self) -> TokenUsage:
        return self._decoder.usage() if self._called and not self._refused else TokenUsage(source="estimated")

    async def _read(self) -> None:
        response = self._response
        if response is None:
            response = self._response = await self._call()
            if "json" in response.content_type:
                body = await self._body(response, _MAX_BODY)
                # Some gateways give a stream the wrong name.
                is_stream = body.lstrip().startswith(_BEGINNINGS)
                self._ready.extend((self._decoder.feed if is_stream else self._decoder.feed_whole)(body))
                self._end()
                return
            if "html" in response.content_type:
                raise self._trouble(ProviderErrorKind.MALFORMED)
        try:
            if self.take is None or self._decoder.settled:
                self._feed(await self._next_bytes(response.content))
            else:
                await self._untaken(response.content)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            self._ready.extend(self._decoder.feed(_unread(response.content)))
            self._end(ProviderErrorKind.TIMEOUT if isinstance(error, TimeoutError) else ProviderErrorKind.CUT)

    def _feed(self, data: bytes) -> None:
        if data:
            self._ready.extend(self._decoder.feed(data))
            self._ended = self._decoder.done
        else:
            self._end()

    async def _untaken(self, content: aiohttp.StreamReader) -> None:
        """Until something is not taken, or the answer is whole or cannot become it."""
        arrival = Arrival(content, self._taken)
        arrival.look()
        try:
            await arrival
        finally:
            content._waiter = None  # noqa: SLF001 - as its own methods do
            self._waiting_since = None

    def _taken(self, data: bytes) -> bool:
        """Whether `take` took all that a read brought, so that there is nothing to wake anybody for."""
        self._waiting_since = asyncio.get_running_loop().time()
        self._feed(data)
        ready, take = self._ready, self.take
        while ready:
            if take is None or not take(ready[0]):
                return False
            ready.popleft()
        return not (self._ended or self._decoder.settled or self._decoder.failure)

    async def _next_bytes(self, content: aiohttp.StreamReader) -> bytes:
        """What the socket has; nothing at the end. An answer that is whole is not waited for long."""
        if not self._decoder.settled:
            self._waiting_since = asyncio.get_running_loop().time()
            data = await content.readany()
            self._waiting_since = None
            return data
        async with asyncio.timeout(self._timeouts.tail):
            return await content.readany()

    def _end(self, why: ProviderErrorKind = ProviderErrorKind.CUT) -> None:
        self._ready.extend(self._decoder.end(why))
        self._ended = True

    async def _call(self) -> aiohttp.ClientResponse:
        request = self._request
        if request.base_url and URL(request.url).origin() != URL(request.base_url).origin():
            raise RuntimeError("A key is sent only to the host that it was stored for.")
        self._called, self._refused = True, False
        try:
            response = await self._session.post(
                request.url,
                data=request.body,
                headers=request.headers,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(
                    total=None, connect=self._timeouts.connect, sock_read=self._timeouts.idle
                ),
            )
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            self._refused = True
            raise trouble(request.provider, _kind_of(error)) from None
        except EgressRefused:
            self._refused = True
            raise
        if response.status == _OK:
            self._time(response)
            return response
        self._refused = True
        try:
            body = await self._body(response, _MAX_REFUSAL)
        except ProviderError:
            body = b""
        finally:
            response.release()
        if request.whole is not None and refuses_streams(response.status, body):
            self._request = msgspec.structs.replace(request, body=request.whole(), whole=None)
            return await self._call()
        raise refused(request.provider, response.status, _lower(response.headers), body, key=request.key)

    def _time(self, response: aiohttp.ClientResponse) -> None:
        """One timer for the whole answer. aiohttp's own is set anew at every read, which costs as much as decoding."""
        if response.connection is not None and response.connection.protocol is not None:
            response.connection.protocol.read_timeout = None
        loop = asyncio.get_running_loop()

        def look() -> None:
            waited = loop.time() - self._waiting_since if self._waiting_since is not None else 0.0
            if waited < self._timeouts.idle:
                self._timer = loop.call_later(self._timeouts.idle - waited, look)
            else:
                response.content.set_exception(aiohttp.SocketTimeoutError())

        look()

    async def _body(self, response: aiohttp.ClientResponse, at_most: int) -> bytes:
        pieces: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(self._timeouts.idle):
                while piece := await response.content.readany():
                    pieces.append(piece)
                    size += len(piece)
                    if size > at_most:
                        raise self._trouble(ProviderErrorKind.MALFORMED)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            kind = ProviderErrorKind.TIMEOUT if isinstance(error, TimeoutError) else ProviderErrorKind.CUT
            raise self._trouble(kind) from None
        return b"".join(pieces)

    async def _drain(self, response: aiohttp.ClientResponse) -> None:
        if response.content.at_eof():
            return
        with anyio.move_on_after(self._timeouts.drain):
            try:
                while await response.content.readany():
                    pass
            except (aiohttp.ClientError, OSError):
                return

    def _trouble(self, kind: ProviderErrorKind) -> ProviderError:
        return self._named(trouble(self._request.provider, kind))

    def _named(self, error: ProviderError) -> ProviderError:
        """With the provider's own name of the request, for whoever asks the provider about it."""
        if self._response is not None:
            error.upstream_request_id = request_id(_lower(self._response.headers), self._request.key)
        return error


def _unread(content: aiohttp.StreamReader) -> bytes:
    """What came just before the connection failed, which the reader's own methods hide behind the failure."""
    return b"".join(content._buffer)  # noqa: SLF001 - there is no other way to it


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _kind_of(error: Exception) -> ProviderErrorKind:
    if isinstance(error, TimeoutError):
        return ProviderErrorKind.TIMEOUT
    if isinstance(error, aiohttp.ClientResponseError):
        return ProviderErrorKind.MALFORMED
    return ProviderErrorKind.UNREACHABLE
