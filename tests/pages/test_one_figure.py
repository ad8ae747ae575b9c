"""A figure has one value on all pages, in the API, metrics, exports and tools."""

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from components.shared import format as text
from components.shared.key_figure_history import KeyFigureHistory
from components.shared.view_model import Channel
from mara.api.routes.metrics import FleetCollector, metrics_text
from mara.bootstrap import platform_of
from mara.core.snapshot import Snapshot
from mara.runtime.clock import SystemClock
from mara.runtime.published_state import PublishedState
from mara.settings import Settings
from mara.toolbox import Toolbox
from pages.optimizer import OptimizerScreen
from pages.overview import overview_picture
from tests.api.conftest import FIRST_TICKS, served, wait_for_ticks
from tests.cli.console import ran

LAST_TICK = FIRST_TICKS + 20
BEFORE_MIDNIGHT_TICKS = 9
"""The run begins so late on a day that its first ticks are yesterday's."""


class Everywhere:
    """One tick of one run, as each of these outputs shows it."""

    def __init__(self, client: TestClient, platform: Any, settings: Settings, folder: Path) -> None:
        self.current: PublishedState = platform.publisher.read()
        assert self.current.snapshot is not None
        self.snapshot: Snapshot = self.current.snapshot
        self.api: dict[str, Any] = client.get("/api/snapshot").json()
        overview = overview_picture(self.current, KeyFigureHistory())
        screen = OptimizerScreen(platform)
        optimizer = screen.picture(self.current, KeyFigureHistory())
        self.overview: Channel = overview["cells"]
        self.tiers: Channel = overview["tiers"]
        self.optimizer: Channel = optimizer["cells"]
        said = metrics_text(FleetCollector(platform, SystemClock(), None, lambda: 0)).decode()
        self.metrics = {
            name: float(value)
            for name, value in (line.rsplit(" ", 1) for line in said.splitlines() if not line.startswith("#"))
        }
        box = Toolbox(settings)
        self.mcp: dict[str, Any] = json.loads(json.dumps(box.answer("get_snapshot", {}).content))
        box.close()
        out = folder / "ledger.csv"
        assert ran("export", "ledger", "--out", out, database_url=settings.database_url).exit_code == 0
        with out.open(newline="", encoding="utf-8") as lines:
            self.ledger = [row for row in csv.DictReader(lines) if row["kind"] == "cash"]


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Everywhere]:
    folder = tmp_path_factory.mktemp("one")
    settings = Settings(
        database_url=f"sqlite:///{folder / 'm.db'}", optimizer="rules", speed=1.0, start="2025-07-01T23:15:00Z"
    )
    platform = platform_of(settings)
    with TestClient(served(platform, 8080)) as client:
        wait_for_ticks(client)
        platform.step(LAST_TICK - FIRST_TICKS + 1)
        wait_for_ticks(client, LAST_TICK)
        yield Everywhere(client, platform, settings, folder)


def row_of(row: object) -> dict[str, Any]:
    assert isinstance(row, dict)
    return row


def shown(cell: object) -> str:
    return str(cell["text"] if isinstance(cell, dict) else cell)


def test_every_surface_stands_at_the_same_tick(seen: Everywhere) -> None:
    assert {seen.snapshot.tick, seen.api["tick"], seen.mcp["tick"], int(seen.metrics["mara_tick_seq"])} == {LAST_TICK}


@pytest.mark.parametrize(
    "name",
    [
        "profit_today_usd",
        "profit_total_usd",
        "revenue_total_usd",
        "profit_usd_per_h",
        "revenue_usd_per_h",
        "site_power_mw",
        "renewable_share",
    ],
)
def test_a_figure_is_the_same_number_in_the_api_and_for_assistants(seen: Everywhere, name: str) -> None:
    assert seen.api[name] == getattr(seen.snapshot, name) == pytest.approx(seen.mcp[name], rel=1e-12)


