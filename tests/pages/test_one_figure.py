"""A figure has one value on all pages, in the API, metrics, exports and tools."""

import asyncio
import csv
import json
import re
from collections.abc import Iterator
from datetime import datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from components.ahead.what_if_panel import answer_of
from components.alerts.alert_strip import alert_cells
from components.forecast.forecast_panels import price_channel
from components.money.gain_panels import POLICIES
from components.money.money_kinds import KINDS
from components.operations.operation_panels import site_channel
from components.overview.site_map import map_channel
from components.shared import format as text
from components.shared.key_figure_history import KeyFigureHistory
from components.shared.view_model import Channel
from components.site.site_panels import site_cells
from components.time_range.chart_range import ChartRange
from mara.api.routes.metrics import FleetCollector, metrics_text
from mara.bootstrap import platform_of
from mara.core.snapshot import Snapshot
from mara.core.what_if import WhatIfRequest
from mara.runtime.clock import SystemClock
from mara.runtime.published_state import PublishedState
from mara.settings import Settings
from mara.toolbox import Toolbox
from pages.ahead.calendar import CalendarScreen
from pages.money.money_screen import MoneyScreen
from pages.optimizer import OptimizerScreen
from pages.overview import overview_picture
from tests.api.conftest import FIRST_TICKS, served, wait_for_ticks
from tests.cli.console import ran

LAST_TICK = FIRST_TICKS + 20
BEFORE_MIDNIGHT_TICKS = 9
"""Ticks before midnight: the run's first ticks belong to yesterday."""


class Surfaces:
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
        self.against: Channel = optimizer["against"]
        money = MoneyScreen(platform, ChartRange())
        asyncio.run(money.renew())
        self.money = money.picture(self.current, KeyFigureHistory())
        self.site_table = list(csv.DictReader(StringIO(client.get("/api/sites.csv").text)))
        screen_of_days = CalendarScreen(platform)
        asyncio.run(screen_of_days.renew())
        self.calendar = screen_of_days.picture(self.current, KeyFigureHistory())
        self.exclusions: list[dict[str, Any]] = client.get("/api/exclusions").json()
        self.contract_table = list(csv.DictReader(StringIO(client.get("/api/contracts.csv?state=live").text)))
        self.operations = site_channel(self.snapshot, ())
        self.alerts: list[dict[str, Any]] = client.get("/api/alerts").json()
        asked = {"hashprice_change_share": -0.3}
        self.what_if: dict[str, Any] = client.post("/api/what-if", json=asked).json()
        assert client.portal is not None
        found = client.portal.call(platform.what_if, WhatIfRequest(token_price_change_share=-0.3))
        self.what_if_page: Any = answer_of(found, {})
        run = {"database_url": settings.database_url, "optimizer": "rules", "start": "2025-07-01T23:15:00Z"}
        here = ran("what-if", "--hashprice-change-share", "-0.3", "--json", **run)
        self.what_if_told: dict[str, Any] = here.report
        self.gains: list[dict[str, Any]] = client.get("/api/gains").json()
        self.rest_ledger: dict[str, Any] = client.get("/api/ledger").json()
        self.day_table = list(csv.DictReader(StringIO(client.get("/api/ledger.csv").text)))
        self.site_rest = {site["id"]: client.get(f"/api/ledger?site={site['id']}").json() for site in self.api["sites"]}
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
        self.answered = ran(
            "why", "What did the fleet earn so far?", "--json", database_url=settings.database_url
        ).report
        with out.open(newline="", encoding="utf-8") as lines:
            self.ledger = [row for row in csv.DictReader(lines) if row["kind"] == "cash"]


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Surfaces]:
    folder = tmp_path_factory.mktemp("one")
    settings = Settings(
        database_url=f"sqlite:///{folder / 'm.db'}", optimizer="rules", speed=1.0, start="2025-07-01T23:15:00Z"
    )
    platform = platform_of(settings)
    with TestClient(served(platform, 8080)) as client:
        wait_for_ticks(client)
        site_id = client.get("/api/snapshot").json()["contracts"][0]["site_id"]
        order = {"action": "maintenance", "site_id": site_id, "reason": "pump"}
        times = {"from": "2025-07-05T02:00:00Z", "to": "2025-07-05T03:00:00Z"}
        assert client.post("/api/control", json=order | times).status_code == 200
        platform.step(LAST_TICK - FIRST_TICKS + 1)
        wait_for_ticks(client, LAST_TICK)
        yield Surfaces(client, platform, settings, folder)


