"""What an operator can set: flat environment variables with the prefix `HEADGATE_`, read once at the start."""

import difflib
import ipaddress
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, SettingsConfigDict
from pydantic_settings import PydanticBaseSettingsSource as Source

from app.server.values import (
    CommaList,
    Count,
    DatabaseUrl,
    Egress,
    Folder,
    KeyId,
    Networks,
    Origins,
    RedisUrl,
    Region,
    Switch,
    WebUrl,
    seconds,
)

PREFIX = "HEADGATE_"
MIN_JWT_SECRET = 32


class Refused(Exception):
    """Why a command does not go on: one line for the operator, without a secret."""


class BadSettings(Refused):
    """A setting is wrong or unknown. The text names the variable and holds no value."""


class Settings(BaseSettings):
    """Immutable. Every docstring below is that variable's line in `.env.example`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,
        frozen=True,
        extra="forbid",
        validate_by_name=True,
        validate_by_alias=True,
        use_attribute_docstrings=True,
        hide_input_in_errors=True,
    )

    data_dir: Folder = Path("data")
    """The folder of the database and the keys. Made at the first start, readable by its owner only."""
    database_url: DatabaseUrl = ""
    """postgresql://user:password@host/name?sslmode=require or sqlite:////path. Empty: SQLite in the data folder."""
    redis_url: RedisUrl | None = None
    """redis://, rediss:// or unix://. Nodes tell each other through it of news. Empty: they do through PostgreSQL."""
    host: str = "127.0.0.1"
    """The address to listen on."""
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    """The port to listen on; 0 takes any free one."""
    workers: Annotated[int, Field(ge=1, le=256)] = 1
    """Server processes. More than one needs PostgreSQL."""
    public_url: WebUrl = ""
    """The URL under which browsers reach the server, when a proxy stands before it."""
    trusted_proxies: Networks = []
    """Addresses or networks whose X-Forwarded-For and X-Forwarded-Proto are believed, separated by commas."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """DEBUG, INFO, WARNING or ERROR."""

    master_key: SecretStr | None = None
    """Seals stored secrets: 32 bytes in base64, or several, the newest last. Empty: master.key in the data folder."""
    master_key_file: Path | None = None
    """A file that holds the master keys, a line each, the newest last. `headgate keys rotate` changes it."""
    jwt_secret: SecretStr | None = None
    """Signs access tokens: at least 32 characters. Empty: jwt.secret in the data folder, made at the first start."""
    jwt_jwks_url: WebUrl = ""
    """The key set of an outside issuer whose tokens are accepted too."""
    jwt_issuer: str = ""
    """The `iss` of the outside issuer's tokens."""
    jwt_audience: str = ""
    """The `aud` of the outside issuer's tokens."""
    signup: Switch | None = None
    """open or closed: who may make an account. Empty: open when the host is a loopback address."""
    lend_providers: CommaList | None = None
    """Which of the server's own provider keys users may borrow. Empty: all on a loopback address, none elsewhere."""
    cors_origins: Origins = []
    """Origins of web pages that may call the API, such as https://app.example.com, separated by commas."""
    egress_allow: Egress = []
    """Hosts or networks that users' own base URLs may reach besides public https, separated by commas."""

    streaming_enabled: bool = True
    """false: every start answers as a whole."""
    stream_heartbeat: Annotated[float, seconds(300)] = 10.0
    """Seconds of silence on a stream before a comment keeps proxies from hanging up."""
    stream_timeout: Annotated[float, seconds(86_400)] = 300.0
    """Seconds that a run may take."""
    stream_idle_timeout: Annotated[float, seconds(3600)] = 60.0
    """Seconds after which a reader that does not read is let go."""
    run_max_bytes: Count = 16 * 1024 * 1024
    """How large a run's log may grow."""
    max_turns: Annotated[int, Field(ge=1, le=1000)] = 20
    """Model calls in one run."""
    max_concurrent_runs: Count = 5
    """Runs of one user at once, those that are paused or wait among them. Like the limits below it can be set otherwise
    for a user or a role."""
    max_active_runs: Count = 1000
    """Runs of one process at once."""
    max_readers: Count = 10_000
    """Open streams of one process at once."""
    run_lease: Annotated[float, seconds(600)] = 15.0
    """Seconds without a sign of life after which a run counts as abandoned."""
    log_retention: Annotated[int, Field(ge=0, le=36_500)] = 30
    """Days that the log of a finished run is kept; 0 keeps it for ever."""
    pause_hold: Annotated[float, seconds(600)] = 30.0
    """Seconds that a paused run's model call is kept open."""
    pause_limit: Annotated[float, seconds(30 * 86_400)] = 86_400.0
    """Seconds after which a paused run ends."""

    rate_limit_per_minute: Count = 10
    """Starts of one user in any 60 seconds."""
    monthly_requests: Count = 200
    """Starts of one user in a calendar month, in UTC."""
    monthly_tokens: Count | None = None
    """Tokens of one user in a calendar month, of their own keys too. Empty: no limit."""
    monthly_cost_usd: Annotated[float, Field(gt=0, le=1_000_000)] | None = None
    """US dollars of one user in a calendar month, for lent keys. Empty: no limit."""
    rate_limit_fail: Switch = "open"
    """open lets starts through while rate limits cannot be counted (Redis is away), closed refuses them with 503."""
    quota_fail: Switch = "closed"
    """The same for calls of providers while quotas cannot be counted: closed waits with them for half a minute."""
    rate_limit_headers: bool = True
    """Whether the answers to starts carry RateLimit and RateLimit-Policy."""

    default_model: str = ""
    """provider/model for agents that name none. Empty: the first provider with a key, else demo/todo."""
    a2a_conformance: bool = False
    """Puts the agent of the public A2A conformance tests in the default agent's place. Not for production."""
    tck_streaming_timeout: Annotated[float, seconds(600), Field(validation_alias="TCK_STREAMING_TIMEOUT")] = 2.0
    """How many seconds the conformance tests wait for a stream, where they are run with another value than theirs."""

    # The server's own providers, by their usual names, without the prefix.
    openai_api_key: Annotated[SecretStr | None, Field(validation_alias="OPENAI_API_KEY")] = None
    """The server's own key for OpenAI, or for the compatible server at OPENAI_BASE_URL; for openai_responses too."""
    openai_base_url: Annotated[WebUrl, Field(validation_alias="OPENAI_BASE_URL")] = ""
    """A server that speaks OpenAI's chat completions or Responses, such as http://127.0.0.1:11434/v1."""
    anthropic_api_key: Annotated[SecretStr | None, Field(validation_alias="ANTHROPIC_API_KEY")] = None
    """The server's own key for Anthropic."""
    anthropic_base_url: Annotated[WebUrl, Field(validation_alias="ANTHROPIC_BASE_URL")] = ""
    """A server that speaks Anthropic's messages, such as http://127.0.0.1:4000: its address without /v1."""
    aws_bearer_token_bedrock: Annotated[SecretStr | None, Field(validation_alias="AWS_BEARER_TOKEN_BEDROCK")] = None
    """The server's own key for Bedrock."""
    aws_access_key_id: Annotated[KeyId | None, Field(validation_alias="AWS_ACCESS_KEY_ID")] = None
    """The server's own AWS access key, with AWS_SECRET_ACCESS_KEY."""
    aws_secret_access_key: Annotated[SecretStr | None, Field(validation_alias="AWS_SECRET_ACCESS_KEY")] = None
    """The secret of AWS_ACCESS_KEY_ID."""
    aws_session_token: Annotated[SecretStr | None, Field(validation_alias="AWS_SESSION_TOKEN")] = None
    """The session token of AWS_ACCESS_KEY_ID, where that is temporary."""
    bedrock_region: Annotated[Region, Field(validation_alias="BEDROCK_REGION")] = ""
    """Bedrock's AWS region, such as eu-central-1. Without it or an endpoint, the server has no Bedrock of its own."""
    bedrock_endpoint_url: Annotated[WebUrl, Field(validation_alias="BEDROCK_ENDPOINT_URL")] = ""
    """Another endpoint for Bedrock, such as that of a VPC."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: Source,
        env_settings: Source,
        dotenv_settings: Source,
        file_secret_settings: Source,
    ) -> tuple[Source, ...]:
        """Only what is passed in: a test's settings are what it says they are. `load` adds the environment."""
        return (init_settings,)

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if not self.database_url and "?" in str(self.data_dir):
            raise ValueError(f"{PREFIX}DATA_DIR: must not have a ? in it, at which the name of an SQLite file ends")
        if self.workers > 1 and self.database.startswith("sqlite"):
            raise ValueError(
                f"{PREFIX}WORKERS: more than one needs PostgreSQL ({PREFIX}DATABASE_URL); SQLite takes one server"
            )
        if self.master_key and self.master_key_file:
            raise ValueError(f"{PREFIX}MASTER_KEY and {PREFIX}MASTER_KEY_FILE: set only one of them")
        if self.jwt_secret and len(self.jwt_secret.get_secret_value()) < MIN_JWT_SECRET:
            raise ValueError(f"{PREFIX}JWT_SECRET: must have at least {MIN_JWT_SECRET} characters")
        if self.jwt_jwks_url and not (self.jwt_issuer and self.jwt_audience):
            raise ValueError(f"{PREFIX}JWT_JWKS_URL: needs {PREFIX}JWT_ISSUER and {PREFIX}JWT_AUDIENCE too")
        if self.bedrock_region or self.bedrock_endpoint_url:
            if bool(self.aws_access_key_id) != bool(self.aws_secret_access_key):
                raise ValueError("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY: set both of them or none")
            if self.aws_access_key_id and not self.aws_bearer_token_bedrock and not self.bedrock_region:
                raise ValueError("BEDROCK_REGION: must be set with AWS_ACCESS_KEY_ID, whose signatures name the region")
        return self

    @property
    def database(self) -> str:
        return self.database_url or f"sqlite+aiosqlite:///{self.data_dir / 'headgate.db'}"

    @property
    def on_loopback(self) -> bool:
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def signup_open(self) -> bool:
        return self.on_loopback if self.signup is None else self.signup == "open"

    @property
    def origin(self) -> str:
        """Our own origin, as a browser names it."""
        parts = urlsplit(self.public_url or self.address)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def address(self) -> str:
        """Where the server itself listens."""
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"


