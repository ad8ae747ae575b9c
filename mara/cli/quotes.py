"""The commands `quote` and `what-if`: the stored run with a contract or changes."""

from dataclasses import asdict
from typing import Annotated, Any

import typer

from mara.api.routes.json_values import json_value, plain_of
from mara.assembly.runs import read_only_run
from mara.cli.app import app
from mara.cli.report import show
from mara.core.commands import Book
from mara.core.contract import TierKey
from mara.core.history import OptimizationSnapshot
from mara.core.quote import Quote, QuoteRequest
from mara.core.what_if import WhatIf, WhatIfRequest
from mara.errors import EXIT_USAGE, CommandError
from mara.runtime.clock import SystemClock
from mara.runtime.live.quote_desk import quote_now
from mara.runtime.live.what_if_desk import what_if_now
from mara.settings import Settings, read_settings
from mara.store.backends.database import database_of
from mara.store.read.optimizations import optimizations
from mara.store.read.order_list import waiting_bookings
from mara.store.read.read_model import ReadModel

PRICES = (
    "price_usd_per_mwh",
    "marginal_cost_usd_per_mwh",
    "dual_cost_usd_per_mwh",
    "exact_cost_usd_per_mwh",
    "charge_usd",
)


@app.command()
def quote(
    *,
    tier: Annotated[TierKey, typer.Option(help="What is promised.")],
    power_mw: Annotated[float, typer.Option(help="IT power on inference racks.")],
    hours: Annotated[float, typer.Option(help="How long, from the next tick on.")],
    customer: Annotated[str, typer.Option(help="Who asks.")] = "",
    region: Annotated[str, typer.Option(help="americas, europe or asia-pacific: whose calendar months count.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Price a contract against the stored run, which is only read.

    Without a run, prices are those of its start. A contract that cannot be served gets no price; the exit code is 2.
    """
    engine, record = read_only_run(read_settings())
    clock = SystemClock()
    started_s = clock.monotonic_s()
    offer = quote_now(
        engine, record, QuoteRequest(tier=tier, power_mw=power_mw, duration_h=hours, customer=customer, region=region)
    )
    plain = {**plain_of(offer), "id": None, "wall_s": clock.monotonic_s() - started_s}
    if offer.refusal:
        plain |= dict.fromkeys(PRICES)  # a contract that cannot be served has no price
    show(plain if as_json else _summary(offer, plain), as_json=as_json)
    if offer.refusal:
        raise typer.Exit(EXIT_USAGE)


def _summary(offer: Quote, plain: dict[str, Any]) -> dict[str, Any]:
    """Summarise an offer: its terms, price and risk, or why there is none."""
    landing, risk = offer.landing, offer.risk
    said: dict[str, Any] = {name: plain[name] for name in ("tier", "power_mw", "duration_h", "starts_at", "ends_at")}
    if not offer.refusal:
        said |= {name: plain[name] for name in (*PRICES[:1], "list_price_usd_per_mwh", *PRICES[1:], "priced_h")}
    if landing is not None:
        said |= {"site": landing.site_name, "why there": landing.why}
    if risk is not None:
        said["bad_ticks expected of budget"] = f"{risk.bad_ticks:.1f} of {risk.budget_ticks}"
        said["probability of missing the promise"] = f"{risk.miss_share:.1%}"
    if offer.refusal:
        said["refused"] = offer.refusal
        said |= {f"instead, {other.kind}": other.text for other in offer.alternatives}
    return said


@app.command("what-if")
def what_if(
    *,
    price_change_share: Annotated[float, typer.Option(help="Part of each price of power that is added to it.")] = 0.0,
    price_change_usd_per_mwh: Annotated[float, typer.Option(help="Added to each price of power after that.")] = 0.0,
    price_site: Annotated[str, typer.Option(help="Site whose power changes; left out: all.")] = "",
    hashprice_change_share: Annotated[float, typer.Option(help="Part of the hashprice that is added to it.")] = 0.0,
    token_price_change_share: Annotated[float, typer.Option(help="Part of the token price that is added to it.")] = 0.0,
    off: Annotated[list[str] | None, typer.Option(help="Site that stands still; may be repeated.")] = None,
    tier: Annotated[TierKey | None, typer.Option(help="Tier of one more contract.")] = None,
    power_mw: Annotated[float | None, typer.Option(help="Its IT power.")] = None,
    hours: Annotated[float | None, typer.Option(help="How long it runs, from the next tick on.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Compare the best plan of the stored run with one under changes.

    The run is only read, also while it is running; the answer is that of the page and of POST /api/what-if.
    """
    asked = WhatIfRequest(
        price_change_share=price_change_share,
        price_change_usd_per_mwh=price_change_usd_per_mwh,
        price_site_id=price_site,
        hashprice_change_share=hashprice_change_share,
        token_price_change_share=token_price_change_share,
        off_site_ids=tuple(off or ()),
        contract=_contract_of(tier, power_mw, hours),
    )
    settings = read_settings()
    engine, _ = read_only_run(settings)
    found = what_if_now(engine, asked, *_stored_before(settings))
    show(json_value(asdict(found)) if as_json else _difference(found), as_json=as_json)


def _contract_of(tier: TierKey | None, power_mw: float | None, hours: float | None) -> QuoteRequest | None:
    given = (tier, power_mw, hours)
    if given == (None, None, None):
        return None
    if tier is None or power_mw is None or hours is None:
        missing = [
            name for name, value in zip(("--tier", "--power-mw", "--hours"), given, strict=True) if value is None
        ]
        raise CommandError(f"one more contract has --tier, --power-mw and --hours, {', '.join(missing)} is missing")
    return QuoteRequest(tier=tier, power_mw=power_mw, duration_h=hours)


def _stored_before(settings: Settings) -> tuple[tuple[Book, ...], OptimizationSnapshot | None]:
    """Read the bookings that wait, and the plan that the run last followed."""
    if not database_of(settings.database_url).is_there():
        return (), None
    reading = ReadModel.open(settings.database_url)
    try:
        if not reading.ask("SELECT 1 FROM runs"):
            return (), None
        return waiting_bookings(reading), next(iter(optimizations(reading, 1)), None)
    finally:
        reading.close()


def _difference(found: WhatIf) -> dict[str, Any]:
    """Summarise an answer: both profits, and the sites and tiers that change."""
    said: dict[str, Any] = {
        "from": found.at.isoformat(),
        "horizon_h": found.horizon_h,
        "profit_now_usd": found.profit_now_usd,
        "profit_changed_usd": found.profit_changed_usd,
        "gain_usd": found.gain_usd,
        "gain_at_least_usd": found.least_gain_usd,
        "gain_at_most_usd": found.most_gain_usd,
    }
    for name, now, changed in [
        *((site.site_id, asdict(site.now), asdict(site.changed)) for site in found.sites),
        *((tier.tier, asdict(tier.now), asdict(tier.changed)) for tier in found.tiers),
    ]:
        moved = {key: f"{now[key]:.1f} -> {changed[key]:.1f}" for key in now}
        said |= {f"{name}.{key}": text for key, text in moved.items() if len(set(text.split(" -> "))) > 1}
    for move in found.moves:
        said[f"contract {move.contract_id}"] = f"{move.from_site_id or 'off'} -> {move.to_site_id or 'off'}"
    return said
