"""Agents that ask agents: never round in a circle, and only so deep."""

from collections.abc import Iterator, Mapping, Sequence

MAX_DEPTH = 3

type Asks = Mapping[str, Sequence[str]]
"""Whom each agent may ask."""


def refusal(asks: Asks, asker: str | None, asked: str) -> str | None:
    """Why `asker`, which is none while it is new, may not ask `asked`; None where it may.

    What the asker asks now does not count: it is about to be replaced.
    """
    others = {key: keys for key, keys in asks.items() if key != asker}
    below = [*_layers(others, asked)]
    if any(asker in layer for layer in below):
        return "It would ask itself in the end."
    above = 1 if asker is None else len([*_layers(_turned(others), asker)])
    if above + len(below) > MAX_DEPTH + 1:
        return f"Agents may ask each other at most {MAX_DEPTH} deep."
    return None


def _layers(asks: Asks, start: str) -> Iterator[set[str]]:
    """The agent, then everyone it asks, then everyone they ask; a circle ends once it is deeper than is allowed."""
    layer = {start}
    for _ in range(MAX_DEPTH + 2):
        if not layer:
            return
        yield layer
        layer = {asked for key in layer for asked in asks.get(key, ())}


def _turned(asks: Asks) -> Asks:
    askers: dict[str, list[str]] = {}
    for asker, keys in asks.items():
        for key in keys:
            askers.setdefault(key, []).append(asker)
    return askers
