"""Reading event streams as a simple fetch-based client does: lines that end with LF."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import msgspec


@dataclass(frozen=True)
class Received:
    id: int | None
    event: str
    data: Any


class Parser:
    """Takes a stream's text in pieces of any size. Comments are left out. A line that ends with CR fails."""

    def __init__(self) -> None:
        self.rest = ""
        """What is not a whole line yet."""
        self._fields: dict[str, str] = {}

    def feed(self, text: str) -> Iterator[Received]:
        """The events that are whole now."""
        *lines, self.rest = (self.rest + text).split("\n")
        for line in lines:
            assert not line.endswith("\r")
            if line:
                name, _, value = line.partition(": ")
                self._fields[name] = value
                continue
            fields, self._fields = self._fields, {}
            if "event" in fields:
                number = int(fields["id"]) if "id" in fields else None
                yield Received(number, fields["event"], msgspec.json.decode(fields["data"]))


async def events_of(response: httpx.Response) -> AsyncIterator[Received]:
    """The events as they come."""
    parser = Parser()
    async for text in response.aiter_text():
        for event in parser.feed(text):
            yield event
    assert parser.rest == ""


async def shown(response: httpx.Response, text: str) -> None:
    """Read until the answer shows so much of itself. One piece may come as several deltas."""
    told = ""
    async for event in events_of(response):
        told += event.data["content"] if event.event == "message_delta" else ""
        if told == text:
            return
    raise AssertionError(f"the stream ended after {told!r}")


async def read_all(response: httpx.Response) -> list[Received]:
    return [event async for event in events_of(response)]


async def streamed(client: httpx.AsyncClient, path: str, body: dict[str, Any], **options: Any) -> list[Received]:
    """Start a run and read its stream to the end."""
    headers = {"Accept": "text/event-stream"}
    async with client.stream("POST", path, json=body, headers=headers, timeout=15, **options) as response:
        assert response.status_code == 200, await response.aread()
        return await read_all(response)


async def followed(client: httpx.AsyncClient, run_id: str, after: int = 0) -> list[Received]:
    async with client.stream("GET", f"/api/runs/{run_id}/events?after={after}", timeout=15) as response:
        assert response.status_code == 200, await response.aread()
        return await read_all(response)


def names(events: list[Received]) -> list[str]:
    return [event.event for event in events]


def only(events: list[Received], name: str) -> Received:
    found = [event for event in events if event.event == name]
    assert len(found) == 1, names(events)
    return found[0]


def text(events: list[Received]) -> str:
    """What the deltas add up to."""
    return "".join(event.data["content"] for event in events if event.event == "message_delta")


def said(words: str, **members: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": words}], **members}
