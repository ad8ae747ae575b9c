"""Settings are read once, and refused in one line when they are wrong."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import ValidationError

from mara.errors import ConfigError
from mara.settings import Settings, read_settings


def refusal_of(env: dict[str, str], options: dict[str, object] | None = None) -> str:
    with pytest.raises(ConfigError) as refused:
        read_settings(env, options)
    message = str(refused.value)
    assert "\n" not in message
    return message


def test_an_empty_environment_gives_the_defaults() -> None:
    settings = read_settings({})
    assert (settings.port, settings.seed, settings.optimizer, settings.history) == (8080, 7, "lp", None)
    assert settings.start == datetime(2025, 7, 1, tzinfo=UTC)
    assert not settings.start_was_given


def test_variables_of_others_are_none_of_our_business() -> None:
    assert read_settings({"PATH": "/bin", "SEED": "9", "MARATHON": "42"}) == read_settings({})


def test_an_empty_variable_means_not_set() -> None:
    assert read_settings({"MARA_HISTORY": "", "MARA_PORT": ""}) == read_settings({})


def test_values_are_turned_into_their_types() -> None:
    settings = read_settings(
        {"MARA_PORT": "9000", "MARA_HISTORY": "year", "MARA_LOG_LEVEL": "debug", "mara_seed": "11"}
    )
    assert (settings.port, settings.history, settings.log_level, settings.seed) == (9000, Path("year"), "DEBUG", 11)


def test_a_start_in_any_zone_becomes_utc() -> None:
    settings = read_settings({"MARA_START": "2025-07-01T02:00:00+02:00"})
    assert settings.start.isoformat() == "2025-07-01T00:00:00+00:00"
    assert settings.start_was_given


def test_an_unknown_variable_is_refused_with_the_nearest_known_one() -> None:
    assert "MARA_PORT" in refusal_of({"MARA_PROT": "9000"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MARA_PORT", "0"),
        ("MARA_PORT", "eighty"),
        ("MARA_SPEED", "nan"),
        ("MARA_SPEED", "inf"),
        ("MARA_SPEED", "-1"),
        ("MARA_CARBON_PRICE_USD_PER_T", "1e400"),
        ("MARA_TICK_MINUTES", "7"),
        ("MARA_START", "2025-07-01"),
        ("MARA_START", "1970-01-01T00:00:00Z"),
        ("MARA_DURABILITY", "sometimes"),
        ("MARA_HORIZON_HOURS", "169"),
        ("MARA_HOST", "http://x/"),
        ("MARA_LOG_JSON", "perhaps"),
    ],
)
def test_a_value_out_of_bounds_is_refused_by_name_with_what_came(name: str, value: str) -> None:
    message = refusal_of({name: value})
    assert message.startswith(f"{name} should ")
    assert value in message


def test_an_option_of_the_command_line_wins_over_the_environment() -> None:
    assert read_settings({"MARA_PORT": "9000"}, {"port": 9001, "seed": None}).port == 9001


def test_a_refused_option_is_named_as_it_was_typed() -> None:
    assert refusal_of({}, {"tick_minutes": 7}).startswith("--tick-minutes should divide an hour")


def test_a_refused_database_address_is_not_repeated() -> None:
    assert "hunter2" not in refusal_of({"MARA_DATABASE_URL": "postgresql://mara:hunter2@db/" + "x" * 2_000})


def test_a_dotenv_file_stands_behind_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("MARA_PORT=9000\nMARA_SEED=3\nOTHER=1\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MARA_SEED", "4")
    assert (read_settings().port, read_settings().seed) == (9000, 4)


def test_an_unreadable_dotenv_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_bytes(b"MARA_PORT=\xff\xfe\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"\.env"):
        read_settings()


def test_the_key_for_claude_goes_by_its_own_name_and_is_never_repeated() -> None:
    settings = read_settings({"ANTHROPIC_API_KEY": " sk-ant-hunter2 \n", "ANTHROPIC_BASE_URL": "http://127.0.0.1:1"})
    assert settings.anthropic_api_key is not None
    assert settings.anthropic_api_key.get_secret_value() == "sk-ant-hunter2"
    assert settings.anthropic_base_url == "http://127.0.0.1:1"
    assert "hunter2" not in repr(settings)
    assert "hunter2" not in refusal_of({"ANTHROPIC_API_KEY": "sk-ant-hunter2" + "x" * 3_000})


@pytest.mark.parametrize("blank", ["", "  ", "\n"])
def test_a_blank_key_is_no_key(blank: str) -> None:
    assert read_settings({"ANTHROPIC_API_KEY": blank}).anthropic_api_key is None


def test_the_key_has_no_second_name() -> None:
    assert "ANTHROPIC_API_KEY" in refusal_of({"MARA_ANTHROPIC_API_KEY": "x"})


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError):
        Settings().port = 9000  # type: ignore[misc]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("MARA_PORT=9000\nMARA_SEED: 42\n", ".env line 2: 'MARA_SEED: 42' is no setting"),
        ("\n\nMARA_SEED\n", ".env line 3: 'MARA_SEED' has no value: write MARA_SEED=VALUE"),
        ("export MARA_SEED\n", ".env line 1: 'export MARA_SEED' has no value"),
        ("MARA-SEED=4\n", ".env line 1: 'MARA-SEED=…' is no name of ours"),
        ("A=1\nMARA_LOG_FILE='app.log\nB=2\n", ".env line 2: 'MARA_LOG_FILE=…' is no setting"),
    ],
)
def test_a_line_of_dotenv_that_sets_nothing_is_refused_by_its_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, said: str
) -> None:
    (tmp_path / ".env").write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as caught:
        read_settings()
    assert said in str(caught.value)


def test_a_dotenv_file_may_begin_with_a_byte_order_mark_and_have_comments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "MARA_PORT=9000  # here\n\n# not there\nexport MARA_SEED=3\nMARA_FLEET=\n"
    (tmp_path / ".env").write_text(text, encoding="utf-8-sig")
    monkeypatch.chdir(tmp_path)
    assert (read_settings().port, read_settings().seed, read_settings().fleet) == (9000, 3, "global_ten")


def test_only_a_name_that_is_near_is_proposed_for_an_unknown_one() -> None:
    assert "the nearest is MARA_SEED" in refusal_of({"MARA_SEDE": "1"})
    assert "nearest" not in refusal_of({"MARA_FOO": "1"})


@pytest.mark.parametrize(("given", "meant"), [("", ""), ("/", ""), ("/mara/", "/mara"), ("/a/b", "/a/b")])
def test_a_root_path_has_no_slash_at_its_end(given: str, meant: str) -> None:
    assert read_settings({"MARA_ROOT_PATH": given}).root_path == meant


@pytest.mark.parametrize("path", ["mara", "//evil.example", "/api", "/sla/x", "/a b", "/<x>", "/.."])
def test_a_root_path_that_would_hide_a_page_of_ours_is_refused(path: str) -> None:
    assert "MARA_ROOT_PATH should be a path" in refusal_of({"MARA_ROOT_PATH": path})
