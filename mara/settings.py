"""Settings from the environment: MARA_* variables and two of Anthropic's.

They are read once and passed on as one frozen value.

A misspelt setting must not silently mean its default, so an unknown MARA_ variable is refused. Options of the command
line win over the environment, which wins over a `.env` file in the working directory.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, SecretStr, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from mara.env_file import MAX_SHOWN_LENGTH, refuse_bad_lines
from mara.errors import ConfigError
from mara.spelling import nearest

PREFIX = "MARA_"
MINUTES_PER_HOUR = 60
FIRST_START = datetime(2009, 1, 3, tzinfo=UTC)  # bitcoin's first block: no hashprice before it
LAST_START = datetime(2100, 1, 1, tzinfo=UTC)
MAX_TEXT_LENGTH = 2_000  # characters of one value
# Settings whose values are never repeated in a message.
SECRETS = frozenset(
    {
        "storage_secret",
        "feed_keys",
        "webhook_url",
        "alert_targets",
        "database_url",
        "anthropic_api_key",
        "anthropic_base_url",
        "dispatch_webhook",
        "dispatch_secret",
        "dispatch_mqtt",
    }
)
OPTION_NAMES = {"day_ahead_position": "day_ahead"}  # options that are not called as their field
UNPREFIXED = frozenset({"anthropic_api_key", "anthropic_base_url"})  # names given by Anthropic


_ROOT_PATH = re.compile(
    r"(?!/(?:api|static|_nicegui|_nicegui_ws|metrics|login|logout|sites|sla|optimizer|forecast|backtest|operations|alerts"
    r"|power|money|help)(?:/|$))(?:/[\w~-][\w.~-]*)+"
)
_HOST = re.compile(r"[A-Za-z0-9:](?:[A-Za-z0-9.:-]{0,251}[A-Za-z0-9:])?")


def _whole_ticks_an_hour(minutes: int) -> int:
    if MINUTES_PER_HOUR % minutes:
        raise ValueError("should divide an hour: 1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30 or 60")
    return minutes


def _host(host: str) -> str:
    if not _HOST.fullmatch(host):
        raise ValueError("should be an address or a host name, such as 127.0.0.1 or 0.0.0.0")
    return host


def _root_path(path: str) -> str:
    trimmed = path.rstrip("/")
    if trimmed and not _ROOT_PATH.fullmatch(trimmed):
        raise ValueError("should be a path of letters, digits and -._~ such as /mara, and none of our own pages")
    return trimmed


def _within_calendar(start: datetime) -> datetime:
    if not FIRST_START <= start <= LAST_START:
        raise ValueError(f"should be between {FIRST_START:%Y-%m-%d} and {LAST_START:%Y-%m-%d}")
    return start.astimezone(UTC)


def _upper(text: object) -> object:
    return text.upper() if isinstance(text, str) else text


class Settings(BaseSettings):
    """Settings of one run; each field is the variable MARA_<FIELD>.

    The constructor reads no environment; `read_settings` does.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=".env",
        env_file_encoding="utf-8-sig",
        env_ignore_empty=True,
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
    )

    database_url: str = Field(
        "sqlite:///mara.db",
        min_length=1,
        max_length=MAX_TEXT_LENGTH,
        description="where the run is remembered: `sqlite:///` and a file, or `postgresql://user@host/name`",
    )
    host: Annotated[str, AfterValidator(_host)] = Field(
        "127.0.0.1",
        max_length=MAX_TEXT_LENGTH,
        description="address to listen on; another than loopback needs a user, and TLS or a proxy",
    )
    port: int = Field(8080, ge=1, le=65_535, description="port the dashboard listens on")
    fleet: str = Field(
        "global_ten", min_length=1, max_length=MAX_TEXT_LENGTH, description="a shipped fleet's name, or a TOML file"
    )
    products: str = Field(
        "",
        max_length=MAX_TEXT_LENGTH,
        description="grid products that the fleet may sell: a shipped file's name, or a TOML file; unset: "
        "`products.toml` beside a fleet file, those of a shipped fleet's name, else none",
    )
    history: Path | None = Field(None, description="history folder to replay; unset: synthetic world")
    feed: Literal["auto", "live"] = Field(
        "auto",
        description="`live` asks the live sources of MARA_FEED_SPEC; `auto`: a history is replayed where one is given, "
        "else the world is synthetic",
    )
    feed_spec: Path | None = Field(None, description="SPEC of the live sources, a TOML file")
    feed_journal: Path | None = Field(
        None,
        description="folder that remembers what live sources told and when; unset: `feed` beside the database's file",
    )
    feed_keys: SecretStr | None = Field(
        None,
        max_length=MAX_TEXT_LENGTH,
        description="keys of providers, as `entsoe=…,watttime=user:password,openadr=client:secret`",
    )
    data_folders: str = Field(
        "",
        max_length=MAX_TEXT_LENGTH,
        description="folders that backtests of people who log in may read beside that of the history, with commas",
    )
    import_folder: Path | None = Field(
        None,
        description="folder of market files, and of the histories that the Backtest page builds of them; unset: "
        "`imports` beside the database's file",
    )
    import_max_mb: int = Field(
        64, ge=1, le=10_000, description="largest market file that may be sent over the network, MB"
    )
    trust_units: bool = Field(
        False, description="take a history's values as they stand, also where they look like another unit"
    )
    seed: int = Field(7, ge=0, le=2**63 - 1, description="same seed, same run")
    start: Annotated[AwareDatetime, AfterValidator(_within_calendar)] = Field(
        datetime(2025, 7, 1, tzinfo=UTC), description="simulated time of a new run's first tick (ISO 8601 with zone)"
    )
    speed: float = Field(300.0, gt=0, le=1_000_000, description="simulated seconds per real second")
    tick_minutes: Annotated[int, AfterValidator(_whole_ticks_an_hour)] = Field(
        5, ge=1, le=MINUTES_PER_HOUR, description="length of a tick, a divisor of 60"
    )
    durability: Literal["normal", "full"] = Field(
        "normal", description="`full` waits for the disk at every tick, `normal` at contract bookings"
    )
    optimizer: str = Field(
        "lp",
        min_length=1,
        max_length=MAX_TEXT_LENGTH,
        description="who plans: rules, lp, claude, static or static-breakeven",
    )
    sla_flexibility: bool = Field(
        True, description="plans may leave contracts unserved inside their error budgets; off: never by choice"
    )
    break_promises: Literal["never", "flexible", "standard"] = Field(
        "flexible",
        description="most binding tier whose promises may be broken where power costs more than credit and goodwill "
        "(twice the rate); `never`: none",
    )
    day_ahead_position: Literal["none", "planned"] = Field(
        "none",
        description="what is bought in day-ahead auctions, where a history has two prices: `none`, or the load that is "
        "`planned` for hours expected to be dearer in real time",
    )
    horizon_hours: int = Field(24, ge=1, le=168, description="how far a plan looks ahead")
    plan_deadline_s: float = Field(20.0, ge=0.1, le=600, description="real seconds before a plan is given up")
    carbon_price_usd_per_t: float = Field(50.0, ge=0, le=10_000, description="charged per tonne of CO2")
    base_rate_usd_per_mwh: float = Field(
        150.0, gt=0, le=100_000, description="contract rate before the tier multiplier"
    )
    token_price_usd_per_mtok: float = Field(0.25, ge=0, le=1_000, description="price of a million inference tokens")
    remote_serving_usd_per_mwh: float = Field(
        4.0, ge=0, le=10_000, description="cost of serving a region's inference from another region"
    )
    claude_model: str = Field(
        "claude-sonnet-5-5", min_length=1, max_length=200, description="the model that advises, with `claude`"
    )
    claude_budget_usd_per_hour: float = Field(1.0, ge=0, le=1_000, description="most that Claude may cost in an hour")
    claude_budget_usd_per_day: float = Field(10.0, ge=0, le=10_000, description="most that Claude may cost in a day")
    claude_requests_per_hour: int = Field(60, ge=0, le=10_000, description="most requests to Claude in an hour")
    claude_max_moved_share: float = Field(
        0.10, ge=0, le=1, description="part of the load that may be moved to make Claude's plan feasible"
    )
    claude_max_regret_share: float = Field(
        0.03, ge=0, le=1, description="part of the optimum's profit that Claude's plan may fall short of"
    )
    anthropic_api_key: SecretStr | None = Field(
        None, max_length=MAX_TEXT_LENGTH, description="key for Claude; without one nothing is asked"
    )
    anthropic_base_url: str | None = Field(
        None, max_length=MAX_TEXT_LENGTH, description="another address of the Messages API"
    )
    auth: Literal["auto", "on", "off"] = Field(
        "auto", description="whether people log in; `auto`: off on loopback, on elsewhere"
    )
    behind_proxy: bool = Field(False, description="a proxy in front of it speaks TLS, and says who asks")
    allowed_hosts: str = Field(
        "",
        max_length=MAX_TEXT_LENGTH,
        description="further host names that are answered, separated by commas; with a port, at that port alone",
    )
    root_path: Annotated[str, AfterValidator(_root_path)] = Field(
        "", max_length=MAX_TEXT_LENGTH, description="path that a proxy serves it under, such as `/mara`"
    )
    max_clients: int = Field(50, ge=1, le=10_000, description="browsers that may look at once")
    tls_cert: Path | None = Field(None, description="certificate chain, PEM, to speak TLS oneself")
    tls_key: Path | None = Field(None, description="its private key, PEM")
    storage_secret: SecretStr | None = Field(
        None, max_length=MAX_TEXT_LENGTH, description="key of the stored digests of tokens and sessions"
    )
    webhook_url: str | None = Field(
        None,
        max_length=MAX_TEXT_LENGTH,
        pattern=r"^https?://",
        description="where alerts are posted as JSON: broken Premium promises, sites that fall, stale feeds, states of "
        "the engine",
    )
    dispatch_file: Path | None = Field(
        None, description="file that holds the newest dispatch document, replaced as a whole; unset: none"
    )
    dispatch_webhook: str | None = Field(
        None,
        max_length=MAX_TEXT_LENGTH,
        pattern=r"^https?://",
        description="where dispatch documents are posted, signed with `MARA_DISPATCH_SECRET`",
    )
    dispatch_secret: SecretStr | None = Field(
        None, max_length=MAX_TEXT_LENGTH, description="secret that signs what is posted, 16 characters or more"
    )
    dispatch_mqtt: str | None = Field(
        None,
        max_length=MAX_TEXT_LENGTH,
        pattern=r"^mqtts?://",
        description="broker that gets each site's targets as retained messages, `mqtt://host` or "
        "`mqtts://user:password@host`",
    )
    executors: Path | None = Field(
        None, description="file that says how the devices of real sites are reached (TOML); unset: none is ever written"
    )
    meters: Path | None = Field(
        None, description="file of brokers and meters that tell what real sites draw (TOML); the API is always open"
    )
    alert_targets: str = Field(
        "",
        max_length=MAX_TEXT_LENGTH,
        description="further addresses that alerts are sent to, separated by spaces: webhooks, and services that "
        "Apprise knows, such as `mailto://` or `slack://` (extra `alerts`)",
    )
    log_file: Path = Field(Path("app.log"), description="rotating log, 10 MB x 5")
    log_level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(_upper)] = Field(
        "INFO", description="least severity that is logged"
    )
    log_json: bool = Field(True, description="log lines as JSON objects; off: plain text")

    @property
    def alert_addresses(self) -> tuple[str, ...]:
        """All addresses that alerts are sent to."""
        return (*([self.webhook_url] if self.webhook_url is not None else []), *self.alert_targets.split())

    @property
    def has_positions(self) -> bool:
        """True where power is bought in day-ahead auctions."""
        return self.day_ahead_position != "none"

    @property
    def is_live(self) -> bool:
        """True where live sources are asked."""
        return self.feed == "live"

    @property
    def pace(self) -> float:
        """Simulated seconds per real second; a live world keeps the wall clock."""
        return 1.0 if self.is_live else self.speed

    @property
    def start_was_given(self) -> bool:
        """True where a start was chosen; a replay without one begins with its history."""
        return "start" in self.model_fields_set

    @property
    def fleet_was_given(self) -> bool:
        """True where a fleet was chosen; a replay without one takes its history's sites."""
        return "fleet" in self.model_fields_set

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Use constructor arguments as the only source of values.

        `read_settings` reads the environment, so that it can refuse unknown names.
        """
        del settings_cls, env_settings, dotenv_settings, file_secret_settings
        return (init_settings,)


def read_settings(
    env: Mapping[str, str] | None = None,
    options: Mapping[str, object] | None = None,
    own_defaults: Mapping[str, object] | None = None,
) -> Settings:
    """Read settings from `env`, overridden by the command line's `options`.

    `env` None is the process environment over `.env`.

    `options` are fields by name; None among them means "not given". `own_defaults` are a command's own defaults where
    they differ from the setting's; error messages name them. Raises ConfigError, in one line, for an unknown MARA_
    variable or a value that cannot be used.
    """
    variables = _variables_around_us() if env is None else env
    given: dict[str, object] = {}
    for name, value in variables.items():
        field = name.lower()
        if value and field.startswith(PREFIX.lower()):
            field = field.removeprefix(PREFIX.lower())
            _refuse_unknown(field)
            given[field] = value
        elif value.strip() and field in UNPREFIXED:
            given[field] = value.strip()
    chosen = {field: value for field, value in (options or {}).items() if value is not None}
    try:
        return Settings(**{**given, **chosen})  # type: ignore[arg-type]  # text, which validation turns into each type
    except ValidationError as error:
        raise _refusal(error.errors()[0], chosen, own_defaults or {}) from error


def _variables_around_us() -> Mapping[str, str]:
    try:
        refuse_bad_lines(Path(".env"))
        dotenv = DotEnvSettingsSource(Settings).env_vars
    except (OSError, ValueError) as error:
        raise ConfigError(f".env should be a readable UTF-8 file, but {error}; correct or remove it") from error
    merged = {**dotenv, **EnvSettingsSource(Settings).env_vars}
    return {name: value for name, value in merged.items() if value is not None}


def _refuse_unknown(field: str) -> None:
    if field in Settings.model_fields and field not in UNPREFIXED:
        return
    near = nearest(field, Settings.model_fields)
    hint = (
        f"; the nearest is {variable_of(near)}: correct it or unset it" if near else ": unset it, the README lists them"
    )
    raise ConfigError(f"{PREFIX}{field.upper()} is not a setting of Mara{hint}")


def _refusal(detail: ErrorDetails, options: Mapping[str, object], own_defaults: Mapping[str, object]) -> ConfigError:
    field = str(detail["loc"][0])
    name = "--" + OPTION_NAMES.get(field, field).replace("_", "-") if field in options else variable_of(field)
    expected = (
        detail["msg"].removeprefix("Value error, ").replace("Input should", "should").replace("String should", "should")
    )
    came = "what came is not repeated" if field in SECRETS else f"came {str(detail['input'])[:MAX_SHOWN_LENGTH]!r}"
    default = own_defaults.get(field, Settings.model_fields[field].default)
    return ConfigError(f"{name} {expected}; {came}: correct it, or leave it out for the default {default}")


def variable_of(field: str) -> str:
    """The environment variable that a field is read from."""
    return field.upper() if field in UNPREFIXED else PREFIX + field.upper()
