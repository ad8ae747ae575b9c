"""The power page: bill, peaks, products, batteries, supply, or no terms at all."""

from dataclasses import replace
from datetime import timedelta

from components.power.bill_panels import part_channel, site_channel
from components.power.flexibility_panels import award_channel, battery_channel, plan_channel
from components.power.peak_panels import demand_channel, hour_channel, risk_channel
from components.power.power_figures import power_cells
from components.power.supply_panel import supply_channel
from components.shared.controls import POWER_LINK, engine_cells
from mara.core.power_snapshot import SitePowerSnapshot
from mara.core.snapshot import Snapshot
from tests.ui.conftest import Screen
from tests.ui.rows import ranked, row_of, text_of
from tests.ui.snapshots import snapshot_at

SNAPSHOT = snapshot_at(600)
TEXAS, OSLO = SNAPSHOT.power
MOST_BYTES_A_TICK = 4_000


def only(site: SitePowerSnapshot) -> dict[str, object]:
    return power_cells(replace(SNAPSHOT, power=(site,)))  # type: ignore[return-value]


def test_the_bill_is_split_by_part_and_what_accrues_stands_beside_the_total() -> None:
    rows = ranked(part_channel(SNAPSHOT))
    assert [key for key, _ in rows] == ["energy", "demand_charge", "reserve_revenue", "total", "accrued"]
    told = {key: (text_of(row["spent"]), text_of(row["end"])) for key, row in rows}
    assert told["energy"] == ("−810 kUSD", "−16.2 MUSD")
    assert told["total"] == ("−1.05 MUSD", "−16.1 MUSD")
    assert told["accrued"] == ("−42.0 kUSD", "")


def test_sites_come_by_the_size_of_their_bill() -> None:
    rows = ranked(site_channel(SNAPSHOT))
    assert [key for key, _ in rows] == ["texas", "oslo"]
    assert text_of(rows[0][1]["products"]) == "18.4 kUSD"


def test_a_forecast_that_is_not_known_yet_is_no_number() -> None:
    young = replace(TEXAS, bill=tuple(replace(part, month_end_usd=None) for part in TEXAS.bill))
    cells = only(young)
    assert (cells["power.end"], cells["power.end.note"]) == ("–", "told after a day")


def test_no_part_of_the_fleet_s_bill_is_forecast_while_a_site_tells_no_forecast() -> None:
    """A sum over the sites that tell one would stand beside what all of them spent."""
    young = replace(OSLO, bill=(replace(OSLO.bill[0], month_end_usd=None),))
    shown = part_channel(replace(SNAPSHOT, power=(TEXAS, young)))
    assert {row_of(row)["end"] for name, row in shown.items() if name != "accrued"} == {"–"}


def test_a_target_is_never_below_the_peak_that_is_billed_anyway() -> None:
    """The plan holds the site down to 1 MW for another charge, of other hours."""
    low = replace(TEXAS.demand_charges[0], target_mw=1.0)
    shown = demand_channel(replace(SNAPSHOT, power=(replace(TEXAS, demand_charges=(low,)),)))
    assert row_of(shown["texas-0"])["target"] == "80.0 MW"


def test_power_above_the_peak_that_is_planned_stands_out_beside_the_rate() -> None:
    shown = row_of(demand_channel(SNAPSHOT)["texas-0"])
    assert (text_of(shown["now"]), shown["target"], shown["rate"]) == ("83.0 MW", "85.0 MW", "3\u202f200 USD/MW")
    above = replace(SNAPSHOT, power=(replace(TEXAS, drawn_mw=86.0),))
    assert row_of(demand_channel(above)["texas-0"])["now"] == {"text": "86.0 MW", "state": "warn"}
    assert row_of(demand_channel(SNAPSHOT)["oslo-0"])["target"] == "–"


def test_peak_risk_is_told_for_the_day_and_by_local_hour() -> None:
    """It is 02:00 UTC: the hours from 15 on begin at 17:00 UTC, noon in Texas."""
    assert list(risk_channel(SNAPSHOT, {})) == ["texas-0"]
    shown = row_of(risk_channel(SNAPSHOT, {})["texas-0"])
    assert (shown["risk"], shown["off"]) == ("60.0 %", "1 of 1")
    assert shown["when"] == {"text": "12:00 CDT", "note": "15.0 %"}
    hours = ranked(hour_channel(SNAPSHOT))
    assert [row["label"] for _, row in hours[14:16]] == ["16:00 UTC", "17:00 UTC"]
    assert [row["risk"] for _, row in hours[14:16]] == [0.0, 15.0]