def row_of(row: object) -> dict[str, Any]:
    assert isinstance(row, dict)
    return row


def shown(cell: object) -> str:
    return str(cell["text"] if isinstance(cell, dict) else cell)


def test_every_surface_stands_at_the_same_tick(seen: Surfaces) -> None:
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
def test_a_figure_is_the_same_number_in_the_api_and_for_assistants(seen: Surfaces, name: str) -> None:
    assert seen.api[name] == getattr(seen.snapshot, name) == pytest.approx(seen.mcp[name], rel=1e-12)


def test_today_s_profit_is_the_ledger_s_on_the_page_of_the_same_tick(seen: Surfaces) -> None:
    whole = -sum(int(row["amount"]) for row in seen.ledger) / 1e6
    today = -sum(int(row["amount"]) for row in seen.ledger if int(row["tick"]) >= BEFORE_MIDNIGHT_TICKS) / 1e6
    assert seen.snapshot.profit_total_usd == pytest.approx(whole, abs=1e-6)
    assert seen.snapshot.profit_today_usd == pytest.approx(today, abs=1e-6)
    assert today != pytest.approx(whole)
    cells = seen.optimizer
    assert (shown(cells["optimizer.today"]), cells["optimizer.today.unit"]) == text.scaled(today, "USD")
    assert cells["optimizer.today.note"] == f"since 00:00 UTC; {text.usd_in_short(whole)} since the run began"
    assert shown(seen.overview["kpi.profit.note"]) == f"{text.usd_in_short(whole)} since start"


def test_revenue_and_power_are_the_same_on_screen_and_in_the_metrics(seen: Surfaces) -> None:
    revenue, power = seen.snapshot.revenue_usd_per_h, seen.snapshot.site_power_mw
    assert seen.metrics["mara_revenue_usd_per_hour"] == revenue
    assert (seen.overview["kpi.revenue"], seen.overview["kpi.revenue.unit"]) == text.scaled(revenue, "USD/h")
    by_site = sum(value for name, value in seen.metrics.items() if name.startswith("mara_site_power_mw"))
    assert by_site == pytest.approx(power)
    assert seen.overview["kpi.power"] == text.significant(power)


def test_contracts_on_target_are_those_whose_row_is(seen: Surfaces) -> None:
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
def test_a_gain_is_the_same_number_everywhere(seen: Surfaces, part: str) -> None:
    value = getattr(seen.snapshot.gains, part)
    assert seen.api["gains"][part] == value == pytest.approx(seen.mcp["gains"][part])
    key = f"gain.{part.removesuffix('_usd')}"
    assert whole_usd(seen.optimizer[key]) == pytest.approx(value, abs=1.0)


def test_the_gains_of_placement_add_up_to_what_stands_above_them(seen: Surfaces) -> None:
    gains = seen.snapshot.gains
    whole = gains.climate_usd + gains.time_zone_usd + gains.interaction_usd
    assert shown(seen.optimizer["gain.placement"]) == text.usd(whole, signed=True)
    parts = [whole_usd(seen.optimizer[f"gain.{part}"]) for part in ("climate", "time_zone", "interaction")]
    assert sum(parts) == pytest.approx(whole, abs=1.5)


def whole_usd(cell: object) -> int:
    """Whole dollars as they are shown."""
    return int(re.sub(r"[^\d-]", "", shown(cell).replace("−", "-")))


def cents(cell: object) -> int:
    """Cents as they are shown."""
    return round(float(shown(cell).replace("\u202f", "").replace("−", "-")) * 100)


