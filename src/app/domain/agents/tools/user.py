"""The tools that tell about the user: their time and their quota."""

from datetime import timedelta
from typing import Any

from msgspec import Struct, to_builtins

from app.domain.agents.tools.desk import Desk
from app.domain.agents.tools.tool import Tool

_DAYS_AHEAD = 7


class NoArguments(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


async def get_user_datetime(desk: Desk, _: NoArguments) -> dict[str, Any]:
    zone = await desk.zone()
    now = desk.now.astimezone(zone).replace(microsecond=0)
    days = [now.date() + timedelta(days=n) for n in range(1, _DAYS_AHEAD + 1)]
    return {
        "datetime": now.isoformat(),
        "date": now.date().isoformat(),
        "time": now.time().isoformat(timespec="minutes"),
        "weekday": now.strftime("%A"),
        "time_zone": zone.key,
        "utc_offset": now.strftime("%:z"),
        "next_days": {day.strftime("%A"): day.isoformat() for day in days},
    }


async def get_user_quota(desk: Desk, _: NoArguments) -> dict[str, Any]:
    status: dict[str, Any] = to_builtins(await desk.context.quota())
    return status


TOOLS = [
    Tool(
        "get_user_datetime",
        "Tell the current date, time and time zone of the user, and the dates of the next days.",
        NoArguments,
        get_user_datetime,
    ),
    Tool("get_user_quota", "Tell what the user has used of this month's quota.", NoArguments, get_user_quota),
]
