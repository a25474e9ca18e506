"""What a run says as it is shown: without the keys that its calls were made with."""

from app.domain.runs.telling import Telling
from app.lib.observability.hiding import Hidden, Passage
from app.lib.providers.model import Delta


class Speech:
    """The message that is being written, and what is thought beside it."""

    def __init__(self, telling: Telling, hidden: Hidden, text: str) -> None:
        self.text = text
        """Visible text of it."""
        self._telling = telling
        self._passages = {reasoning: Passage(hidden) for reasoning in (True, False)}

    def say(self, delta: Delta) -> None:
        shown = self._passages[delta.reasoning].passed(delta.text)
        if shown:
            self._show(delta if shown is delta.text else Delta(shown, delta.reasoning))

    def begin(self, text: str = "") -> None:
        """Anew: what was said until now is void, or was told as a message."""
        self.text = text
        for passage in self._passages.values():
            passage.forget()

    def end(self, *, partial: bool) -> str | None:
        """Tell the message, where there is one, and return it."""
        for reasoning, passage in self._passages.items():
            if rest := passage.rest():
                self._show(Delta(rest, reasoning))
        text, self.text = self.text, ""
        if text:
            self._telling.message(text, partial=partial)
        return text or None

    def _show(self, delta: Delta) -> None:
        self._telling.delta(delta)
        if not delta.reasoning:
            self.text += delta.text