def test_the_ledger_has_one_profit_on_every_surface_to_the_micro_dollar(seen: Surfaces) -> None:
    profit = sum(line["amount_micro_usd"] for line in seen.rest_ledger["money"])
    assert profit == -seen.rest_ledger["cash_micro_usd"] == -sum(int(row["amount"]) for row in seen.ledger)
    assert profit == sum(int(row["amount_micro_usd"]) for row in seen.day_table)
    assert profit == -sum(site["cash_micro_usd"] for site in seen.site_rest.values())
    for bars in ("money-kinds", "money-sites"):
        points = [row_of(point) for point in seen.money[bars].values()]
        assert sum(round(point["total"] * 1e6) for point in points) == profit
        drawn = (round(usd * 1e6) for point in points for key, usd in point.items() if key != "total")
        assert sum(drawn) == profit
    assert seen.snapshot.profit_total_usd == pytest.approx(profit / 1e6, abs=1e-6)
    whole = cents(row_of(seen.money["money-lines"]["total"])["usd"])
    assert whole == cents(row_of(seen.money["money-by-site"]["total"])["profit"]) == round(profit / 1e4)


def test_a_site_has_the_same_revenue_and_profit_on_the_money_page_and_over_the_api(seen: Surfaces) -> None:
    for site in seen.api["sites"]:
        row = row_of(seen.money["money-by-site"][site["id"]])
        profit = -seen.site_rest[site["id"]]["cash_micro_usd"]
        assert cents(row["profit"]) == pytest.approx(profit / 1e4, abs=1)
        assert cents(row["revenue"]) + cents(row["cost"]) == cents(row["profit"])


def test_a_site_s_figures_are_the_same_in_the_table_on_its_page_on_the_map_and_in_the_forecast(seen: Surfaces) -> None:
    assert seen.current.forecast is not None
    on_map, prices = map_channel(seen.snapshot), price_channel(seen.snapshot, seen.current.forecast)
    for site, told, line in zip(seen.snapshot.sites, seen.api["sites"], seen.site_table, strict=True):
        page = site_cells(site, seen.snapshot, seen.current.forecast)
        price, power, profit = site.energy_price_usd_per_mwh, site.site_power_mw, site.profit_usd_per_h
        names = ("energy_price_usd_per_mwh", "site_power_mw", "profit_usd_per_h")
        assert [told[name] for name in names] == [float(line[name]) for name in names] == [price, power, profit]
        assert shown(page["site.price"]) == shown(row_of(prices[site.id])["now"]) == text.number(price, 1)
        assert shown(page["site.power"]) == text.number(power, 1)
        assert (shown(page["site.profit"]), page["site.profit.unit"]) == text.scaled(profit, "USD/h")
        row = row_of(on_map[site.id])
        drawn = (row["price_usd_per_mwh"], row["power_mw"], row["profit_usd_per_h"])
        assert drawn == pytest.approx((price, power, profit), abs=0.5)
        assert text.number(float(str(drawn[0])), 1) == text.number(price, 1)


def test_each_kind_of_the_money_page_is_the_sum_of_its_lines_over_the_api(seen: Surfaces) -> None:
    told = {
        line["kind"] + ("_" + line["tier"] if line["tier"] else ""): line["amount_micro_usd"]
        for line in seen.rest_ledger["money"]
    }
    for kind in KINDS:
        whole = sum(told[line.name.lower()] for line in kind.lines)
        points = (row_of(point).get(kind.key, 0.0) for point in seen.money["money-kinds"].values())
        assert sum(round(usd * 1e6) for usd in points) == whole


def test_today_s_profit_and_gains_are_the_same_on_both_pages_and_over_the_api(
    seen: Surfaces,
) -> None:
    money, optimizer = seen.money["cells"], seen.optimizer
    assert (shown(money["money.today"]), money["money.today.unit"]) == (
        shown(optimizer["optimizer.today"]),
        optimizer["optimizer.today.unit"],
    )
    *over, today = seen.gains
    assert [day["is_over"] for day in over] == [True]
    rows = {
        "vs_rules": "rules",
        "vs_static_breakeven": "static-breakeven",
        "vs_static": "static",
        "sla_flexibility": "flexibility",
    }
    table = row_of(seen.money["gain-days"][today["day"][:10]])
    bars = row_of(seen.money["gain-bars"][str(int(datetime.fromisoformat(today["day"]).timestamp()))])
    for field, _, _ in POLICIES:
        gain_usd = today[f"{field}_micro_usd"] / 1e6
        row = row_of(seen.against[rows[field]])
        assert bars[field] == gain_usd
        assert whole_usd(table[field]) == whole_usd(row["today"]) == round(gain_usd)
        since_usd = sum(day[f"{field}_micro_usd"] for day in seen.gains) / 1e6
        assert whole_usd(row["since"]) == round(since_usd)


