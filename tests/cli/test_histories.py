"""Histories shipped with Mara are listed, and accepted by name as folders are."""

from pathlib import Path

import pytest

from mara.errors import FeedInvalid
from mara.feeds.files.history_file import read_history
from mara.feeds.files.shipped_histories import shipped_histories
from tests.cli.console import ran
from tests.feeds.step_histories import write_steps

MARCH = ("--from", "2023-03-01T00:00:00Z", "--to", "2023-03-03T00:00:00Z")


def test_the_list_tells_markets_period_and_where_the_licences_are() -> None:
    found = ran("history", "list", "--json").report["histories"]
    assert [row["name"] for row in found] == ["four_markets_2023"]
    assert found[0]["sites"] == ["dallas-us", "melbourne-au", "saopaulo-br", "sydney-au"]
    assert (found[0]["from"], found[0]["to"]) == ("2023-01-01T00:00Z", "2024-01-01T00:00Z")
    licences = Path(found[0]["licences"]).read_text(encoding="utf-8")
    assert all(source in licences for source in ("ERCOT", "AEMO", "CCEE", "ODbL 1.0", "CC BY 4.0"))


def test_a_backtest_takes_a_shipped_history_by_name_and_gives_what_its_folder_gives() -> None:
    folder = shipped_histories()[0].folder
    named, placed = (
        ran("backtest", "--history", history, "--optimizer", "rules", *MARCH, "--json").report
        for history in ("four_markets_2023", folder)
    )
    assert named["profit_usd"] == placed["profit_usd"] > 0
    assert (named["sites"], named["ticks"]) == (4, 48)


def test_a_misspelt_name_is_refused_with_the_one_that_was_meant() -> None:
    result = ran("backtest", "--history", "four_market_2023", "--optimizer", "rules")
    assert result.exit_code == 3
    assert "did you mean four_markets_2023?" in result.complaint


def test_a_folder_at_hand_wins_over_a_shipped_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "four_markets_2023").mkdir()
    with pytest.raises(FeedInvalid, match="has none: add it"):
        read_history(Path("four_markets_2023"))


LICENCE = (
    "price of west, east: ERCOT, NP6-905-CD, ercot-rtm-spp, rtm.csv; 2 stretches filled; "
    "licence: redistribution in compilations"
)


def test_a_history_is_shown_with_sources_licences_hash_and_what_was_filled(tmp_path: Path) -> None:
    folder = write_steps(tmp_path / "out")
    story = ran("history", "show", folder, "--json").report
    assert (story["step_minutes"], story["steps"], story["filled"], story["is_as_built"]) == (15, 96, 2, True)
    assert story["price_known"] == {"west": "real_time", "east": "day_ahead"}
    assert story["optional_columns"] == ["day_ahead_usd_per_mwh", "reserve_rrs_usd_per_mw_h"]
    assert story["sha256"] == read_history(folder).sha256
    assert story["sources"][0]["licence"] == "redistribution in compilations"
    told = ran("history", "show", folder)
    assert LICENCE in told.out
    assert "west (real_time), east (day_ahead)" in told.out
    assert "note: west price: four quarters of zero" in told.err


def test_a_history_without_provenance_points_to_its_readme_or_says_nothing_of_its_sources(tmp_path: Path) -> None:
    assert "origin and licences: four_markets_2023/README.md" in ran("history", "show", "four_markets_2023").out
    folder = write_steps(tmp_path / "out")
    (folder / "provenance.json").unlink()
    assert "the folder does not say its sources" in ran("history", "show", folder).out


def test_a_backtest_tells_the_sources_of_its_history_in_text_json_and_page(tmp_path: Path) -> None:
    folder = write_steps(tmp_path / "out", step_minutes=60, steps=24)
    page = tmp_path / "report.html"
    words = ("backtest", "--history", folder, "--optimizer", "static")
    assert LICENCE in ran(*words, "--report", page).out
    html = page.read_text(encoding="utf-8")
    assert LICENCE in html
    assert "filled steps: 2" in html
    told = ran(*words, "--json").report["provenance"]
    assert told["sources"][0]["files"] == [{"name": "rtm.csv", "sha256": "0" * 64}]
