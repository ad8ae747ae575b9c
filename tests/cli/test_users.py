"""Users and tokens from the shell."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from mara.api.secrets import TOKEN_PREFIX, digest_of
from mara.cli.commands import app
from mara.store.people import People, Token
from mara.store.upkeep import check

PASSWORD = "correct horse battery\n"


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    url = f"sqlite:///{tmp_path / 'm.db'}"
    monkeypatch.setenv("MARA_DATABASE_URL", url)
    return url


def said(*words: str, stdin: str = "") -> tuple[int, str]:
    result = CliRunner().invoke(app, ["user", *words], input=stdin)
    return result.exit_code, result.output


def test_a_user_is_made_listed_and_removed_and_the_log_tells_it(url: str) -> None:
    assert said("add", "ada", "--role", "operator", stdin=PASSWORD) == (0, "ada may log in as operator\n")
    assert said("list") == (0, "ada  operator\n")
    assert said("remove", "ada")[0] == 0
    people = People.open(url)
    assert [visit.action for visit in people.visits()] == ["removed ada", "added operator ada"]
    people.close()
    assert check(url).is_sound


def test_a_token_is_printed_once_and_only_its_digest_is_kept(url: str, tmp_path: Path) -> None:
    said("add", "ada", "--role", "operator", stdin=PASSWORD)
    code, text = said("token", "ada", "--scope", "trade")
    token = text.strip()
    assert code == 0
    assert token.startswith(TOKEN_PREFIX)
    people = People.open(url)
    bearer = people.bearer(Token, digest_of(token), 0)
    people.close()
    assert bearer is not None
    assert (bearer.name, bearer.role) == ("ada", "operator")
    assert token.encode() not in b"".join(file.read_bytes() for file in tmp_path.iterdir() if file.is_file())


@pytest.mark.parametrize(
    ("words", "stdin", "expected"),
    [
        (("add", "ada"), "short\n", "12 to 1000 characters"),
        (("add", "a b"), PASSWORD, "letters, digits"),
        (("add", "1a"), PASSWORD, "a letter first"),
        (("remove", "eve"), "", "there is no user eve"),
        (("token", "eve"), "", "there is no user eve"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(url: str, words: tuple[str, ...], stdin: str, expected: str) -> None:
    code, text = said(*words, stdin=stdin)
    assert code == 2
    assert expected in text
    assert text.count("\n") == 1


def test_a_token_is_never_more_than_its_user(url: str) -> None:
    said("add", "ada", "--role", "viewer", stdin=PASSWORD)
    code, text = said("token", "ada", "--scope", "admin")
    assert code == 2
    assert "more than that" in text


def test_a_changed_line_of_the_access_log_is_found(url: str) -> None:
    said("add", "ada", stdin=PASSWORD)
    said("add", "bob", stdin=PASSWORD)
    people = People.open(url)
    with people._engine.begin() as connection:
        connection.exec_driver_sql("DROP TRIGGER access_log_no_update")
        connection.exec_driver_sql("UPDATE access_log SET action = 'nothing' WHERE number = 0")
    people.close()
    assert [said.partition(":")[0] for said in check(url).findings] == [
        "access_log, number 0",
        "the database's own definitions are not what was written or missing",
    ]
