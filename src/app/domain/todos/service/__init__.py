"""What can be done with todos, tags and a schedule."""

from app.domain.todos.service.scheduling import ScheduleService
from app.domain.todos.service.tags import TagService
from app.domain.todos.service.todos import TodoService

__all__ = ["ScheduleService", "TagService", "TodoService"]
