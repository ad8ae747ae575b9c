"""The hourly roll-up: its table, and SQL for the extremes of an hour's ticks."""

from typing import Final

from mara.store.schema.tables import BY_KEY, Row, exact, key, maybe_whole, whole

FLEET: Final = -1
"""The `site` of a roll-up over all sites."""
_CONTRACTS_W: Final = "premium_w + standard_w + flexible_w + spot_w"
_IT_W: Final = f"air_miner_w + hydro_miner_w + immersion_miner_w + gpu_w + asic_w + {_CONTRACTS_W}"
_WHOLE_SUMS: Final = {
    "site_power_w": "site_power_w",
    "it_power_w": _IT_W,
    "air_miner_w": "air_miner_w",
    "hydro_miner_w": "hydro_miner_w",
    "immersion_miner_w": "immersion_miner_w",
    "gpu_w": "gpu_w",
    "asic_w": "asic_w",
    "contracts_w": _CONTRACTS_W,
    "emissions_g": "emissions_g",
    "revenue_micro_usd": "revenue_micro_usd",
    "cost_micro_usd": "cost_micro_usd",
    "profit_micro_usd": "revenue_micro_usd - cost_micro_usd",
    "energy_cost_micro_usd": "energy_cost_micro_usd",
}
TICK_VALUES: Final = {
    "carbon_intensity_g_per_kwh": "avg(carbon_intensity_g_per_kwh) OVER t",
    "renewable_share": "coalesce(sum(renewable_share * site_power_w) OVER t / nullif(sum(site_power_w) OVER t, 0),"
    " avg(renewable_share) OVER t)",
    "dry_bulb_c": "avg(dry_bulb_c) OVER t",
    "pue": f"CAST(sum(site_power_w) OVER t AS DOUBLE PRECISION) / nullif(sum({_IT_W}) OVER t, 0)",
    **{name: f"CAST(sum({sites}) OVER t AS BIGINT)" for name, sites in _WHOLE_SUMS.items()},
}
"""SQL of a quantity in one tick, by the column of its hourly mean."""


def extreme(name: str, which: str) -> str:
    """The column that holds an hour's minimum (`low`) or maximum (`high`).

    Args:
        name: the column of the mean; its unit stays last, as in ``dry_bulb_low_c``.
    """
    what, unit = next(((name.removesuffix(unit), unit) for unit in _UNITS if name.endswith(unit)), (name, ""))
    return f"{what}_{which}{unit}"


_UNITS: Final = ("_g_per_kwh", "_micro_usd", "_share", "_c", "_w", "_g")
EXTREMES: Final = {
    extreme(name, which): f"{function}(tick_{name})"
    for name in TICK_VALUES
    for which, function in (("low", "min"), ("high", "max"))
}
"""SQL of each column of extremes, in the order of the table."""


class Hourly(Row, table=True):
    """A clock hour of a site, or of the fleet (`site` -1); kept for ever.

    Prices and powers are means over the ticks, money and emissions sums. The fleet's renewable share is weighted by the
    energy that each site drew. `_low` and `_high` are the minimum and maximum over the ticks. Columns that an older
    Mara did not roll up are null, as is PUE where nothing ran.
    """

    __tablename__ = "hourly"
    __table_args__ = BY_KEY
    site: int = key()
    hour_epoch_s: int = key()
    ticks_count: int = whole()
    energy_price_usd_per_mwh: float = exact()
    carbon_intensity_g_per_kwh: float = exact()
    renewable_share: float = exact()
    dry_bulb_c: float = exact()
    site_power_w: int = whole()
    it_power_w: int = whole()
    emissions_g: int = whole()
    revenue_micro_usd: int = whole()
    cost_micro_usd: int = whole()
    energy_cost_micro_usd: int = whole()
    energy_price_low_usd_per_mwh: float | None = exact(nullable=True)
    energy_price_high_usd_per_mwh: float | None = exact(nullable=True)
    air_miner_w: int | None = maybe_whole()
    hydro_miner_w: int | None = maybe_whole()
    immersion_miner_w: int | None = maybe_whole()
    gpu_w: int | None = maybe_whole()
    asic_w: int | None = maybe_whole()
    contracts_w: int | None = maybe_whole()
    carbon_intensity_low_g_per_kwh: float | None = exact(nullable=True)
    carbon_intensity_high_g_per_kwh: float | None = exact(nullable=True)
    renewable_low_share: float | None = exact(nullable=True)
    renewable_high_share: float | None = exact(nullable=True)
    dry_bulb_low_c: float | None = exact(nullable=True)
    dry_bulb_high_c: float | None = exact(nullable=True)
    pue_low: float | None = exact(nullable=True)
    pue_high: float | None = exact(nullable=True)
    site_power_low_w: int | None = maybe_whole()
    site_power_high_w: int | None = maybe_whole()
    it_power_low_w: int | None = maybe_whole()
    it_power_high_w: int | None = maybe_whole()
    air_miner_low_w: int | None = maybe_whole()
    air_miner_high_w: int | None = maybe_whole()
    hydro_miner_low_w: int | None = maybe_whole()
    hydro_miner_high_w: int | None = maybe_whole()
    immersion_miner_low_w: int | None = maybe_whole()
    immersion_miner_high_w: int | None = maybe_whole()
    gpu_low_w: int | None = maybe_whole()
    gpu_high_w: int | None = maybe_whole()
    asic_low_w: int | None = maybe_whole()
    asic_high_w: int | None = maybe_whole()
    contracts_low_w: int | None = maybe_whole()
    contracts_high_w: int | None = maybe_whole()
    emissions_low_g: int | None = maybe_whole()
    emissions_high_g: int | None = maybe_whole()
    revenue_low_micro_usd: int | None = maybe_whole()
    revenue_high_micro_usd: int | None = maybe_whole()
    cost_low_micro_usd: int | None = maybe_whole()
    cost_high_micro_usd: int | None = maybe_whole()
    profit_low_micro_usd: int | None = maybe_whole()
    profit_high_micro_usd: int | None = maybe_whole()
    energy_cost_low_micro_usd: int | None = maybe_whole()
    energy_cost_high_micro_usd: int | None = maybe_whole()