def test_a_contract_ends_at_one_time_and_with_one_power_on_the_calendar_over_the_api_and_in_the_file(
    seen: Surfaces,
) -> None:
    calendar = seen.calendar["calendar-contracts"]
    days = seen.calendar["calendar-days"]["labels"]
    assert isinstance(days, list)
    for contract, told, line in zip(
        sorted(seen.snapshot.contracts, key=lambda one: one.id),
        sorted(seen.api["contracts"], key=lambda one: str(one["id"])),
        sorted(seen.contract_table, key=lambda one: one["contract_id"]),
        strict=True,
    ):
        assert (
            datetime.fromisoformat(told["ends_at"]) == datetime.fromisoformat(line["ends_at_utc"]) == contract.ends_at
        )
        assert told["power_mw"] == float(line["power_mw"]) == contract.power_mw
        day = (contract.ends_at.date() - seen.snapshot.at.date()).days
        if day >= len(days):
            continue
        entries = [entry["text"] for entry in row_of(calendar[contract.id])["days"][day] if entry["kind"] == "ends"]
        name = f"{contract.customer} ({contract.id})"
        ends = f"{text.utc_time(contract.ends_at)} {name} ends, {contract.tier}, {text.mw(contract.power_mw)}"
        assert entries == [ends]


def test_what_is_announced_is_the_same_on_the_calendar_in_the_list_and_over_the_api(seen: Surfaces) -> None:
    assert seen.exclusions
    (listed,) = (row_of(row) for row in seen.calendar["announced"].values())
    count = f"{len(seen.exclusions)} {'contract' if len(seen.exclusions) == 1 else 'contracts'}"
    assert listed["contracts"] == count
    assert {one["row"]["starts_at"][:16] for one in seen.exclusions} == {"2025-07-05T02:00"}
    assert listed["when"] == "5 Jul 2025 02:00 UTC to 5 Jul 2025 03:00 UTC"
    (by_site,) = (
        entry["text"]
        for row in seen.calendar["calendar-sites"].values()
        for entries in row_of(row)["days"]
        for entry in entries
        if entry["kind"] == "maintenance"
    )
    assert by_site.startswith("02:00 to 03:00 maintenance: pump")
    assert by_site.endswith(f"({count})")


def test_a_what_if_has_one_present_plan_whatever_is_asked_and_wherever(seen: Surfaces) -> None:
    profit_usd = seen.what_if["profit_now_usd"]
    assert seen.what_if_told["profit_now_usd"] == pytest.approx(profit_usd, rel=1e-9)
    assert seen.what_if_told["profit_changed_usd"] == pytest.approx(seen.what_if["profit_changed_usd"], rel=1e-9)
    assert seen.what_if["tick"] == seen.what_if_told["tick"] == LAST_TICK + 1
    assert seen.what_if_page["profits"].startswith(f"{text.usd(profit_usd)} as it is, ")


def test_power_and_alerts_are_the_same_on_operations_in_the_head_and_over_the_api(seen: Surfaces) -> None:
    for site in seen.api["sites"]:
        assert row_of(seen.operations[site["id"]])["planned"] == text.mw(site["site_power_mw"])
    cells = alert_cells(seen.current.alerts, str(seen.current.state))
    still_open = [alert for alert in seen.alerts if alert["state"] == "open"]
    assert shown(cells["alerts-open"]) == (text.number(len(still_open)) if still_open else "")


def test_an_answer_of_the_command_line_tells_the_profit_of_the_pages(seen: Surfaces) -> None:
    facts = {fact["label"].partition(",")[0]: fact["text"] for fact in seen.answered["facts"]}
    assert facts["Profit of the fleet"] == text.usd(sum(map(cash_of, seen.ledger)))
    assert whole_usd(facts["Profit of the fleet"]) == round(
        cents(row_of(seen.money["money-lines"]["total"])["usd"]) / 100
    )


def cash_of(row: dict[str, str]) -> float:
    """Profit of a ledger's row of cash [USD]."""
    return -int(row["amount"]) / 1e6
