"""The command `quote`: prices a contract against the stored run."""

from typing import Annotated, Any

import typer

from mara.api.routes.json_values import plain_of
from mara.assembly.runs import read_only_run
from mara.cli.app import app
from mara.cli.report import show
from mara.core.contract import TierKey
from mara.core.quote import Quote, QuoteRequest
from mara.errors import EXIT_USAGE
from mara.runtime.clock import SystemClock
from mara.runtime.live.quote_desk import quote_now
from mara.settings import read_settings

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
