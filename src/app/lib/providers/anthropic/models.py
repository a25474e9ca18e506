"""What differs between the models that are called this way, told from their names."""

import re
from typing import Any

from app.lib.providers.model import ModelCall

Generation = tuple[int, int]

_GENERATION = re.compile(r"claude(?:-[a-z]+)?-(\d)(?:[-.](\d{1,2}))?(?!\d)")
_NEWEST = (9, 9)
_FOURTH, _ADAPTS, _KNOWS_EXTRA_HIGH, _FIFTH = (4, 0), (4, 6), (4, 7), (5, 0)
_MOST_TOKENS, _MOST_TOKENS_OF_OLD = 32_000, 8_192
_LEAST_BUDGET = 1_024
_BUDGETS = {"minimal": 1_024, "low": 2_048, "medium": 8_192, "high": 16_384, "xhigh": 24_576}
_ADAPTIVE = {"type": "adaptive", "display": "summarized"}


class ModelKind:
    def __init__(self, name: str) -> None:
        found = _GENERATION.search(name)
        self.is_claude = "claude" in name
        # A Claude whose name tells no generation is one to come; others get what the oldest Claude takes.
        known = (int(found[1]), int(found[2] or 0)) if found else None
        self._generation: Generation = known or (_NEWEST if self.is_claude else (0, 0))

    @property
    def binds_thinking(self) -> bool:
        """Whether a thought is refused when anything before it is not what it was when the model had it."""
        return self._generation >= _FIFTH

    def most_tokens(self, call: ModelCall) -> int:
        """The limit, which a request must have, is one that every model of its generation takes."""
        return call.max_output_tokens or (_MOST_TOKENS if self._generation >= _FOURTH else _MOST_TOKENS_OF_OLD)

    def thinking(self, call: ModelCall) -> dict[str, Any]:
        """The fields of a request that say how much to think, and that it shall be shown.

        From the fifth generation on models think unless told not to, and some cannot be told.
        """
        effort = call.reasoning_effort
        if self._generation < _ADAPTS:
            return self._budget(call)
        if effort is None or effort == "none":
            least = {"output_config": {"effort": "low"}} if effort else {}
            return {"thinking": _ADAPTIVE, **least} if self._generation >= _FIFTH else {}
        if effort == "xhigh" and self._generation < _KNOWS_EXTRA_HIGH:
            effort = "high"
        return {"thinking": _ADAPTIVE, "output_config": {"effort": "low" if effort == "minimal" else effort}}

    def _budget(self, call: ModelCall) -> dict[str, Any]:
        """A number of tokens, which must leave some for the answer."""
        wanted, room = _BUDGETS.get(call.reasoning_effort or "", 0), self.most_tokens(call) - _LEAST_BUDGET
        budget = min(wanted, room)
        return {"thinking": {"type": "enabled", "budget_tokens": budget}} if budget >= _LEAST_BUDGET else {}