class _EnvironmentSettings(Settings):
    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: Source,
        env_settings: Source,
        dotenv_settings: Source,
        file_secret_settings: Source,
    ) -> tuple[Source, ...]:
        return (env_settings,)


def variable(name: str, field: FieldInfo) -> str:
    """The environment variable of a field."""
    return str(field.validation_alias or PREFIX + name.upper())


def load(environment: Mapping[str, str]) -> Settings:
    """The settings of this process, whose environment is given. Raises BadSettings."""
    known = {variable(name, field): name for name, field in Settings.model_fields.items()}
    for name in sorted(environment):
        # Names are read in any case, as pydantic-settings does.
        if name.upper().startswith(PREFIX) and name.upper() not in known:
            near = difflib.get_close_matches(name.upper(), known, n=1, cutoff=0.7)
            hint = f" Did you mean {near[0]}?" if near else " .env.example lists them all."
            raise BadSettings(f"{name} is not a setting.{hint}")
    try:
        return _EnvironmentSettings()
    except ValidationError as error:
        raise BadSettings("; ".join(_one_line(problem["loc"], problem["msg"]) for problem in error.errors())) from None


def _one_line(location: tuple[int | str, ...], message: str) -> str:
    text = message.removeprefix("Value error, ")
    if not location:
        return text
    name = str(location[0])
    known = {variable(field_name, field) for field_name, field in Settings.model_fields.items()}
    return f"{name if name in known else PREFIX + name.upper()}: {text[0].lower()}{text[1:]}"
