"""Why a tool call could not be carried out. The model reads these too, and corrects itself."""

from app.lib.errors import AppError, ErrorKind


class ToolInputInvalid(AppError):
    kind = ErrorKind.INVALID
    code = "tool_input_invalid"

    def __init__(self, tool: str, detail: str) -> None:
        super().__init__(f"The arguments of {tool} do not fit: {detail}")


class ToolCallMismatch(AppError):
    """A repeated attempt called something else where the first one had called this."""

    kind = ErrorKind.CONFLICT
    code = "tool_call_mismatch"

    def __init__(self, tool: str) -> None:
        super().__init__(f"This call of {tool} stands where another one has already taken effect.")
