"""The README's SPEC builds as described, and docs/import.md lists all layouts."""

import re
import shutil
from datetime import date
from pathlib import Path

import pytest

from mara.feeds.markets.inspection import markdown_lines
from tests.cli.console import ran
from tests.feeds.markets import writers_americas as am
from tests.feeds.markets.rows import rows_of

ROOT = Path(__file__).parents[3]
GOLDEN = Path(__file__).parent / "golden"


def test_the_page_of_layouts_has_the_table_that_the_command_writes() -> None:
    lines = ran("import", "layouts", "--markdown").out.splitlines()
    assert lines == markdown_lines()
    assert "\n".join(lines) in (ROOT / "docs" / "import.md").read_text(encoding="utf-8")


def test_the_readme_names_every_layout_with_what_it_reads() -> None:
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in markdown_lines()[2:]]
    rows = [f"| {row[0]} | {row[1]} | {row[2]} | {row[6]} |" for row in cells]
    assert "\n".join(rows) in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_readmes_spec_and_two_commands_make_a_backtest_of_ercot_and_entsoe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (spec,) = re.findall(r"```toml\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "sites.toml").write_text(spec, encoding="utf-8")
    for name, files in (
        ("NP6-905-CD_RTM_SPP.csv", am.ercot_rtm(rows_of(am.CENTRAL, date(2024, 10, 26), 2, 15))),
        ("NP4-190-CD_DAM_SPP.csv", am.ercot_dam(rows_of(am.CENTRAL, date(2024, 10, 26), 2, 60))),
    ):
        (content,) = files.values()
        hub = re.sub(r".*,LZEW,.*\r\n", "", content.decode()).replace("LZ_WEST,LZ,", "HB_HUBAVG,HU,")
        (tmp_path / name).write_bytes(hub.replace("HB_NORTH", "HB_HUBAVG").encode())
    shutil.copy(GOLDEN / "entsoe-gui" / "autumn-hours-cet" / "GUI_ENERGY_PRICES_CET.csv", tmp_path)
    monkeypatch.chdir(tmp_path)
    built = ran("import", "build", "sites.toml", "--out", "history", "--json").report
    assert (built["from"], built["to"], built["rows"]) == ("2024-10-26T22:00Z", "2024-10-27T23:00Z", 200)
    told = ran("backtest", "--history", "history", "--optimizer", "rules", "--report", "report.html").out
    assert "price of dallas: ERCOT, NP6-905-CD RTM Settlement Point Prices, ercot-rtm-spp" in told
    assert "price of paris: ENTSO-E" in told
    assert (tmp_path / "report.html").is_file()
