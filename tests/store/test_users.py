"""The access log is one hash chain, however many processes write it at once."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mara.store import maintenance
from mara.store.access.users import AccessEvent, User, UserStore
from mara.store.encoding.chain import audit_hash
from tests.store.databases import KINDS, asked, tamper, url_of

WRITERS = 4
LINES_EACH = 10


@pytest.mark.parametrize("kind", KINDS)
def test_a_log_that_is_written_from_everywhere_has_every_line_once(tmp_path: Path, kind: str) -> None:
    url = url_of(tmp_path / f"m.{kind}")
    maintenance.make_ready(url)

    def write(writer: int) -> None:
        people = UserStore.open(url)  # as another process would
        for number in range(LINES_EACH):
            people.note(AccessEvent(at_epoch_s=number, actor=f"w{writer}", address="", action=f"line {number}"))
        people.close()

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(write, range(WRITERS)))
    people = UserStore.open(url)
    lines = people.access_events()
    people.close()
    assert len(lines) == len({(line.actor, line.action) for line in lines}) == WRITERS * LINES_EACH
    assert maintenance.check(url).findings == ()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Four log entries: two users created, one refused, one removed."""
    path = tmp_path / "m.db"
    maintenance.make_ready(url_of(path))
    people = UserStore.open(url_of(path))
    for name in ("ann", "bob"):
        people.add(
            User(name=name, role="viewer"),
            "hash",
            by=AccessEvent(at_epoch_s=0, actor="root", address="", action=f"added {name}"),
        )
    people.note(AccessEvent(at_epoch_s=1, actor="eve", address="::1", action="login refused"))
    people.remove("bob", by=AccessEvent(at_epoch_s=2, actor="root", address="", action="removed bob"))
    people.close()
    assert maintenance.check(url_of(path)).findings == ()
    return path


@pytest.mark.parametrize(
    ("statement", "finding"),
    [
        ("UPDATE access_log SET action = 'logged in' WHERE number = 2", "access_log, number 2"),
        ("UPDATE access_log SET changes = NULL WHERE number = 1", "access_log, number 1"),
        ("DELETE FROM access_log WHERE number = 1", "access_log, number 2"),
        ("UPDATE users SET role = 'admin' WHERE name = 'ann'", "users, name ann: not what the access log tells of"),
        ("INSERT INTO users VALUES ('eve', 'admin', 'hash')", "users, name eve: not what the access log tells of"),
        ("DELETE FROM users WHERE name = 'ann'", "users, name ann: missing"),
    ],
)
def test_who_may_log_in_is_what_the_log_tells_of(log: Path, statement: str, finding: str) -> None:
    tamper(log, [statement])
    assert maintenance.check(url_of(log)).findings[0].startswith(finding)


def test_a_line_with_a_hash_of_its_own_does_not_fit_the_lines_after_it(log: Path) -> None:
    number, at, actor, address, _, previous = asked(
        log, "SELECT number, at_epoch_s, actor, address, action, previous_hash FROM access_log WHERE number = 2"
    )[0]
    own = audit_hash(previous, (number, at, actor, address, "logged in")).hex()
    tamper(
        log,
        [
            f"UPDATE access_log SET action = 'logged in', entry_hash = x'{own}' WHERE number = 2",
            f"UPDATE access_log SET previous_hash = x'{own}' WHERE number = 3",
        ],
    )
    assert maintenance.check(url_of(log)).findings[0].startswith("access_log, number 3")
