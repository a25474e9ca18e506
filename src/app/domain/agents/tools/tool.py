"""What a tool is: a name that a model can call, typed arguments, and work done for the run's user."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec
from msgspec import Struct

from app.domain.agents.context import CallPosition, RunContext
from app.domain.agents.tools.desk import Desk
from app.domain.agents.tools.errors import ToolCallMismatch, ToolInputInvalid
from app.domain.agents.tools.parameters import parameters_of
from app.domain.agents.tools.repository import EffectRepository
from app.lib.observability.redaction import without_value


@dataclass(frozen=True, slots=True)
class Tool:
    name: str
    description: str
    arguments: type[Struct]
    work: Callable[[Desk, Any], Awaitable[dict[str, Any]]]
    effect: bool = False
    """It changes something, so that a repeated call must not do it again."""
    repeatable: bool = True
    """Calling it again is safe. Where not, a crash between its effect and its stored result leaves nobody knowing
    whether it happened, and the user is asked."""
    asks: bool = False
    """Its answer is the user's, in words: the run waits for it and `work` is never called."""
    hands_out: bool = False
    """Its arguments are an artifact: the run tells of it and `work` is never called."""
    parameters: dict[str, Any] = field(init=False)
    """The JSON schema of its arguments, as providers want it."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "parameters", parameters_of(self.arguments))

    async def invoke(
        self, context: RunContext, position: CallPosition, arguments: dict[str, Any] | bytes
    ) -> dict[str, Any]:
        """The result as the model gets it. What the user or the model did wrong is raised as an AppError.

        An effect happens once for a position in a run: calling again, also at the same time or in another process,
        answers what the first call answered. What was refused has left nothing, and is tried again.
        """
        decoded = self.decode(arguments)
        if not self.effect:
            async with context.db.reading() as db_session:
                return await self.work(Desk(db_session, context), decoded)
        async with context.db.writing() as db_session:
            effects = EffectRepository(db_session, context, position)
            if await effects.claim(self.name):
                result = await self.work(Desk(db_session, context), decoded)
                await effects.keep(result)
                return result
            kept = await effects.kept(self.name)
        if kept is None:
            raise ToolCallMismatch(self.name)
        return kept

    def decode(self, arguments: dict[str, Any] | bytes) -> Struct:
        """Lenient where models are sloppy: null for what is left out, numbers in quotes, nothing for no arguments."""
        try:
            plain = msgspec.json.decode(arguments.strip() or b"{}") if isinstance(arguments, bytes) else arguments
            if not isinstance(plain, dict):
                raise ToolInputInvalid(self.name, "they must be a JSON object.")
            return msgspec.convert(_without_nulls(plain), self.arguments, strict=False)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            detail = (
                without_value(str(error))
                if isinstance(error, msgspec.ValidationError)
                else "they are not readable JSON"
            )
            raise ToolInputInvalid(self.name, f"{detail}.") from error


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(member) for name, member in value.items() if member is not None}
    return [_without_nulls(member) for member in value] if isinstance(value, list) else value
