"""Every route handler of the product, in one list."""

from litestar.types import ControllerRouterHandler

from app.domain.accounts.controllers import AccessController, MeController
from app.domain.agents.controllers import AgentController
from app.domain.runs.controllers.runs import RunController
from app.domain.runs.controllers.starts import AgentRunController, TodoAgentController
from app.domain.sessions.controllers import SessionController
from app.domain.todos.controllers import TagController, TodoController

ROUTES: list[ControllerRouterHandler] = [
    AccessController,
    MeController,
    AgentController,
    AgentRunController,
    RunController,
    TodoAgentController,
    SessionController,
    TagController,
    TodoController,
]
