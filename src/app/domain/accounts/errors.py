"""Why someone could not sign up, come in, or stay."""

from app.lib.errors import AppError, ErrorKind


class NotAuthenticated(AppError):
    kind = ErrorKind.UNAUTHENTICATED
    code = "not_authenticated"

    def __init__(self) -> None:
        super().__init__("Sign in first: this needs an access token.")


class InvalidToken(AppError):
    kind = ErrorKind.UNAUTHENTICATED
    code = "invalid_token"

    def __init__(self) -> None:
        super().__init__("This access token is not valid.")


class TokenExpired(AppError):
    kind = ErrorKind.UNAUTHENTICATED
    code = "token_expired"

    def __init__(self) -> None:
        super().__init__("This access token has expired.")


class InvalidTicket(AppError):
    kind = ErrorKind.UNAUTHENTICATED
    code = "invalid_ticket"

    def __init__(self) -> None:
        super().__init__("This ticket is not valid, or no longer, or not for this.")


class InvalidRefreshToken(AppError):
    kind = ErrorKind.UNAUTHENTICATED
    code = "invalid_refresh_token"

    def __init__(self) -> None:
        super().__init__("This refresh token is not valid, or no longer: sign in again.")


class WrongCredentials(AppError):
    kind = ErrorKind.UNAUTHENTICATED
    code = "wrong_credentials"

    def __init__(self) -> None:
        super().__init__("There is no account with this address and password.")


class AccountDisabled(AppError):
    kind = ErrorKind.FORBIDDEN
    code = "account_disabled"

    def __init__(self) -> None:
        super().__init__("This account is disabled.")


class RoleRequired(AppError):
    kind = ErrorKind.FORBIDDEN
    code = "role_required"

    def __init__(self, role: str) -> None:
        super().__init__(f"This needs the role {role}.", role=role)


class ForeignOrigin(AppError):
    kind = ErrorKind.FORBIDDEN
    code = "foreign_origin"

    def __init__(self) -> None:
        super().__init__("The refresh cookie is only taken from Headgate's own pages.")


class ForeignPage(AppError):
    kind = ErrorKind.FORBIDDEN
    code = "foreign_page"

    def __init__(self) -> None:
        super().__init__("Pages of this origin may open no WebSocket here.")


class SignupClosed(AppError):
    kind = ErrorKind.FORBIDDEN
    code = "signup_closed"

    def __init__(self) -> None:
        super().__init__("This server takes no new accounts; ask whoever runs it.")


class EmailTaken(AppError):
    kind = ErrorKind.CONFLICT
    code = "email_taken"

    def __init__(self) -> None:
        super().__init__("There is already an account with this address.")


class OwnAccount(AppError):
    """An admin's own role, or disabling oneself: someone has to be left who can undo it."""

    kind = ErrorKind.CONFLICT
    code = "own_account"

    def __init__(self) -> None:
        super().__init__("This is your own account: ask another administrator to do it.")


class UserNotFound(AppError):
    kind = ErrorKind.NOT_FOUND
    code = "user_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such user.")


class InvalidEmail(AppError):
    kind = ErrorKind.INVALID
    code = "invalid_email"

    def __init__(self) -> None:
        detail = "This is not an e-mail address."
        super().__init__(detail, errors=[{"pointer": "/email", "detail": detail}])


class WeakPassword(AppError):
    """The password is too short, too long, too common, or the address itself."""

    kind = ErrorKind.INVALID
    code = "weak_password"

    def __init__(self, detail: str, *, pointer: str) -> None:
        super().__init__(detail, errors=[{"pointer": pointer, "detail": detail}])


class WrongPassword(AppError):
    kind = ErrorKind.INVALID
    code = "wrong_password"

    def __init__(self, pointer: str = "/current_password") -> None:
        detail = "This is not the current password."
        super().__init__(detail, errors=[{"pointer": pointer, "detail": detail}])


class ReauthenticationRequired(AppError):
    kind = ErrorKind.FORBIDDEN
    code = "reauthentication_required"

    def __init__(self) -> None:
        super().__init__("Prove again who you are: with your password, or by signing in again where you come from.")


class UnknownTimeZone(AppError):
    kind = ErrorKind.INVALID
    code = "unknown_time_zone"

    def __init__(self) -> None:
        detail = "This is not a time zone's name, such as Europe/Berlin."
        super().__init__(detail, errors=[{"pointer": "/time_zone", "detail": detail}])


class TooManyTries(AppError):
    kind = ErrorKind.EXHAUSTED
    code = "too_many_tries"
    retryable = True

    def __init__(self, retry_after: int) -> None:
        super().__init__("Too many tries; wait before the next one.", retry_after=retry_after)


class IssuerUnavailable(AppError):
    kind = ErrorKind.UNAVAILABLE
    code = "issuer_unavailable"
    retryable = True

    def __init__(self) -> None:
        super().__init__("The issuer of this token cannot be asked for its keys.", retry_after=30)
