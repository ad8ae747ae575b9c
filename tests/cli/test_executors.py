"""`mara executor`: reads the devices of a site, and returns it to its owner."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from mara.errors import EXIT_INPUT, EXIT_USAGE
from mara.signals.executors import luxos
from mara.signals.executors.hold import Hold, HoldFile
from mara.signals.imitations.luxos_miner import ImitatedMiner
from tests.cli.console import ran
from tests.signals.devices import CLOCK, a_miner, serving

TRIAL = Path(__file__).parents[2] / "docs" / "trial"


@pytest.fixture
def miner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[ImitatedMiner, str]]:
    fake = a_miner()
    with serving(fake.answer) as port:
        host = f"127.0.0.1:{port}"
        path = tmp_path / "executors.toml"
        table = f'[[executor]]\nsite = "oslo"\nkind = "luxos"\nhosts = ["{host}"]\nunit_power_mw = 0.0035\n'
        path.write_text(table, encoding="utf-8")
        monkeypatch.setenv("MARA_EXECUTORS", str(path))
        monkeypatch.setenv("MARA_DATABASE_URL", f"sqlite:///{tmp_path / 'm.db'}")
        yield fake, host


def test_a_check_tells_what_a_device_takes_and_writes_nothing(miner: tuple[ImitatedMiner, str]) -> None:
    fake, host = miner
    told = ran("executor", "check", "oslo", "--json").report
    assert (told["kind"], told["most_mw"], told["is_held"]) == ("luxos", 0.0035, False)
    assert told["state"] == told["owners_state"] == f"{host}=wakeup"
    assert set(fake.commands) == {"config"}


def test_a_release_gives_a_held_device_back_once(miner: tuple[ImitatedMiner, str], tmp_path: Path) -> None:
    fake, host = miner
    fake.mode = "Sleep"
    hold = Hold(site_id="oslo", spec={}, owners=((host, "wakeup"),), ours=(((host, "sleep"),),))
    HoldFile(tmp_path / "m.db.holds", tmp_path / "locks", "oslo").write(hold)
    assert ran("executor", "release", "oslo").out == f"oslo: {host}=wakeup restored\n"
    assert fake.mode == "None"
    assert ran("executor", "release", "oslo").out == "oslo: nothing is held\n"
    (noted,) = (tmp_path / "m.db.holds").iterdir()
    assert json.loads(noted.read_text(encoding="utf-8"))["said"] == f"{host}=wakeup restored"


def test_what_cannot_be_reached_or_is_not_set_up_is_told_in_one_line(
    miner: tuple[ImitatedMiner, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fake, host = miner
    monkeypatch.setattr(luxos, "TIMEOUT_S", 0.2)
    fake.fault = "silent"
    said = ran("executor", "check", "oslo")
    assert (said.exit_code, f"{host} does not answer config" in said.complaint) == (EXIT_INPUT, True)
    said = ran("executor", "check", "texas")
    assert (said.exit_code, "no executor is set up for 'texas'" in said.complaint) == (EXIT_USAGE, True)
    monkeypatch.delenv("MARA_EXECUTORS")
    assert "MARA_EXECUTORS should name a file" in ran("executor", "check", "oslo").complaint


def test_the_sites_of_an_executors_file_are_those_of_the_live_world_before_it_ever_ran(
    miner: tuple[ImitatedMiner, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MARA_FEED", "live")
    monkeypatch.setenv("MARA_FEED_SPEC", str(TRIAL / "sites.toml"))
    table = (tmp_path / "executors.toml").read_text(encoding="utf-8")
    (tmp_path / "executors.toml").write_text(table.replace("oslo", "houston"), encoding="utf-8")
    assert ran("executor", "check", "houston", "--json").report["site"] == "houston"
    (tmp_path / "executors.toml").write_text(table, encoding="utf-8")
    assert "no site 'oslo': name one of texas, houston" in ran("executor", "check", "oslo").complaint


def test_imitated_devices_take_limits_where_the_executors_file_says(
    miner: tuple[ImitatedMiner, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{probe.getsockname()[1]}"
    table = f'[[executor]]\nsite = "oslo"\nkind = "luxos"\nhosts = ["{host}"]\nunit_power_mw = 0.0035\n'
    (tmp_path / "executors.toml").write_text(table, encoding="utf-8")
    told: list[str] = []

    def tried() -> None:
        executor = luxos.luxos_miners([host], 0.0035, CLOCK.monotonic_s)
        executor.apply(executor.state_for(0.0, executor.read()))
        told.extend(str(state) for _, state in executor.read())

    monkeypatch.setattr("mara.cli.imitations.wait_for_the_end", tried)
    said = ran("executor", "imitate", "oslo")
    assert (said.exit_code, told) == (0, ["sleep"])
    assert said.out == f"oslo: 1 of luxos imitated; Ctrl-C ends\n{host}: curtail sleep\n"
    assert "a fault should be one of silent" in ran("executor", "imitate", "oslo", "--fault", "fire").complaint
    (tmp_path / "executors.toml").write_text(table.replace(host, "10.0.0.1"), encoding="utf-8")
    assert "should be at an address of this machine" in ran("executor", "imitate", "oslo").complaint
