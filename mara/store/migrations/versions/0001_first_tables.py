"""Create the tables of a run: ticks, ledger, contracts, plans, events and audit."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from mara.store.schema.append_only import protect

revision = "0001"
down_revision = None

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
EXACT: Any = sa.Double().with_variant(sa.REAL(), "sqlite")
NOW = {
    "sqlite": sa.text("(CAST(strftime('%s', 'now') AS INTEGER))"),
    "postgresql": sa.text("(CAST(extract(epoch FROM now()) AS BIGINT))"),
}
BY_ROWID = {"sqlite_strict": True}
BY_KEY = {"sqlite_strict": True, "sqlite_with_rowid": False}
APPEND_ONLY = (
    "runs",
    "site_inventories",
    "ticks",
    "hourly",
    "ledger",
    "sla_contracts",
    "sla_intervals",
    "sla_windows",
    "plans",
    "optimization_runs",
    "audit",
)


def upgrade() -> None:
    now = NOW[op.get_bind().dialect.name]
    op.create_table(
        "allocations",
        sa.Column("tick", WHOLE, nullable=False, autoincrement=False),
        sa.Column("site", WHOLE, nullable=False, autoincrement=False),
        sa.Column("site_power_w", WHOLE, nullable=False),
        sa.Column("bought_w", WHOLE, nullable=False),
        sa.Column("sold_w", WHOLE, nullable=False),
        sa.Column("air_miner_w", WHOLE, nullable=False),
        sa.Column("hydro_miner_w", WHOLE, nullable=False),
        sa.Column("immersion_miner_w", WHOLE, nullable=False),
        sa.Column("gpu_w", WHOLE, nullable=False),
        sa.Column("asic_w", WHOLE, nullable=False),
        sa.Column("premium_w", WHOLE, nullable=False),
        sa.Column("standard_w", WHOLE, nullable=False),
        sa.Column("flexible_w", WHOLE, nullable=False),
        sa.Column("spot_w", WHOLE, nullable=False),
        sa.Column("reserve_w", WHOLE, nullable=False),
        sa.Column("available_w", WHOLE, nullable=False),
        sa.Column("emissions_g", WHOLE, nullable=False),
        sa.Column("revenue_micro_usd", WHOLE, nullable=False),
        sa.Column("cost_micro_usd", WHOLE, nullable=False),
        sa.Column("energy_cost_micro_usd", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("tick", "site", name="pk_allocations"),
        **BY_KEY,
    )
    op.create_table(
        "audit",
        sa.Column("number", WHOLE, nullable=False, autoincrement=False),
        sa.Column("tick", WHOLE, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("before_hash", sa.LargeBinary(), nullable=False),
        sa.Column("after_hash", sa.LargeBinary(), nullable=False),
        sa.Column("previous_hash", sa.LargeBinary(), nullable=False),
        sa.Column("entry_hash", sa.LargeBinary(), nullable=False),
        sa.Column("stored_at", WHOLE, nullable=False, server_default=now),
        sa.PrimaryKeyConstraint("number", name="pk_audit"),
        **BY_ROWID,
    )
    op.create_table(
        "checkpoints",
        sa.Column("tick", WHOLE, nullable=False, autoincrement=False),
        sa.Column("kept", WHOLE, nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("tick", name="pk_checkpoints"),
        **BY_ROWID,
    )
    op.create_table(
        "engine_parts",
        sa.Column("part", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("part", name="pk_engine_parts"),
        **BY_ROWID,
    )
    op.create_table(
        "engine_state",
        sa.Column("number", WHOLE, nullable=False, autoincrement=False),
        sa.Column("seq", WHOLE, nullable=False),
        sa.Column("writer_run", WHOLE, nullable=False),
        sa.Column("tick_hash", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("number = 1", name=op.f("ck_engine_state_one_row")),
        sa.PrimaryKeyConstraint("number", name="pk_engine_state"),
        **BY_ROWID,
    )
    op.create_table(
        "events",
        sa.Column("tick", WHOLE, nullable=False, autoincrement=False),
        sa.Column("number", WHOLE, nullable=False, autoincrement=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("site", WHOLE, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("tick", "number", name="pk_events"),
        **BY_KEY,
    )
    op.create_table(
        "hourly",
        sa.Column("site", WHOLE, nullable=False, autoincrement=False),
        sa.Column("hour_epoch_s", WHOLE, nullable=False, autoincrement=False),
        sa.Column("ticks_count", WHOLE, nullable=False),
        sa.Column("energy_price_usd_per_mwh", EXACT, nullable=False),
        sa.Column("carbon_intensity_g_per_kwh", EXACT, nullable=False),
        sa.Column("renewable_share", EXACT, nullable=False),
        sa.Column("dry_bulb_c", EXACT, nullable=False),
        sa.Column("site_power_w", WHOLE, nullable=False),
        sa.Column("it_power_w", WHOLE, nullable=False),
        sa.Column("emissions_g", WHOLE, nullable=False),
        sa.Column("revenue_micro_usd", WHOLE, nullable=False),
        sa.Column("cost_micro_usd", WHOLE, nullable=False),
        sa.Column("energy_cost_micro_usd", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("site", "hour_epoch_s", name="pk_hourly"),
        **BY_KEY,
    )
    op.create_table(
        "ledger",
        sa.Column("tick", WHOLE, nullable=False, autoincrement=False),
        sa.Column("site", WHOLE, nullable=False, autoincrement=False),
        sa.Column("cash_micro_usd", WHOLE, nullable=False),
        sa.Column("mining_micro_usd", WHOLE, nullable=False),
        sa.Column("inference_micro_usd", WHOLE, nullable=False),
        sa.Column("contract_premium_micro_usd", WHOLE, nullable=False),
        sa.Column("contract_standard_micro_usd", WHOLE, nullable=False),
        sa.Column("contract_flexible_micro_usd", WHOLE, nullable=False),
        sa.Column("contract_spot_micro_usd", WHOLE, nullable=False),
        sa.Column("sellback_micro_usd", WHOLE, nullable=False),
        sa.Column("energy_micro_usd", WHOLE, nullable=False),
        sa.Column("hedge_micro_usd", WHOLE, nullable=False),
        sa.Column("carbon_micro_usd", WHOLE, nullable=False),
        sa.Column("migration_premium_micro_usd", WHOLE, nullable=False),
        sa.Column("migration_standard_micro_usd", WHOLE, nullable=False),
        sa.Column("migration_flexible_micro_usd", WHOLE, nullable=False),
        sa.Column("restart_micro_usd", WHOLE, nullable=False),
        sa.Column("credit_premium_micro_usd", WHOLE, nullable=False),
        sa.Column("credit_standard_micro_usd", WHOLE, nullable=False),
        sa.Column("credit_flexible_micro_usd", WHOLE, nullable=False),
        sa.Column("bought_wh", WHOLE, nullable=False),
        sa.Column("hedge_wh", WHOLE, nullable=False),
        sa.Column("mining_wh", WHOLE, nullable=False),
        sa.Column("inference_wh", WHOLE, nullable=False),
        sa.Column("contracts_wh", WHOLE, nullable=False),
        sa.Column("cooling_wh", WHOLE, nullable=False),
        sa.Column("sold_wh", WHOLE, nullable=False),
        sa.CheckConstraint("bought_wh + hedge_wh + mining_wh + inference_wh + contracts_wh + cooling_wh + sold_wh = 0", name=op.f("ck_ledger_energy_balances")),
        sa.CheckConstraint("cash_micro_usd + mining_micro_usd + inference_micro_usd + contract_premium_micro_usd + contract_standard_micro_usd + contract_flexible_micro_usd + contract_spot_micro_usd + sellback_micro_usd + energy_micro_usd + hedge_micro_usd + carbon_micro_usd + migration_premium_micro_usd + migration_standard_micro_usd + migration_flexible_micro_usd + restart_micro_usd + credit_premium_micro_usd + credit_standard_micro_usd + credit_flexible_micro_usd = 0", name=op.f("ck_ledger_money_balances")),
        sa.PrimaryKeyConstraint("tick", "site", name="pk_ledger"),
        **BY_KEY,
    )
    op.create_table(
        "markets",
        sa.Column("tick", WHOLE, nullable=False, autoincrement=False),
        sa.Column("hashprice_usd_per_ph_day", EXACT, nullable=False),
        sa.Column("token_price_usd_per_mtok", EXACT, nullable=False),
        sa.Column("demand", sa.Text(), nullable=False),
        sa.Column("arrivals", sa.Text(), nullable=False),
        sa.Column("stale_sources", sa.Text(), nullable=False),
        sa.Column("negative_zeros", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("tick", name="pk_markets"),
        **BY_ROWID,
    )
    op.create_table(
        "optimization_runs",
        sa.Column("adopted_tick", WHOLE, nullable=False, autoincrement=False),
        sa.Column("made_tick", WHOLE, nullable=False),
        sa.Column("optimizer", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("horizon_ticks", WHOLE, nullable=False),
        sa.Column("objective_usd", EXACT, nullable=True),
        sa.Column("bound_usd", EXACT, nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("adopted_tick", name="pk_optimization_runs"),
        **BY_ROWID,
    )
    op.create_table(
        "plans",
        sa.Column("from_tick", WHOLE, nullable=False, autoincrement=False),
        sa.Column("optimizer", sa.Text(), nullable=False),
        sa.Column("made_tick", WHOLE, nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("from_tick", name="pk_plans"),
        **BY_ROWID,
    )
    op.create_table(
        "prices",
        sa.Column("tick", WHOLE, nullable=False, autoincrement=False),
        sa.Column("site", WHOLE, nullable=False, autoincrement=False),
        sa.Column("energy_price_usd_per_mwh", EXACT, nullable=False),
        sa.Column("carbon_intensity_g_per_kwh", EXACT, nullable=False),
        sa.Column("renewable_share", EXACT, nullable=False),
        sa.Column("dry_bulb_c", EXACT, nullable=False),
        sa.Column("wet_bulb_c", EXACT, nullable=False),
        sa.Column("availability_share", EXACT, nullable=False),
        sa.PrimaryKeyConstraint("tick", "site", name="pk_prices"),
        **BY_KEY,
    )
    op.create_table(
        "runs",
        sa.Column("number", WHOLE, nullable=False, autoincrement=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("seed", WHOLE, nullable=False),
        sa.Column("fleet_name", sa.Text(), nullable=False),
        sa.Column("fleet_hash", sa.Text(), nullable=False),
        sa.Column("start_epoch_s", WHOLE, nullable=False),
        sa.Column("tick_minutes", WHOLE, nullable=False),
        sa.Column("optimizer", sa.Text(), nullable=False),
        sa.Column("feed", sa.Text(), nullable=False),
        sa.Column("history_hash", sa.Text(), nullable=False),
        sa.Column("terms", sa.Text(), nullable=False),
        sa.Column("charter", sa.LargeBinary(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("stored_at", WHOLE, nullable=False, server_default=now),
        sa.CheckConstraint("number = 1", name=op.f("ck_runs_one_row")),
        sa.PrimaryKeyConstraint("number", name="pk_runs"),
        **BY_ROWID,
    )
    op.create_table(
        "site_inventories",
        sa.Column("site", WHOLE, nullable=False, autoincrement=False),
        sa.Column("site_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("country", sa.Text(), nullable=False),
        sa.Column("timezone", sa.Text(), nullable=False),
        sa.Column("price_zone", sa.Text(), nullable=False),
        sa.Column("cooling", sa.Text(), nullable=False),
        sa.Column("grid_limit_w", WHOLE, nullable=False),
        sa.Column("hedge_w", WHOLE, nullable=False),
        sa.Column("hedge_price_usd_per_mwh", EXACT, nullable=False),
        sa.Column("air_miner_count", WHOLE, nullable=False),
        sa.Column("hydro_miner_count", WHOLE, nullable=False),
        sa.Column("immersion_miner_count", WHOLE, nullable=False),
        sa.Column("gpu_count", WHOLE, nullable=False),
        sa.Column("asic_count", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("site", name="pk_site_inventories"),
        sa.UniqueConstraint("site_id", name="uq_site_inventories_site_id"),
        **BY_ROWID,
    )
    op.create_table(
        "sla_contracts",
        sa.Column("number", WHOLE, nullable=False, autoincrement=False),
        sa.Column("contract_id", sa.Text(), nullable=False),
        sa.Column("tier", WHOLE, nullable=False),
        sa.Column("customer", sa.Text(), nullable=False),
        sa.Column("power_mw", EXACT, nullable=False),
        sa.Column("rate_usd_per_mwh", EXACT, nullable=False),
        sa.Column("starts_tick", WHOLE, nullable=False),
        sa.Column("ends_tick", WHOLE, nullable=False),
        sa.Column("timezone", sa.Text(), nullable=False),
        sa.Column("booked_tick", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_sla_contracts"),
        sa.UniqueConstraint("contract_id", name="uq_sla_contracts_contract_id"),
        **BY_ROWID,
    )
    op.create_table(
        "ticks",
        sa.Column("tick", WHOLE, nullable=False, autoincrement=False),
        sa.Column("epoch_s", WHOLE, nullable=False),
        sa.Column("revenue_micro_usd", WHOLE, nullable=False),
        sa.Column("cost_micro_usd", WHOLE, nullable=False),
        sa.Column("energy_cost_micro_usd", WHOLE, nullable=False),
        sa.Column("commands", sa.LargeBinary(), nullable=True),
        sa.Column("raw_hash", sa.LargeBinary(), nullable=False),
        sa.Column("kept_hash", sa.LargeBinary(), nullable=False),
        sa.Column("world_hash", sa.LargeBinary(), nullable=False),
        sa.Column("tick_hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("tick", name="pk_ticks"),
        sa.UniqueConstraint("epoch_s", name="uq_ticks_epoch_s"),
        **BY_ROWID,
    )
    op.create_table(
        "sla_intervals",
        sa.Column("number", WHOLE, nullable=False, autoincrement=False),
        sa.Column("from_tick", WHOLE, nullable=False, autoincrement=False),
        sa.Column("state", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("number", "from_tick", name="pk_sla_intervals"),
        sa.ForeignKeyConstraint(["number"], ["sla_contracts.number"], name="fk_sla_intervals_number_sla_contracts"),
        **BY_KEY,
    )
    op.create_table(
        "sla_windows",
        sa.Column("number", WHOLE, nullable=False, autoincrement=False),
        sa.Column("window_start_tick", WHOLE, nullable=False, autoincrement=False),
        sa.Column("window_end_tick", WHOLE, nullable=False),
        sa.Column("site", WHOLE, nullable=False),
        sa.Column("good_ticks", WHOLE, nullable=False),
        sa.Column("bad_ticks", WHOLE, nullable=False),
        sa.Column("excluded_ticks", WHOLE, nullable=False),
        sa.Column("charge_micro_usd", WHOLE, nullable=False),
        sa.Column("credit_micro_usd", WHOLE, nullable=False),
        sa.Column("closed_tick", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("number", "window_start_tick", name="pk_sla_windows"),
        sa.ForeignKeyConstraint(["number"], ["sla_contracts.number"], name="fk_sla_windows_number_sla_contracts"),
        **BY_KEY,
    )

    protect(APPEND_ONLY)
