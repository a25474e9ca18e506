"""Why an agent cannot be found or changed."""

from app.lib.errors import AppError, ErrorKind


class AgentNotFound(AppError):
    kind = ErrorKind.NOT_FOUND
    code = "agent_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such agent.")


class AgentBuiltin(AppError):
    kind = ErrorKind.FORBIDDEN
    code = "agent_builtin"

    def __init__(self, name: str) -> None:
        super().__init__(f"The agent {name!r} is built in: make one of your own instead.")


class TooManyAgents(AppError):
    kind = ErrorKind.CONFLICT
    code = "too_many_agents"

    def __init__(self, limit: int) -> None:
        super().__init__(f"You have {limit} agents, which is the most: delete one first.", limit=limit)
