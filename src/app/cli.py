"""`headgate serve | migrate | check | users | keys | audit`.

What a command needs is imported when it runs, so `--help` is quick.
"""

import argparse
import getpass
import sys
from collections.abc import Callable, MutableMapping, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.server.settings import Settings

OK = 0
FAILED = 1
MISUSED = 2


def run(arguments: Sequence[str], environment: MutableMapping[str, str], *, alone: bool = False) -> int:
    """Carry out one command and return its exit code. What went wrong is one line on standard error.

    `alone`: the process is ours, and forgets the environment that its settings were read from.
    """
    options = _parser().parse_args(arguments)

    from app.server.settings import BadSettings, Refused, load  # noqa: PLC0415 - see above

    try:
        command: Callable[[Settings, argparse.Namespace], int] = options.command
        settings = load(environment)
        if alone:
            from app.server.hardening import forget_settings, harden  # noqa: PLC0415

            harden()
            forget_settings(environment)
        return command(settings, options)
    except Refused as error:
        return _say(error, MISUSED if isinstance(error, BadSettings) else FAILED)
    except KeyboardInterrupt:
        return FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="headgate", description="A self-hosted server that streams AI agent runs.")
    parser.add_argument("--version", action="version", version=f"headgate {version('headgate')}")
    commands = parser.add_subparsers(required=True, metavar="command")

    serve = commands.add_parser("serve", help="run the server; the settings are HEADGATE_* variables (.env.example)")
    serve.set_defaults(command=_serve)

    migrate = commands.add_parser("migrate", help="bring the database to this version's schema")
    migrate.set_defaults(command=_migrate)

    check = commands.add_parser("check", help="check settings, database and keys; exit code 0 when all is well")
    check.set_defaults(command=_check)

    users = commands.add_parser("users", help="manage users").add_subparsers(required=True, metavar="command")
    create = users.add_parser("create", help="make a user; the password is asked for, or read from standard input")
    create.add_argument("--email", required=True)
    create.add_argument("--name", default="")
    role = create.add_mutually_exclusive_group()
    role.add_argument("--admin", dest="role", action="store_const", const="admin", default="user")
    role.add_argument("--auditor", dest="role", action="store_const", const="auditor")
    create.set_defaults(command=_create_user)

    keys = commands.add_parser("keys", help="manage the master keys").add_subparsers(required=True, metavar="command")
    status = keys.add_parser("status", help="show which master keys are in use, and which nodes have them")
    status.set_defaults(command=_keys_status)
    rotate = keys.add_parser(
        "rotate", help="make a new master key, and wrap everything anew by it while the server runs; repeat it to go on"
    )
    rotate.set_defaults(command=_keys_rotate)

    audit = commands.add_parser("audit", help="check the audit trail").add_subparsers(required=True, metavar="command")
    verify = audit.add_parser("verify", help="look for rows that were changed, dropped or moved; 0 when there are none")
    verify.add_argument("--owner", help="only this user's trail: an address or an id")
    verify.set_defaults(command=_audit_verify)
    return parser


def _serve(settings: "Settings", _: argparse.Namespace) -> int:
    from app.server.serve import serve  # noqa: PLC0415

    serve(settings)
    return OK


def _migrate(settings: "Settings", _: argparse.Namespace) -> int:
    from app.server import commands  # noqa: PLC0415

    commands.migrate(settings)
    _print("The database is up to date.")
    return OK


def _check(settings: "Settings", _: argparse.Namespace) -> int:
    from app.server import commands  # noqa: PLC0415

    findings = commands.check(settings)
    for finding in findings:
        _print(f"{'ok  ' if finding.ok else 'FAIL'}  {finding.text}")
    return OK if all(finding.ok for finding in findings) else FAILED


def _create_user(settings: "Settings", options: argparse.Namespace) -> int:
    from app.server import commands  # noqa: PLC0415

    password = _password()
    if not password:
        return _say("A password is needed.", MISUSED)
    commands.create_user(settings, options, password)
    _print(f"Created {options.role} {options.email}.")
    return OK


def _keys_status(settings: "Settings", _: argparse.Namespace) -> int:
    from app.server import key_commands  # noqa: PLC0415

    key_commands.status(settings, _print)
    return OK


def _keys_rotate(settings: "Settings", _: argparse.Namespace) -> int:
    from app.server import key_commands  # noqa: PLC0415

    return OK if key_commands.rotate(settings, _print, bar=sys.stderr if sys.stderr.isatty() else None) else FAILED


def _audit_verify(settings: "Settings", options: argparse.Namespace) -> int:
    from app.server import key_commands  # noqa: PLC0415

    return OK if key_commands.verify_trails(settings, options.owner, _print) else FAILED


def _password() -> str:
    """Never an argument: those show in the process list and the shell's history."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    password = getpass.getpass("Password: ")
    return password if getpass.getpass("Again: ") == password else ""


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()  # some commands take their time


def _say(what: object, code: int) -> int:
    sys.stderr.write(f"headgate: {what}\n")
    return code
