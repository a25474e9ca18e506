"""The messages of a start: how many, how long, and which one is the input."""

import re
from collections.abc import Sequence

from app.domain.runs.errors import ContentTooLong, NotContinuable, NoUserMessage, TooManyMessages
from app.domain.runs.schemas import MAX_CONTENT, MAX_MESSAGES, ContinueRun, MessageIn, RunView, StartRun
from app.domain.runs.states import ACTIVE, RunState
from app.lib.errors import InvalidField

GO_ON = "Your answer was cut off. Continue exactly where it stops, without repeating any of it."
"""What a model is told in the user's name, and the history shows."""
_NOT_TEXT = re.compile(r"[\x00\ud800-\udfff]")
"""No database and no provider takes U+0000 or half of a surrogate pair."""


def checked(messages: Sequence[MessageIn]) -> tuple[list[MessageIn], str]:
    """The earlier messages, which seed a session that is new, and the input: the last user message."""
    if not 1 <= len(messages) <= MAX_MESSAGES:
        raise TooManyMessages(MAX_MESSAGES)
    for position, message in enumerate(messages):
        if len(message.content) > MAX_CONTENT:
            raise ContentTooLong(position, MAX_CONTENT)
        if not _storable(message.content):
            raise InvalidField(f"/messages/{position}/content", "The text holds characters that are not text.")
    last = max((n for n, message in enumerate(messages) if message.role == "user"), default=None)
    if last is None or not messages[last].content.strip():
        raise NoUserMessage
    return list(messages[:last]), messages[last].content


def continuing(run: RunView, newest: Sequence[RunView], body: ContinueRun) -> StartRun:
    """The start that goes on where a session's last run broke off. Raises NotContinuable for any other run."""
    ended_early = run.state not in ACTIVE and run.state != RunState.COMPLETED
    if not ended_early or not run.final_message or [last.id for last in newest] != [run.id]:
        raise NotContinuable
    return StartRun(
        messages=[MessageIn(role="user", content=GO_ON)],
        session_id=run.session_id,
        model=run.model,
        secret_id=body.secret_id or run.secret_id,
        include=body.include,
        on_disconnect=body.on_disconnect,
    )


def _storable(text: str) -> bool:
    return _NOT_TEXT.search(text) is None
