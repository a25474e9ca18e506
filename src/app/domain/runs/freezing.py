"""What a start freezes for all attempts of its run, and what is shown of a run's rows."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from app.domain.agents.schemas import DefinitionSet
from app.domain.runs.events import Usage
from app.domain.runs.models import Run
from app.domain.runs.schemas import RunView
from app.lib.runlog.tables import RunHead


def with_model(definitions: DefinitionSet, model: str | None) -> DefinitionSet:
    """The model that a start names is that of its first agent; those it hands over to keep theirs."""
    if model is None:
        return definitions
    root = msgspec.structs.replace(definitions.root_agent, model=model)
    return msgspec.structs.replace(definitions, agents={**definitions.agents, definitions.root: root})


def models_of(definitions: DefinitionSet) -> tuple[set[str], set[str]]:
    """Those that the agents name, and those that they fall back on."""
    agents = definitions.agents.values()
    fallbacks = {model for agent in agents for model in agent.fallback_models}
    return {agent.model for agent in agents if agent.model}, fallbacks


def time_line(now: datetime, zone: str) -> str:
    local = now.astimezone(ZoneInfo(zone)).replace(microsecond=0)
    return f"Current time: {local.isoformat()} ({zone})"


def view(run: Run, head: RunHead) -> RunView:
    return RunView(
        id=run.id,
        session_id=run.session_key,
        agent=run.agent,
        model=run.model,
        state=run.state,
        attempt=head.attempt,
        created_at=run.created_at,
        started_at=run.started_at,
        ended_at=run.ended_at,
        final_message=run.final_message,
        usage=msgspec.convert(run.usage, Usage) if run.usage else None,
        error=run.error,
        last_seq=head.seq,
        replaces=run.replaces,
        secret_id=run.secret_id,
        input=_input(run.input),
    )


def _input(items: bytes) -> str | None:
    last = msgspec.json.decode(items, type=list[dict[str, Any]])[-1:]
    content = last[0].get("content") if last and last[0].get("role") == "user" else None
    return content if isinstance(content, str) else None
