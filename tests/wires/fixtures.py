"""Fake providers as fixtures."""

from collections.abc import AsyncIterator

import pytest

from tests.wires.anthropic import anthropic_server
from tests.wires.bedrock import bedrock_server
from tests.wires.chat import ChatWire, chat_server
from tests.wires.issuer import FakeIssuer, fake_issuer
from tests.wires.responses import responses_server


@pytest.fixture
async def chat_wire() -> AsyncIterator[ChatWire]:
    """A chat-completions server on a free port, for one test."""
    async with chat_server() as wire:
        yield wire


@pytest.fixture
async def anthropic_wire() -> AsyncIterator[ChatWire]:
    """A messages server on a free port, for one test."""
    async with anthropic_server() as wire:
        yield wire


@pytest.fixture
async def responses_wire() -> AsyncIterator[ChatWire]:
    """A server of the Responses API on a free port, for one test."""
    async with responses_server() as wire:
        yield wire


@pytest.fixture
async def bedrock_wire() -> AsyncIterator[ChatWire]:
    """A ConverseStream server on a free port, for one test."""
    async with bedrock_server() as wire:
        yield wire


@pytest.fixture
async def issuer() -> AsyncIterator[FakeIssuer]:
    """Who signs other people's tokens, on a free port, for one test."""
    async with fake_issuer() as running:
        yield running
