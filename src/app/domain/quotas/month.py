"""Calendar months in UTC."""

from datetime import UTC, datetime


def month_of(moment: datetime) -> tuple[datetime, datetime]:
    """The beginning of the month that holds `moment`, and that of the next one."""
    moment = moment.astimezone(UTC)
    start = datetime(moment.year, moment.month, 1, tzinfo=UTC)
    years, month = divmod(moment.month, 12)
    return start, datetime(moment.year + years, month + 1, 1, tzinfo=UTC)


def month_key(moment: datetime) -> str:
    """As `2026-11`."""
    moment = moment.astimezone(UTC)
    return f"{moment.year:04}-{moment.month:02}"
