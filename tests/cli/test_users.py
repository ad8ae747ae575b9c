"""Users and tokens, managed by commands of the shell."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from mara.api.security.credentials import TOKEN_PREFIX, digest_of, is_right
from mara.cli.app import app
from mara.store.access.users import AccessEvent, Session, Token, User, UserStore
from mara.store.maintenance import check

BY = AccessEvent(at_epoch_s=0, actor="test", address="", action="prepared")
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
    people = UserStore.open(url)
    assert [visit.action for visit in people.access_events()] == ["removed ada", "added operator ada"]
    people.close()
    assert check(url).is_sound


def test_a_token_is_printed_once_and_only_its_digest_is_kept(url: str, tmp_path: Path) -> None:
    said("add", "ada", "--role", "operator", stdin=PASSWORD)
    code, text = said("token", "ada", "--scope", "trade")
    token = text.strip()
    assert code == 0
    assert token.startswith(TOKEN_PREFIX)
    people = UserStore.open(url)
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
    people = UserStore.open(url)
    with people._engine.begin() as connection:
        connection.exec_driver_sql("DROP TRIGGER access_log_no_update")
        connection.exec_driver_sql("UPDATE access_log SET action = 'nothing' WHERE number = 0")
    people.close()
    assert [said.partition(":")[0] for said in check(url).findings] == [
        "access_log, number 0",
        "the database's own definitions are not what was written or missing",
    ]


def good(url: str, secret: str, kind: type[Token] | type[Session] = Token) -> str:
    """The role that a token or session grants; empty if it is not valid."""
    people = UserStore.open(url)
    bearer = people.bearer(kind, digest_of(secret), 0)
    people.close()
    return "" if bearer is None else bearer.role


def session(url: str, name: str, role: str) -> str:
    people = UserStore.open(url)
    people.issue(Session, digest_of("s"), User(name=name, role=role), until=10**10, by=BY)
    people.close()
    return "s"


def test_another_password_ends_the_sessions_and_lets_in(url: str) -> None:
    said("add", "ada", "--role", "operator", stdin=PASSWORD)
    token, cookie = said("token", "ada")[1].strip(), session(url, "ada", "operator")
    assert said("password", "ada", stdin="another battery staple\n")[0] == 0
    people = UserStore.open(url)
    found = people.credentials("ada")
    assert found is not None
    assert is_right("another battery staple", found[1])
    assert people.access_events(1)[0].action == "changed the password of ada"
    people.close()
    assert (good(url, cookie, Session), good(url, token)) == ("", "viewer")
    assert check(url).is_sound


def test_a_lower_role_ends_the_sessions_and_the_tokens_that_are_for_more(url: str) -> None:
    said("add", "ada", "--role", "admin", stdin=PASSWORD)
    tokens = {scope: said("token", "ada", "--scope", scope)[1].strip() for scope in ("read", "trade", "admin")}
    cookie = session(url, "ada", "admin")
    assert said("role", "ada", "operator")[0] == 0
    assert said("list")[1] == "ada  operator\n"
    assert [good(url, one) for one in tokens.values()] == ["viewer", "operator", ""]
    assert good(url, cookie, Session) == ""
    people = UserStore.open(url)
    assert people.access_events(1)[0].action == "made ada operator"
    people.close()
    assert check(url).is_sound


def test_a_token_is_listed_by_an_id_and_revoked_by_it(url: str) -> None:
    said("add", "ada", "--role", "operator", stdin=PASSWORD)
    said("add", "list", stdin=PASSWORD)
    first, second = said("token", "ada", "--scope", "trade")[1].strip(), said("token", "--days", "3", "ada")[1].strip()
    other = said("token", "make", "list")[1].strip()
    lines = said("token", "list")[1].splitlines()
    assert sorted(line.split()[1:3] for line in lines) == [["ada", "read"], ["ada", "trade"], ["list", "read"]]
    assert not any(secret in line for line in lines for secret in (first, second, other))
    named = next(line.split()[0] for line in said("token", "list", "ada")[1].splitlines() if "trade" in line)
    assert said("token", "revoke", named)[0] == 0
    assert (good(url, first), good(url, second), good(url, other)) == ("", "viewer", "viewer")
    people = UserStore.open(url)
    assert people.access_events(1)[0].action == f"revoked token {named} of ada"
    people.close()
    code, text = said("token", "revoke", named)
    assert (code, text.count("\n")) == (2, 1)
    assert f"there is no token {named}" in text
    assert check(url).is_sound


@pytest.mark.parametrize("words", [("password", "eve"), ("role", "eve", "admin"), ("token", "list", "eve")])
def test_whoever_is_no_user_is_said_to_be_none(url: str, words: tuple[str, ...]) -> None:
    code, text = said(*words, stdin=PASSWORD)
    assert (code, text.count("\n")) == (2, 1)
    assert "there is no user eve" in text