def test_a_call_is_told_with_its_end_and_what_comes_short() -> None:
    shown = row_of(award_channel(SNAPSHOT)["texas ers_30"])
    until = f"{SNAPSHOT.at + timedelta(minutes=30):%H:%M} UTC"
    assert shown["now"] == {"text": f"30.0 MW called until {until}", "state": "bad", "note": "28.5 MW stay away"}
    assert only(TEXAS)["power.sold.note"] == {"text": f"30.0 MW called until {until}", "state": "warn"}
    assert row_of(award_channel(SNAPSHOT)["oslo"])["headroom"] == "20.0 MW"


def test_a_battery_is_told_with_what_it_does_and_will_do_next() -> None:
    (shown,) = [row_of(row) for row in battery_channel(SNAPSHOT).values()]
    assert shown["stored"] == {"text": "24.0 of 40.0 MWh", "share": 0.6}
    assert (shown["now"], shown["next"]) == ("charge 4.0 MW", "rest from 23:00 CDT")
    assert [row["mw"] for _, row in ranked(plan_channel(SNAPSHOT))] == [-4.0, -4.0, 0.0, 12.5]


def test_a_contract_s_shape_is_24_blocks_and_is_said_in_words() -> None:
    block, collar, annual = (row_of(row) for row in supply_channel(SNAPSHOT).values())
    assert (len(block["blocks"]), block["now"]) == (24, 21.0)
    assert block["told"] == "0 to 6 h: 0.0 MW; 6 to 22 h: 20.0 MW; 22 to 24 h: 0.0 MW"
    assert collar["price"] == "15.00 to 90.00 USD/MWh"
    assert row_of(annual["taken"])["share"] == 0.25
    assert row_of(annual["taken"])["note"] == "14\u202f200 MWh were due by now"


def test_hours_off_for_peaks_stand_beside_the_most_that_a_season_should_have() -> None:
    shown = row_of(risk_channel(SNAPSHOT, {"texas": 12.5})["texas-0"])
    assert shown["hours"] == {"text": "12.5 h", "note": "of 60 h"}
    assert row_of(risk_channel(SNAPSHOT, {"texas": 61.0})["texas-0"])["hours"]["state"] == "warn"
    assert row_of(risk_channel(SNAPSHOT, {})["texas-0"])["hours"] == "–"


def test_coincident_peaks_of_several_charges_stand_one_by_one() -> None:
    second = replace(TEXAS.coincident_charges[0], usd_per_mw=500.0, month_numbers=tuple(range(1, 13)), peaks_met=None)
    both = replace(TEXAS, coincident_charges=(TEXAS.coincident_charges[0], second))
    rows = ranked(risk_channel(replace(SNAPSHOT, power=(both,)), {"texas": 12.5}))
    assert [row["cost"] for _, row in rows] == ["17\u202f500 USD", "500 USD"]
    assert [row["site"]["note"] for _, row in rows] == ["Jun, Jul, Aug, Sep", "all months"]
    assert (rows[1][1]["off"], rows[1][1]["risk"], rows[1][1]["hours"]) == ("–", "", "")


def test_a_fleet_without_an_instrument_is_told_so() -> None:
    cells = only(OSLO)
    assert [cells[f"power.{key}.note"] for key in ("risk", "battery")] == ["no coincident peaks", "no battery"]
    bare = replace(SNAPSHOT, power=(OSLO,))
    assert award_channel(bare) == battery_channel(bare) == plan_channel(bare) == supply_channel(bare) == {}
    assert risk_channel(bare, {}) == hour_channel(bare) == {}


async def test_the_page_follows_the_ticks_in_few_bytes(screen: Screen) -> None:
    await screen.open("/power")
    assert screen.text_of("power.sold") == "42.0"
    screen.platform.advance()
    changes = await screen.after_a_look()
    assert "bill" in changes
    assert len(str(changes)) < MOST_BYTES_A_TICK


async def test_a_fleet_without_power_terms_is_told_how_to_describe_them(screen: Screen) -> None:
    await screen.open("/sla")
    assert any(link.props["href"] == "/power" for link in screen.user.find("Power").elements)
    screen.platform.publisher.publish(replace(SNAPSHOT, power=()))
    await screen.open("/power")
    await screen.user.should_see("This fleet buys power at its price alone")
    await screen.user.should_see("MARA_FLEET=texas_contract mara run")
    await screen.open("/sla")
    await screen.user.should_not_see("Power")


def test_the_link_to_the_page_comes_with_the_first_tick_of_a_fleet_that_has_terms() -> None:
    def link(snapshot: Snapshot | None) -> object:
        return engine_cells("running", "", 1.0, snapshot)[POWER_LINK]

    assert (link(None), link(replace(SNAPSHOT, power=())), link(SNAPSHOT)) == ("", "", "Power")
