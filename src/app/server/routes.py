"""Every route handler of the product, in one list."""

from litestar.types import ControllerRouterHandler

from app.domain.a2a.controllers import A2AController, extended_card, push_keys, well_known_card
from app.domain.accounts.controllers import AccessController, AdminUserController, MeController
from app.domain.agents.controllers import AgentController
from app.domain.providers.controllers import ModelController, ProviderController
from app.domain.quotas.controllers import AdminUsageController, QuotaController, UsageController
from app.domain.runs.controllers.control import ChatControlController, ControlController
from app.domain.runs.controllers.export import ExportController
from app.domain.runs.controllers.runs import RunController
from app.domain.runs.controllers.socket import run_socket
from app.domain.runs.controllers.starts import (
    AgentRunController,
    ChatController,
    ContinueController,
    TodoAgentController,
)
from app.domain.runs.controllers.tickets import TicketController
from app.domain.secrets.controllers.admin import AdminSecretController, AuditController
from app.domain.secrets.controllers.secrets import SecretController
from app.domain.sessions.controllers import SessionController
from app.domain.todos.controllers import TagController, TodoController

ROUTES: list[ControllerRouterHandler] = [
    AccessController,
    MeController,
    AdminUserController,
    AgentController,
    ProviderController,
    ModelController,
    AgentRunController,
    ContinueController,
    RunController,
    TicketController,
    run_socket,
    ControlController,
    ChatController,
    ChatControlController,
    TodoAgentController,
    SessionController,
    ExportController,
    TagController,
    TodoController,
    SecretController,
    AdminSecretController,
    AuditController,
    UsageController,
    AdminUsageController,
    QuotaController,
    A2AController,
    well_known_card,
    extended_card,
    push_keys,
]
