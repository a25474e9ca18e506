"""Every tool that an agent can be given."""

from app.domain.agents.tools import asking, handing, schedule, todos, user
from app.domain.agents.tools.tool import Tool

TOOLS: dict[str, Tool] = {
    tool.name: tool for tool in (*todos.TOOLS, *schedule.TOOLS, *user.TOOLS, *asking.TOOLS, *handing.TOOLS)
}

__all__ = ["TOOLS", "Tool"]
