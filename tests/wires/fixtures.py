"""Fake providers as fixtures."""

from collections.abc import AsyncIterator

import pytest

from tests.wires.chat import ChatWire, chat_server


@pytest.fixture
async def chat_wire() -> AsyncIterator[ChatWire]:
    """A chat-completions server on a free port, for one test."""
    async with chat_server() as wire:
        yield wire
