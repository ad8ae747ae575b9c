"""Tables of a site: machines, contracts, ledger, decisions, other sites."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from math import asin, cos, radians, sin, sqrt

from components.shared import format as text
from components.shared.live import LiveTable, TableColumn, live_text
from components.shared.optimizer_labels import maker_of
from components.shared.theme import panel, scroll
from components.shared.view_model import Channel, Row, cell
from components.sla.sla_panel import CONTRACT_COLUMNS, contract_channel
from mara.core.history import Decision, LedgerSum
from mara.core.ledger_words import line_label
from mara.core.snapshot import EventSnapshot, InventorySnapshot, SiteSnapshot, Snapshot

MOST_DECISIONS = 100
MOST_OTHERS = 30
EARTH_RADIUS_KM = 6_371
MICRO_USD_PER_CENT = 10_000
EVENTS_A_TICK = 1_000
MACHINE_LABELS = {
    "air_miner": "Air miners",
    "hydro_miner": "Hydro miners",
    "immersion_miner": "Immersion miners",
    "gpu": "GPU servers",
    "asic": "ASIC racks",
}
MACHINE_COLUMNS = (
    TableColumn(key="machine", label="Machine"),
    TableColumn(key="units", label="Units", look="number"),
    TableColumn(key="online", label="Online", look="number", hint="Units that an outage has not taken away."),
    TableColumn(
        key="derated", label="Derated", look="number", hint="Units that run below their nameplate because of heat."
    ),
    TableColumn(key="used", label="Used", look="number", hint="Power drawn, of the nameplate of all units."),
)
HERE_COLUMNS = tuple(column for column in CONTRACT_COLUMNS if column.key != "site")
"""Columns of the overview's contracts, without the site, which is this one."""
LEDGER_COLUMNS = (
    TableColumn(key="line", label="Line", look="grow"),
    TableColumn(key="usd", label="USD", look="number"),
)
DECISION_COLUMNS = (
    TableColumn(key="when", label="UTC"),
    TableColumn(key="what", label="What happened and why", look="grow"),
    TableColumn(key="teller", label="From", look="teller", hint="Whose plan gave the reason, or an event."),
)
OTHER_COLUMNS = (
    TableColumn(key="site", label="Site", look="grow"),
    TableColumn(key="away", label="km", look="number", hint="Great-circle distance."),
    TableColumn(key="price", label="USD/MWh", look="number"),
    TableColumn(key="power", label="MW", look="number", hint="Site power now."),
)


def machines_panel(first: Channel) -> None:
    """Draw the inventory; `machine_channel` states its content."""
    with panel("Machines", "overflow"):
        LiveTable("machines", columns=MACHINE_COLUMNS, caption="Machines", empty="No machines stand here.", first=first)


def contracts_panel(first: Channel) -> None:
    """Draw the contracts that run here; `here_channel` states its content."""
    with panel("Contracts here"), scroll("Contracts here, most in danger first"):
        empty = "No contract runs here now. They come when this is the cheapest place that can keep their promise."
        LiveTable("here", columns=HERE_COLUMNS, caption="Contracts here", empty=empty, first=first)


def ledger_panel(first: Channel, cells: Channel) -> None:
    """Draw the day's ledger; `ledger_channel` states its content."""
    how = "Every posted line of this site since 00:00 UTC. Income is positive, cost negative; they add up to the cent."
    with panel("Ledger of the day", "", how):
        live_text("ledger.since", {"ledger.since": "", **cells}, "note", "p")
        LiveTable(
            "ledger", columns=LEDGER_COLUMNS, caption="Ledger of the day", empty="Nothing is posted yet.", first=first
        )


def decisions_panel(first: Channel) -> None:
    """Draw the decisions about this site and its events, newest first."""
    with panel("Decisions and events", "told"), scroll("Decisions and events, newest first"):
        LiveTable(
            "decisions",
            columns=DECISION_COLUMNS,
            caption="Decisions and events here, newest first",
            empty="Nothing yet: curtailment, moves, outages and contracts here are told with their reason.",
            first=first,
        )


def others_panel(first: Channel) -> None:
    """Draw the other sites, the nearest first."""
    with panel("Other sites"), scroll("Other sites, the nearest first"):
        LiveTable(
            "others", columns=OTHER_COLUMNS, caption="Other sites, the nearest first", empty="No others.", first=first
        )


def machine_channel(site: SiteSnapshot) -> Channel:
    """Return a row for each kind of machine that stands here."""
    standing = [machines for machines in site.inventory if machines.units_count]
    return {machines.workload: _machine_row(machines, -i) for i, machines in enumerate(standing)}