def test_today_s_profit_is_the_ledger_s_on_the_page_of_the_same_tick(seen: Everywhere) -> None:
    whole = -sum(int(row["amount"]) for row in seen.ledger) / 1e6
    today = -sum(int(row["amount"]) for row in seen.ledger if int(row["tick"]) >= BEFORE_MIDNIGHT_TICKS) / 1e6
    assert seen.snapshot.profit_total_usd == pytest.approx(whole, abs=1e-6)
    assert seen.snapshot.profit_today_usd == pytest.approx(today, abs=1e-6)
    assert today != pytest.approx(whole)
    cells = seen.optimizer
    assert (shown(cells["optimizer.today"]), cells["optimizer.today.unit"]) == text.scaled(today, "USD")
    assert cells["optimizer.today.note"] == f"{text.usd_in_short(whole)} since start"
    assert shown(seen.overview["kpi.profit.note"]) == f"{text.usd_in_short(whole)} since start"


def test_revenue_and_power_are_the_same_on_screen_and_in_the_metrics(seen: Everywhere) -> None:
    revenue, power = seen.snapshot.revenue_usd_per_h, seen.snapshot.site_power_mw
    assert seen.metrics["mara_revenue_usd_per_hour"] == revenue
    assert (seen.overview["kpi.revenue"], seen.overview["kpi.revenue.unit"]) == text.scaled(revenue, "USD/h")
    by_site = sum(value for name, value in seen.metrics.items() if name.startswith("mara_site_power_mw"))
    assert by_site == pytest.approx(power)
    assert seen.overview["kpi.power"] == text.significant(power)


def test_contracts_on_target_are_those_whose_row_is(seen: Everywhere) -> None:
    promised = [contract for contract in seen.snapshot.contracts if contract.tier != "spot"]
    target = {tier.tier: tier.target_share for tier in seen.snapshot.tiers}
    kept = [contract for contract in promised if contract.availability_share >= target[contract.tier]]
    assert seen.overview["kpi.contracts"] == str(len(kept))
    assert seen.overview["kpi.contracts.unit"] == f"of {len(promised)}"
    for tier in seen.api["tiers"]:
        mine = [contract for contract in kept if contract.tier == tier["tier"]]
        if tier["tier"] == "spot":
            assert tier["on_target_count"] is None
            assert shown(row_of(seen.tiers["spot"])["on_target"]) == text.NOTHING
            continue
        assert tier["on_target_count"] == len(mine)
        assert shown(row_of(seen.tiers[tier["tier"]])["on_target"]).split()[0] == str(len(mine))
        below = seen.metrics[f'mara_sla_contracts_below_target{{tier="{tier["tier"]}"}}']
        assert below == tier["contracts_count"] - len(mine)


@pytest.mark.parametrize("part", ["climate_usd", "time_zone_usd", "interaction_usd"])
def test_a_gain_is_the_same_number_everywhere(seen: Everywhere, part: str) -> None:
    value = getattr(seen.snapshot.gains, part)
    assert seen.api["gains"][part] == value == pytest.approx(seen.mcp["gains"][part])
    key = f"gain.{part.removesuffix('_usd')}"
    assert whole_usd(seen.optimizer[key]) == pytest.approx(value, abs=1.0)


def test_the_gains_of_placement_add_up_to_what_stands_above_them(seen: Everywhere) -> None:
    gains = seen.snapshot.gains
    whole = gains.climate_usd + gains.time_zone_usd + gains.interaction_usd
    assert shown(seen.optimizer["gain.placement"]) == text.usd(whole, signed=True)
    parts = [whole_usd(seen.optimizer[f"gain.{part}"]) for part in ("climate", "time_zone", "interaction")]
    assert sum(parts) == pytest.approx(whole, abs=1.5)


def whole_usd(cell: object) -> int:
    """Whole dollars as they are shown."""
    return int(re.sub(r"[^\d-]", "", shown(cell).replace("−", "-")))
