"""Why something could not be done with todos and tags."""

from uuid import UUID

from app.lib.errors import AppError, ErrorKind


class TodoNotFound(AppError):
    kind = ErrorKind.NOT_FOUND
    code = "todo_not_found"

    def __init__(self, todo_id: UUID) -> None:
        super().__init__(f"There is no todo with the id {todo_id}.", todo_id=str(todo_id))


class TagNotFound(AppError):
    kind = ErrorKind.NOT_FOUND
    code = "tag_not_found"

    def __init__(self, tag_id: UUID) -> None:
        super().__init__(f"There is no tag with the id {tag_id}.", tag_id=str(tag_id))


class TagTaken(AppError):
    kind = ErrorKind.CONFLICT
    code = "tag_taken"

    def __init__(self, name: str) -> None:
        super().__init__(f"There is already a tag named {name!r}.", name=name)


class ScheduleConflict(AppError):
    """Two things at one time."""

    kind = ErrorKind.CONFLICT
    code = "schedule_conflict"

    def __init__(self, wanted: str, conflicts: list[dict[str, str]]) -> None:
        others = ", ".join(f"{other['item']!r} ({other['start_time']} to {other['end_time']})" for other in conflicts)
        super().__init__(f"{wanted!r} would overlap {others}. Nothing was changed.", conflicts=conflicts)


class NoFreeSlot(AppError):
    kind = ErrorKind.CONFLICT
    code = "no_free_slot"

    def __init__(self, minutes: int, earliest: str, latest: str) -> None:
        super().__init__(f"There is no free slot of {minutes} minutes between {earliest} and {latest}.")