def here_channel(site: SiteSnapshot, snapshot: Snapshot) -> Channel:
    """Return a row for each contract that runs here, without its site."""
    mine = tuple(contract for contract in snapshot.contracts if contract.site_id == site.id and contract.served)
    rows = contract_channel(replace(snapshot, contracts=mine))
    for row in rows.values():
        if isinstance(row, dict):
            del row["site"]
    return rows


def ledger_channel(sums: Iterable[LedgerSum]) -> Channel:
    """Return a row for each ledger line and their total, exact to the cent."""
    posted = [line for line in sums if line.amount_micro_usd]
    if not posted:
        return {}
    cents = cents_that_add_up([line.amount_micro_usd for line in posted])
    rows: Channel = {
        line.kind: {"rank": -i, "line": line_label(line.kind), "usd": text.number(cent / 100, 2)}
        for i, (line, cent) in enumerate(zip(posted, cents, strict=True))
    }
    total = sum(cents)
    state = "bad" if total < 0 else "total"
    shown = cell(text.number(total / 100, 2), state)
    return {**rows, "total": {"rank": -len(posted), "line": cell("Profit", "total"), "usd": shown}}


def ledger_cells(since: datetime, until: datetime) -> Channel:
    """Return the period that the ledger covers."""
    return {"ledger.since": f"{since.day} {since:%b %H:%M} UTC to {until.day} {until:%b %H:%M} UTC"}


def decision_channel(told: Iterable[Decision | EventSnapshot]) -> Channel:
    """Return a row for each sentence, keyed by tick and order in it.

    A sentence that is both stored and in the snapshot is shown once.
    """
    sentences = {(one.tick, one.text): one for one in told}
    rows: Channel = {}
    place_in_tick: dict[int, int] = {}
    for one in sorted(sentences.values(), key=lambda one: one.tick)[-MOST_DECISIONS:]:
        place = place_in_tick[one.tick] = place_in_tick.get(one.tick, -1) + 1
        rank = (one.tick + 1) * EVENTS_A_TICK - place
        when = f"{one.at.day} {one.at:%b %H:%M}"
        rows[f"{one.tick}.{place}"] = {
            "rank": rank,
            "when": when,
            "what": cell(text.sentence(one.text), one.severity),
            "teller": _teller(one),
        }
    return rows


def other_channel(site: SiteSnapshot, snapshot: Snapshot) -> Channel:
    """Return a row for each of the nearest other sites, with a link to its page."""
    others = [(distance_km(site, other), other) for other in snapshot.sites if other.id != site.id]
    nearest = sorted(others, key=lambda pair: pair[0])[:MOST_OTHERS]
    return {other.id: _other_row(other, away) for away, other in nearest}


def distance_km(one: SiteSnapshot, other: SiteSnapshot) -> float:
    """Return the great-circle distance by the haversine formula [km].

    https://en.wikipedia.org/wiki/Haversine_formula
    """
    lat, other_lat = radians(one.lat_deg), radians(other.lat_deg)
    half_lat, half_lon = (other_lat - lat) / 2, radians(other.lon_deg - one.lon_deg) / 2
    chord = sin(half_lat) ** 2 + cos(lat) * cos(other_lat) * sin(half_lon) ** 2
    return 2 * EARTH_RADIUS_KM * asin(sqrt(min(1.0, chord)))


def _machine_row(machines: InventorySnapshot, rank: int) -> Row:
    lost, hot = machines.online_count < machines.units_count, machines.derated_count > 0
    return {
        "rank": rank,
        "machine": MACHINE_LABELS.get(machines.workload, machines.workload),
        "units": text.number(machines.units_count),
        "online": cell(text.number(machines.online_count), "warn" if lost else ""),
        "derated": cell(text.number(machines.derated_count), "warn" if hot else ""),
        "used": cell(text.percent(machines.used_share, 0), "good", machines.used_share),
    }


def _other_row(other: SiteSnapshot, distance_km: float) -> Row:
    return {
        "rank": -round(distance_km),
        "site": cell(other.name, href=f"/sites/{other.id}"),
        "away": text.number(distance_km),
        "price": text.number(other.energy_price_usd_per_mwh, 1),
        "power": text.number(other.site_power_mw, 1),
    }


def _teller(one: Decision | EventSnapshot) -> str:
    optimizer = one.optimizer if isinstance(one, Decision) else ""
    return maker_of(optimizer) if optimizer else "Event"


def cents_that_add_up(amounts_micro_usd: list[int]) -> list[int]:
    """Return whole cents that add up to the rounded total.

    The largest remainders are rounded up.
    """
    cents = [amount // MICRO_USD_PER_CENT for amount in amounts_micro_usd]
    missing = round(sum(amounts_micro_usd) / MICRO_USD_PER_CENT) - sum(cents)
    remainders = sorted(range(len(cents)), key=lambda i: -(amounts_micro_usd[i] % MICRO_USD_PER_CENT))
    for i in remainders[:missing]:
        cents[i] += 1
    return cents
