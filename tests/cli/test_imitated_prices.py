"""`mara feed imitate`: a live world to try without the internet."""

import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from mara.errors import EXIT_USAGE
from mara.feeds.markets.building.spec import read_spec
from mara.signals.executors.registry import specs_in
from tests.cli.console import ran

TRIAL = Path(__file__).parents[2] / "docs" / "trial"


def test_imitated_prices_are_told_where_the_spec_says_as_the_real_interface_tells_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    trial = (TRIAL / "sites.toml").read_text(encoding="utf-8")
    spec = tmp_path / "sites.toml"
    spec.write_text(trial.replace("127.0.0.1:9200", address), encoding="utf-8")
    monkeypatch.setattr("mara.feeds.live.poller.Poller.pause_s", lambda self, one: 0.0)
    checks = []
    monkeypatch.setattr(
        "mara.cli.imitations.wait_for_the_end", lambda: checks.append(ran("feed", "check", str(spec), "--json"))
    )
    assert ran("feed", "imitate", str(spec)).out.startswith(f"prices of no market, imitated at http://{address}")
    [checked] = checks
    sources = checked.report["sources"]
    assert (checked.exit_code, len(sources)) == (0, 2)
    assert {(one["provider"], one["is_of_this_machine"]) for one in sources} == {
        (f"ercot-dashboard at {address}", True)
    }
    assert all(0.0 <= one["age_minutes"] <= 17.0 for one in sources)


def test_prices_are_imitated_on_this_machine_alone_and_only_where_a_port_is_free(tmp_path: Path) -> None:
    spec = tmp_path / "sites.toml"
    trial = (TRIAL / "sites.toml").read_text(encoding="utf-8")
    spec.write_text(trial.replace('url = "http://127.0.0.1:9200"\n', ""), encoding="utf-8")
    assert "'www.ercot.com' came: use a file for trying" in ran("feed", "imitate", str(spec)).complaint
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        spec.write_text(trial.replace("9200", str(taken.getsockname()[1])), encoding="utf-8")
        said = ran("feed", "imitate", str(spec))
        assert (said.exit_code, "Address already in use" in said.complaint) == (EXIT_USAGE, True)
    spec.write_text(trial.replace("constant = 22.0", 'provider = "open-meteo"'), encoding="utf-8")
    assert "texas weather: open-meteo cannot be imitated" in ran("feed", "imitate", str(spec)).complaint


def test_the_files_to_try_with_name_a_device_of_this_machine_for_a_site_that_has_prices() -> None:
    sites = {site.id for site in read_spec(TRIAL / "sites.toml").site}
    [(place, spec)] = specs_in(TRIAL / "executors.toml", dict.fromkeys(sites, frozenset())).items()
    assert (place, urlsplit(spec.url).hostname) == (("texas", ""), "127.0.0.1")
