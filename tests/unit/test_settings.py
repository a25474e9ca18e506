"""What an operator may set, and what is said when it is wrong."""

import os

import pytest

from app.server.reserved import RESERVED
from app.server.running import build_registry
from app.server.settings import PREFIX, BadSettings, Settings, load, variable

SECRET = "hunter2-hunter2"


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The process's environment without what the developer's own shell sets."""
    for name in [variable(name, field) for name, field in Settings.model_fields.items()]:
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def test_without_a_variable_everything_has_its_default(environment: pytest.MonkeyPatch) -> None:
    settings = load(os.environ)

    assert settings.address == "http://127.0.0.1:8000"
    assert settings.database == f"sqlite+aiosqlite:///{settings.data_dir}/headgate.db"
    assert settings.data_dir.is_absolute()


def test_variables_are_read_with_and_without_the_prefix(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("HEADGATE_PORT", "9000")
    environment.setenv("HEADGATE_CORS_ORIGINS", "https://a.example, http://localhost:3000")
    environment.setenv("OPENAI_BASE_URL", "http://127.0.0.1:11434/v1/")

    settings = load(os.environ)

    assert settings.port == 9000
    assert settings.cors_origins == ["https://a.example", "http://localhost:3000"]
    assert settings.openai_base_url == "http://127.0.0.1:11434/v1"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("HEADGATE_PORT", "99999", "HEADGATE_PORT: input should be less than or equal to 65535"),
        ("HEADGATE_PROT", "1", "HEADGATE_PROT is not a setting. Did you mean HEADGATE_PORT?"),
        ("HEADGATE_XYZZY", "1", "HEADGATE_XYZZY is not a setting. .env.example lists them all."),
        ("HEADGATE_OPENAI_API_KEY", SECRET, "HEADGATE_OPENAI_API_KEY is not a setting. Did you mean OPENAI_API_KEY?"),
        ("HEADGATE_WORKERS", "2", "HEADGATE_WORKERS: more than one needs PostgreSQL"),
        ("HEADGATE_JWT_SECRET", SECRET, "HEADGATE_JWT_SECRET: must have at least 32 characters"),
        ("HEADGATE_CORS_ORIGINS", "*", "HEADGATE_CORS_ORIGINS: must be origins"),
        ("HEADGATE_CORS_ORIGINS", "https://a.example/page", "HEADGATE_CORS_ORIGINS: must be origins"),
        ("HEADGATE_CORS_ORIGINS", "null", "HEADGATE_CORS_ORIGINS: must be origins"),
        ("HEADGATE_TRUSTED_PROXIES", "*", "HEADGATE_TRUSTED_PROXIES: must be addresses"),
        ("HEADGATE_EGRESS_ALLOW", "http://ollama:11434", "HEADGATE_EGRESS_ALLOW: must be hosts such as"),
        ("HEADGATE_EGRESS_ALLOW", "10.0.0.1/8", "HEADGATE_EGRESS_ALLOW: must be hosts such as"),
        ("BEDROCK_REGION", "evil.example/", "BEDROCK_REGION: must be the name of an AWS region"),
        ("AWS_ACCESS_KEY_ID", f"{SECRET}\r\n", "AWS_ACCESS_KEY_ID: must be letters and digits"),
        ("HEADGATE_REDIS_URL", f"http://:{SECRET}@cache:6379", "HEADGATE_REDIS_URL: must be a URL such as redis://"),
        ("HEADGATE_REDIS_URL", f"redis://:{SECRET}@", "HEADGATE_REDIS_URL: must be a URL such as redis://"),
        ("HEADGATE_REDIS_URL", f"redis://:{SECRET}@cache:port", "HEADGATE_REDIS_URL: must be a URL such as redis://"),
        ("HEADGATE_DATABASE_URL", f"mysql://u:{SECRET}@db/x", "HEADGATE_DATABASE_URL: must start with postgresql://"),
        (
            "HEADGATE_DATABASE_URL",
            f"postgresql://u:{SECRET}@db/x?a=3",
            "HEADGATE_DATABASE_URL: 'a' is not an option",
        ),
        ("HEADGATE_DATABASE_URL", f"postgresql://u:{SECRET}@db/x?ssl=maybe", "HEADGATE_DATABASE_URL: sslmode must be"),
        (
            "HEADGATE_DATABASE_URL",
            f"postgresql://u:{SECRET}@db/x?ssl=allow&sslmode=allow",
            "HEADGATE_DATABASE_URL: sslmode is given twice",
        ),
        (
            "HEADGATE_DATABASE_URL",
            f"postgresql://u:{SECRET}@db/x?connect_timeout=soon",
            "HEADGATE_DATABASE_URL: connect_timeout must be seconds",
        ),
        ("HEADGATE_DATABASE_URL", f"postgresql://u:x@{SECRET}@db/x", "HEADGATE_DATABASE_URL: has one @ too many"),
        ("HEADGATE_DATABASE_URL", f"postgresql://u:{SECRET}@db:x/x", "HEADGATE_DATABASE_URL: is not a URL"),
        ("HEADGATE_DATABASE_URL", "sqlite:////x.db?mode=ro", "HEADGATE_DATABASE_URL: 'mode' is not an option"),
        (
            "HEADGATE_DATABASE_URL",
            f"postgresql://u:{SECRET}@db/x?sslmode=verify-full&sslrootcert=/gone.pem",
            "HEADGATE_DATABASE_URL: sslrootcert names no file",
        ),
        ("HEADGATE_DATABASE_URL", "sqlite://", "HEADGATE_DATABASE_URL: must name a file"),
        ("HEADGATE_DATA_DIR", "what?", "HEADGATE_DATA_DIR: must not have a ? in it"),
        ("HEADGATE_STREAM_HEARTBEAT", "0", "HEADGATE_STREAM_HEARTBEAT: input should be greater than 0"),
        ("HEADGATE_SIGNUP", "maybe", "HEADGATE_SIGNUP: input should be 'open' or 'closed'"),
        ("HEADGATE_JWT_JWKS_URL", "https://id.example/keys", "HEADGATE_JWT_JWKS_URL: needs HEADGATE_JWT_ISSUER"),
        ("OPENAI_BASE_URL", "ftp://x", "OPENAI_BASE_URL: must be a URL"),
    ],
)
def test_a_bad_setting_is_one_line_that_names_it(
    environment: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    environment.setenv(name, value)

    with pytest.raises(BadSettings) as refusal:
        load(os.environ)

    assert str(refusal.value).startswith(said)
    assert "\n" not in str(refusal.value)
    assert SECRET not in str(refusal.value)


def test_settings_that_a_test_builds_do_not_read_the_environment(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("HEADGATE_PORT", "9000")
    environment.setenv("OPENAI_API_KEY", SECRET)

    settings = Settings()

    assert settings.port == 8000
    assert settings.openai_api_key is None


def test_no_secret_shows_when_settings_are_printed() -> None:
    settings = Settings.model_validate(
        {"database_url": f"postgresql://u:{SECRET}@db/x", "jwt_secret": SECRET * 3, "openai_api_key": SECRET}
    )

    assert SECRET not in repr(settings)
    assert SECRET not in str(settings)


def test_every_setting_is_explained() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


@pytest.mark.parametrize(
    ("host", "is_open"),
    [("127.0.0.1", True), ("localhost", True), ("::1", True), ("0.0.0.0", False)],  # noqa: S104
)
def test_signup_is_open_only_on_a_loopback_address(host: str, is_open: bool) -> None:  # noqa: FBT001
    assert Settings(host=host).signup_open is is_open
    assert Settings(host=host, signup="open").signup_open
    assert not Settings(host=host, signup="closed").signup_open


def test_the_prefix_is_the_products_name() -> None:
    assert PREFIX == "HEADGATE_"


def test_what_has_no_effect_yet_is_a_setting_all_the_same() -> None:
    assert Settings.model_fields.keys() >= RESERVED


@pytest.mark.parametrize(
    ("set_too", "said"),
    [
        ({"BEDROCK_REGION": "eu-central-1"}, "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY: set both of them or none"),
        (
            {"BEDROCK_ENDPOINT_URL": "https://vpce.example", "AWS_SECRET_ACCESS_KEY": SECRET},
            "BEDROCK_REGION: must be set with AWS_ACCESS_KEY_ID, whose signatures name the region",
        ),
    ],
)
def test_half_of_what_bedrock_needs_is_refused(
    environment: pytest.MonkeyPatch, set_too: dict[str, str], said: str
) -> None:
    for name, value in {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", **set_too}.items():
        environment.setenv(name, value)

    with pytest.raises(BadSettings) as caught:
        load(os.environ)

    assert str(caught.value) == said


def test_keys_of_aws_that_are_there_for_something_else_lend_nothing(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    environment.setenv("AWS_SECRET_ACCESS_KEY", SECRET)

    assert build_registry(load(os.environ)).lent == []

    environment.setenv("BEDROCK_REGION", "eu-central-1")
    assert build_registry(load(os.environ)).lent == ["bedrock"]


def test_a_temporary_key_of_aws_has_its_token(environment: pytest.MonkeyPatch) -> None:
    keys = {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_SESSION_TOKEN": "its-token"}
    for name, value in {**keys, "BEDROCK_REGION": "eu-central-1"}.items():
        environment.setenv(name, value)

    lent = build_registry(load(os.environ)).lent_for("bedrock/m")

    assert lent is not None
    assert lent.secrets == [SECRET, "its-token", "AKIAEXAMPLE"]
