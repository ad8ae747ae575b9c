"""A live run written by an earlier Mara opens, replays bit for bit and goes on.

`live.db.gz` and `live.log.gz` were written by `mara run --optimizer lp --seed 7` of commit e784dea, ended by SIGTERM
after 100 ticks. The run has orders of every kind: bookings, a cancellation, outages and the end of one, maintenance; it
was paused, stepped, sped up and planned on demand. Its last order takes Texas down for `DARK`, which is not over yet.
`EXPORTS` and `ORDERED` were computed by the same commit.
"""

import csv
import gzip
import json
from collections import Counter
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from bench.live_run import lived
from mara.core.rules_version import RULES_VERSION
from mara.runtime.observe.log import open_log
from mara.settings import read_settings
from tests.cli.console import ran
from tests.cli.databases import hash_in, run_in
from tests.store.databases import asked

MADE = Path(__file__).parents[1] / "store" / "made"
MADE_BY_RULES_VERSION = 2
TICKS = 100
TICK_HASH = "40e3c8fe0da696d768b5704f0260e3643be8d3eba9f1339a4a8e60f12a0a2534"
"""The hash of the last tick, which covers every tick before it."""
REPLAYED = (*range(0, TICKS - 1, 13), TICKS - 1)
EXPORTS = {
    "prices": "a22c917c072a20b85532da42cc52a5bfcca247998c471b81a31551598d9376ec",
    "steps": "746f7512295d690fb9c8c4c6e75850342c48d24c59877b6205b0c42d38a3f38c",
    "ledger": "24677b09bf631e0a9bf97762a322afcf54ca65af6d88ae77ea6c1817c9eff60a",
    "commitments": "cd1ce89e1096ac41625a299ec9e42ebb7d40a5823f4e93be8ce6179ee94acbb7",
    "optimizations": "93b7333acae7bd3d2db5f0d2934e56ee85354ef21b14d5064bcbd732fa806d05",
    "events": "7ddda70e2b9cca873769575543ea2998af32604622fbb8906357823234e2a1ef",
    "routine": "0107f1ec4e742e6d07774fbe62d156432f1d35c145f9808999d53de6e659c0e7",
}
"""The SHA-256 of each table, exported as CSV."""
ORDERED = {"book": 5, "cancel": 1, "exclude": 2, "outage": 3, "restore": 1}
DARK = range(93, 111)
"""The ticks of an outage that is under way."""
PLAN_IN_FORCE = 97
"""The tick whose plan is in force at the end."""


@pytest.fixture
def earlier(here: Path) -> Path:
    """Put the database and its log where commands look for them, and upgrade it."""
    (here / "app.log").write_bytes(gzip.decompress((MADE / "live.log.gz").read_bytes()))
    path = here / "mara.db"
    path.write_bytes(gzip.decompress((MADE / "live.db.gz").read_bytes()))
    assert ran("db", "upgrade").exit_code == 0
    return path


def test_it_is_sound_and_its_orders_are_known(earlier: Path) -> None:
    outcome = ran("db", "check")
    assert (outcome.exit_code, outcome.err) == (0, "")
    assert f"is sound: run {run_in(earlier)}, {TICKS} ticks" in outcome.out
    assert hash_in(earlier).lower() == TICK_HASH
    orders = ran("orders", "--limit", 100, "--json").report["orders"]
    assert Counter(order["kind"] for order in orders) == ORDERED
    assert {order["state"] for order in orders} == {"obeyed"}


@pytest.mark.skipif(RULES_VERSION != MADE_BY_RULES_VERSION, reason="the rules have changed since")
def test_its_ticks_are_computed_again_bit_for_bit(earlier: Path) -> None:
    for tick in REPLAYED:
        report = ran("replay", "--run", run_in(earlier), "--tick", tick, "--json").report
        assert (report["identical"], report["differs"], report["replayed_ticks"]) == (True, None, tick + 1)
        assert (report["tick_hash"] == TICK_HASH) is (tick == TICKS - 1)


def test_its_exports_are_those_of_the_mara_that_wrote_it(earlier: Path) -> None:
    digests = {}
    for table in EXPORTS:
        assert ran("export", table, "--out", "x.csv").exit_code == 0
        digests[table] = sha256(earlier.with_name("x.csv").read_bytes()).hexdigest()
    assert digests == EXPORTS


def test_a_simulation_goes_on_with_it_and_obeys_what_was_ordered_before(earlier: Path, here: Path) -> None:
    assert ran("simulate", "--ticks", 12, "--json").report["from"] == "2025-07-01T08:20:00+00:00"
    assert f"is sound: run {run_in(earlier)}, {TICKS + 12} ticks" in ran("db", "check").out
    assert ran("replay", "--tick", TICKS + 11, "--json").report["identical"] is True
    assert ran("export", "steps", "--out", "x.csv").exit_code == 0
    with (here / "x.csv").open(newline="", encoding="utf-8") as lines:
        texas = [row for row in csv.DictReader(lines) if row["site_id"] == "texas" and int(row["tick"]) in DARK]
    assert [float(row["available_mw"]) for row in texas] == [0.0] * len(DARK)


def test_a_live_run_goes_on_with_it_with_its_plan_and_with_its_log(earlier: Path, here: Path) -> None:
    before = (here / "app.log").read_bytes()
    settings = read_settings({}, {"database_url": f"sqlite:///{earlier}", "log_file": here / "app.log"})
    with open_log(settings):
        lived(settings, 3, 0.2, alone=False)
    after = (here / "app.log").read_bytes()
    assert after.startswith(before)
    assert f"is sound: run {run_in(earlier)}, {TICKS + 3} ticks" in ran("db", "check").out
    assert asked(earlier, "SELECT max(made_tick) FROM optimization_runs") == [(PLAN_IN_FORCE,)]
    lines = [line for line in lines_of(after.removeprefix(before)) if line["logger"] != "mara.alerts"]
    opened, *_, closed = lines
    assert opened == line_in(before, "run opened")
    assert closed == line_in(before, "run closed")


def lines_of(log: bytes) -> list[dict[str, Any]]:
    """Parse the lines of a log, and leave out their timestamps."""
    return [
        {name: value for name, value in json.loads(line).items() if name != "timestamp"} for line in log.splitlines()
    ]


def line_in(log: bytes, message: str) -> dict[str, Any]:
    """Find the one line with this message."""
    (found,) = [line for line in lines_of(log) if line["message"] == message]
    return found
