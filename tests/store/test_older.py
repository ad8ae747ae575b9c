"""Databases of every older schema upgrade, pass the check, replay and go on.

`older/NNNN.db.gz` were made by the last commit of each schema, with the small run of `tests/store/runs.py` as it was.
"""

import gzip
from pathlib import Path

import pytest

from mara.errors import StoreRefused
from mara.runtime.replay_check import replayed
from mara.store import maintenance
from mara.store.access.users import UserStore
from mara.store.backends import upgrade
from mara.store.read.read_model import ReadModel
from mara.store.store import Store
from tests.store.databases import asked, tamper, url_of
from tests.store.runs import go_on

FOLDER = Path(__file__).parent / "older"
REVISIONS = sorted(path.name.partition(".")[0] for path in FOLDER.glob("*.gz"))
TICKS = 60


@pytest.fixture(params=REVISIONS)
def upgraded(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "mara.db"
    path.write_bytes(gzip.decompress((FOLDER / f"{request.param}.db.gz").read_bytes()))
    assert upgrade.revision_of(path) == request.param
    assert maintenance.upgrade(url_of(path))
    return path


def test_every_schema_before_seals_has_its_database() -> None:
    assert REVISIONS == ["0001", "0002", "0003", "0004", "0005"]


def test_it_is_sound_names_the_rules_that_made_it_and_goes_on(upgraded: Path) -> None:
    report = maintenance.check(url_of(upgraded))
    assert (report.findings, report.unsealed_count) == ((), TICKS)
    reading = ReadModel.open(url_of(upgraded))
    for tick in (0, 25, 40, 59):
        with pytest.raises(StoreRefused, match=rf"tick {tick} was made by rules version 1 "):
            replayed(reading, report.run_id, tick)
    reading.close()
    store = Store.open(url_of(upgraded))
    go_on(store, 30)
    store.close()
    report = maintenance.check(url_of(upgraded))
    assert (report.findings, report.ticks_count, report.unsealed_count) == ((), TICKS + 30, TICKS)
    reading = ReadModel.open(url_of(upgraded))
    assert replayed(reading, report.run_id, TICKS + 20).differs == ()
    reading.close()


@pytest.mark.parametrize("upgraded", ["0004"], indirect=True)
@pytest.mark.parametrize(
    ("statement", "finding"),
    [
        (
            "UPDATE sla_windows SET credit_micro_usd = credit_micro_usd + 1 WHERE closed_tick < 60",
            "sla_windows, before",
        ),
        ("DELETE FROM events WHERE tick = 3", "events, before tick 60"),
        ("UPDATE hourly SET revenue_micro_usd = 0 WHERE site = 1", "hourly, before tick 60"),
        ("UPDATE runs SET optimizer = 'x'", "runs, the first row"),
        ("UPDATE claude_requests SET cost_micro_usd = 1 WHERE number = 1", "claude_requests, number 1"),
    ],
)
def test_what_an_older_mara_wrote_is_sealed_with_the_first_tick_after_it(
    upgraded: Path, statement: str, finding: str
) -> None:
    store = Store.open(url_of(upgraded))
    go_on(store, 1)
    store.close()
    tamper(upgraded, [statement])
    findings = maintenance.check(url_of(upgraded)).findings
    assert any(said.startswith(finding) for said in findings), findings


@pytest.mark.parametrize("upgraded", ["0005"], indirect=True)
def test_who_could_log_in_before_is_in_the_access_log_after(upgraded: Path) -> None:
    people = UserStore.open(url_of(upgraded))
    assert [person.name for person in people.all()] == ["ann", "bob"]
    people.close()
    tamper(upgraded, ["UPDATE users SET role = 'admin' WHERE name = 'bob'"])
    assert maintenance.check(url_of(upgraded)).findings[0] == "users, name bob: not what the access log tells of"
    assert len(asked(upgraded, "SELECT 1 FROM tokens")) == 1
