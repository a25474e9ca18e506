"""What a process keeps of its keys, and what it lets others see."""

import subprocess
import sys

from app.server.hardening import forget_settings

SHOW = """
import ctypes, resource
from app.server.hardening import harden
harden()
print(resource.getrlimit(resource.RLIMIT_CORE)[0], ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))
"""


def test_settings_and_all_of_a_providers_leave_the_environment() -> None:
    environment = {
        "HEADGATE_MASTER_KEY": "k",
        "headgate_jwt_secret": "j",
        "HEADGATE_DATABASE_URL": "postgresql://user:password@host/name",
        "OPENAI_API_KEY": "sk-1",
        "OPENAI_ORG_ID": "org",
        "AWS_SESSION_TOKEN": "t",
        "ANTHROPIC_AUTH_TOKEN": "a",
        "BEDROCK_REGION": "eu-central-1",
        "OPENAI_AGENTS_DISABLE_TRACING": "1",
        "PATH": "/bin",
        "HTTPS_PROXY": "http://proxy",
    }
    forget_settings(environment)

    assert environment == {"OPENAI_AGENTS_DISABLE_TRACING": "1", "PATH": "/bin", "HTTPS_PROXY": "http://proxy"}


def test_a_hardened_process_writes_no_core_and_cannot_be_looked_into() -> None:
    environment = {"PYTHONPATH": ":".join(sys.path)}
    shown = subprocess.run([sys.executable, "-c", SHOW], env=environment, capture_output=True, text=True, check=True)

    assert shown.stdout.split() == ["0", "0"]
