"""Add minimum and maximum to the hourly roll-up, and weigh its renewable share.

The fleet's renewable share is weighted by the energy that each site drew. Hours whose raw rows have been pruned get
no extremes, and keep the plain mean of the sites.
"""

import sqlalchemy as sa
from alembic import op

from mara.store.schema.append_only import protect

revision = "0009"
down_revision = "0008"

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
EXACT: sa.types.TypeEngine[float] = sa.Double().with_variant(sa.REAL(), "sqlite")
CONTRACTS_W = "premium_w + standard_w + flexible_w + spot_w"
IT_W = f"air_miner_w + hydro_miner_w + immersion_miner_w + gpu_w + asic_w + {CONTRACTS_W}"
REALS = {
    "carbon_intensity_{}_g_per_kwh": "avg(carbon_intensity_g_per_kwh)",
    "renewable_{}_share": "coalesce(sum(renewable_share * site_power_w) / nullif(sum(site_power_w), 0),"
    " avg(renewable_share))",
    "dry_bulb_{}_c": "avg(dry_bulb_c)",
    "pue_{}": f"CAST(sum(site_power_w) AS DOUBLE PRECISION) / nullif(sum({IT_W}), 0)",
}
WHOLES = {
    "site_power_{}_w": "site_power_w",
    "it_power_{}_w": IT_W,
    "air_miner_{}_w": "air_miner_w",
    "hydro_miner_{}_w": "hydro_miner_w",
    "immersion_miner_{}_w": "immersion_miner_w",
    "gpu_{}_w": "gpu_w",
    "asic_{}_w": "asic_w",
    "contracts_{}_w": CONTRACTS_W,
    "emissions_{}_g": "emissions_g",
    "revenue_{}_micro_usd": "revenue_micro_usd",
    "cost_{}_micro_usd": "cost_micro_usd",
    "profit_{}_micro_usd": "revenue_micro_usd - cost_micro_usd",
    "energy_cost_{}_micro_usd": "energy_cost_micro_usd",
}
OF_A_TICK = {**REALS, **{name: f"CAST(sum({sites}) AS BIGINT)" for name, sites in WHOLES.items()}}
EXTREMES = {"low": "min", "high": "max"}


def upgrade() -> None:
    for name in OF_A_TICK:
        for which in EXTREMES:
            op.add_column("hourly", sa.Column(name.format(which), EXACT if name in REALS else WHOLE, nullable=True))
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    for change in ("update", "delete"):  # the rows are append-only for everybody but this migration
        op.execute(f"DROP TRIGGER hourly_no_{change}" + ("" if is_sqlite else " ON hourly"))
    for site, together in (("site", "site"), ("-1", "")):
        op.execute(filling(site, together))
    protect(["hourly"])


def filling(site: str, together: str) -> str:
    """SQL that fills the hours whose ticks are all stored, by site or for the fleet.

    Args:
        site: SQL of the site's index; -1 for the fleet.
        together: the column by which ticks are grouped besides time; empty for the fleet.
    """
    columns = [(name.format(which), function, place) for place, name in enumerate(OF_A_TICK) for which, function in EXTREMES.items()]
    values = ", ".join(f"{value} AS v{place}" for place, value in enumerate(OF_A_TICK.values()))
    renewable, power = (list(OF_A_TICK).index(name) for name in ("renewable_{}_share", "site_power_{}_w"))
    of_energy = f"coalesce(sum(v{renewable} * v{power}) / nullif(sum(v{power}), 0), avg(v{renewable}))"
    weighted = "" if together else ", renewable_share = e.of_energy"
    return f"""
        UPDATE hourly SET {", ".join(f"{column} = e.{column}" for column, _, _ in columns)}{weighted}
        FROM (SELECT place, hour_s, count(*) AS ticks, {of_energy} AS of_energy, {", ".join(f"{f}(v{v}) AS {c}" for c, f, v in columns)}
              FROM (SELECT {site} AS place, epoch_s - epoch_s % 3600 AS hour_s, {values}
                    FROM (SELECT tick, epoch_s FROM ticks) AS moments
                    JOIN allocations USING (tick) JOIN prices USING (tick, site)
                    GROUP BY tick, epoch_s{", " + together if together else ""}) AS of_a_tick
              GROUP BY place, hour_s) AS e
        WHERE hourly.site = e.place AND hourly.hour_epoch_s = e.hour_s AND hourly.ticks_count = e.ticks"""
