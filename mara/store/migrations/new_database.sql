CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
CREATE TABLE allocations (
	tick INTEGER NOT NULL, 
	site INTEGER NOT NULL, 
	site_power_w INTEGER NOT NULL, 
	bought_w INTEGER NOT NULL, 
	sold_w INTEGER NOT NULL, 
	air_miner_w INTEGER NOT NULL, 
	hydro_miner_w INTEGER NOT NULL, 
	immersion_miner_w INTEGER NOT NULL, 
	gpu_w INTEGER NOT NULL, 
	asic_w INTEGER NOT NULL, 
	premium_w INTEGER NOT NULL, 
	standard_w INTEGER NOT NULL, 
	flexible_w INTEGER NOT NULL, 
	spot_w INTEGER NOT NULL, 
	reserve_w INTEGER NOT NULL, 
	available_w INTEGER NOT NULL, 
	emissions_g INTEGER NOT NULL, 
	revenue_micro_usd INTEGER NOT NULL, 
	cost_micro_usd INTEGER NOT NULL, 
	energy_cost_micro_usd INTEGER NOT NULL, position_w INTEGER, battery_w INTEGER, stored_wh INTEGER, exported_w INTEGER, award_w INTEGER, called_w INTEGER, 
	CONSTRAINT pk_allocations PRIMARY KEY (tick, site)
)
 WITHOUT ROWID,
 STRICT

;
CREATE TABLE audit (
	number INTEGER NOT NULL, 
	tick INTEGER NOT NULL, 
	actor TEXT NOT NULL, 
	address TEXT NOT NULL, 
	action TEXT NOT NULL, 
	before_hash BLOB NOT NULL, 
	after_hash BLOB NOT NULL, 
	previous_hash BLOB NOT NULL, 
	entry_hash BLOB NOT NULL, 
	stored_at INTEGER DEFAULT (CAST(strftime('%s', 'now') AS INTEGER)) NOT NULL, 
	CONSTRAINT pk_audit PRIMARY KEY (number)
)
 STRICT

;
CREATE TABLE checkpoints (
	tick INTEGER NOT NULL, 
	kept INTEGER NOT NULL, 
	content BLOB NOT NULL, 
	CONSTRAINT pk_checkpoints PRIMARY KEY (tick)
)
 STRICT

;
CREATE TABLE engine_parts (
	part TEXT NOT NULL, 
	content BLOB NOT NULL, content_hash BLOB, 
	CONSTRAINT pk_engine_parts PRIMARY KEY (part)
)
 STRICT

;
CREATE TABLE engine_state (
	number INTEGER NOT NULL, 
	seq INTEGER NOT NULL, 
	writer_run INTEGER NOT NULL, 
	tick_hash BLOB NOT NULL, 
	CONSTRAINT pk_engine_state PRIMARY KEY (number), 
	CONSTRAINT ck_engine_state_one_row CHECK (number = 1)
)
 STRICT

;
CREATE TABLE events (
	tick INTEGER NOT NULL, 
	number INTEGER NOT NULL, 
	severity TEXT NOT NULL, 
	site INTEGER NOT NULL, 
	kind TEXT NOT NULL, 
	text TEXT NOT NULL, 
	CONSTRAINT pk_events PRIMARY KEY (tick, number)
)
 WITHOUT ROWID,
 STRICT

;
CREATE TABLE hourly (
	site INTEGER NOT NULL, 
	hour_epoch_s INTEGER NOT NULL, 
	ticks_count INTEGER NOT NULL, 
	energy_price_usd_per_mwh REAL NOT NULL, 
	carbon_intensity_g_per_kwh REAL NOT NULL, 
	renewable_share REAL NOT NULL, 
	dry_bulb_c REAL NOT NULL, 
	site_power_w INTEGER NOT NULL, 
	it_power_w INTEGER NOT NULL, 
	emissions_g INTEGER NOT NULL, 
	revenue_micro_usd INTEGER NOT NULL, 
	cost_micro_usd INTEGER NOT NULL, 
	energy_cost_micro_usd INTEGER NOT NULL, energy_price_low_usd_per_mwh REAL, energy_price_high_usd_per_mwh REAL, air_miner_w INTEGER, hydro_miner_w INTEGER, immersion_miner_w INTEGER, gpu_w INTEGER, asic_w INTEGER, contracts_w INTEGER, carbon_intensity_low_g_per_kwh REAL, carbon_intensity_high_g_per_kwh REAL, renewable_low_share REAL, renewable_high_share REAL, dry_bulb_low_c REAL, dry_bulb_high_c REAL, pue_low REAL, pue_high REAL, site_power_low_w INTEGER, site_power_high_w INTEGER, it_power_low_w INTEGER, it_power_high_w INTEGER, air_miner_low_w INTEGER, air_miner_high_w INTEGER, hydro_miner_low_w INTEGER, hydro_miner_high_w INTEGER, immersion_miner_low_w INTEGER, immersion_miner_high_w INTEGER, gpu_low_w INTEGER, gpu_high_w INTEGER, asic_low_w INTEGER, asic_high_w INTEGER, contracts_low_w INTEGER, contracts_high_w INTEGER, emissions_low_g INTEGER, emissions_high_g INTEGER, revenue_low_micro_usd INTEGER, revenue_high_micro_usd INTEGER, cost_low_micro_usd INTEGER, cost_high_micro_usd INTEGER, profit_low_micro_usd INTEGER, profit_high_micro_usd INTEGER, energy_cost_low_micro_usd INTEGER, energy_cost_high_micro_usd INTEGER, 
	CONSTRAINT pk_hourly PRIMARY KEY (site, hour_epoch_s)
)
 WITHOUT ROWID,
 STRICT

;
CREATE TABLE markets (
	tick INTEGER NOT NULL, 
	hashprice_usd_per_ph_day REAL NOT NULL, 
	token_price_usd_per_mtok REAL NOT NULL, 
	demand TEXT NOT NULL, 
	arrivals TEXT NOT NULL, 
	stale_sources TEXT NOT NULL, 
	negative_zeros BLOB, power BLOB, import_limit BLOB, 
	CONSTRAINT pk_markets PRIMARY KEY (tick)
)
 STRICT

;
CREATE TABLE optimization_runs (
	adopted_tick INTEGER NOT NULL, 
	made_tick INTEGER NOT NULL, 
	optimizer TEXT NOT NULL, 
	status TEXT NOT NULL, 
	horizon_ticks INTEGER NOT NULL, 
	objective_usd REAL, 
	bound_usd REAL, 
	note TEXT NOT NULL, headline TEXT, reasons TEXT, shadow BLOB, provenance TEXT, baseline_usd REAL, solve_wall_s REAL, 
	CONSTRAINT pk_optimization_runs PRIMARY KEY (adopted_tick)
)
 STRICT

;
CREATE TABLE plans (
	from_tick INTEGER NOT NULL, 
	optimizer TEXT NOT NULL, 
	made_tick INTEGER NOT NULL, 
	content BLOB NOT NULL, 
	CONSTRAINT pk_plans PRIMARY KEY (from_tick)
)
 STRICT

;
CREATE TABLE prices (
	tick INTEGER NOT NULL, 
	site INTEGER NOT NULL, 
	energy_price_usd_per_mwh REAL NOT NULL, 
	carbon_intensity_g_per_kwh REAL NOT NULL, 
	renewable_share REAL NOT NULL, 
	dry_bulb_c REAL NOT NULL, 
	wet_bulb_c REAL NOT NULL, 
	availability_share REAL NOT NULL, day_ahead_usd_per_mwh REAL, 
	CONSTRAINT pk_prices PRIMARY KEY (tick, site)
)
 WITHOUT ROWID,
 STRICT

;
CREATE TABLE runs (
	number INTEGER NOT NULL, 
	run_id TEXT NOT NULL, 
	seed INTEGER NOT NULL, 
	fleet_name TEXT NOT NULL, 
	fleet_hash TEXT NOT NULL, 
	start_epoch_s INTEGER NOT NULL, 
	tick_minutes INTEGER NOT NULL, 
	optimizer TEXT NOT NULL, 
	feed TEXT NOT NULL, 
	history_hash TEXT NOT NULL, 
	terms TEXT NOT NULL, 
	charter BLOB NOT NULL, 
	version TEXT NOT NULL, 
	stored_at INTEGER DEFAULT (CAST(strftime('%s', 'now') AS INTEGER)) NOT NULL, 
	CONSTRAINT pk_runs PRIMARY KEY (number), 
	CONSTRAINT ck_runs_one_row CHECK (number = 1)
)
 STRICT

;
CREATE TABLE site_inventories (
	site INTEGER NOT NULL, 
	site_id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	country TEXT NOT NULL, 
	timezone TEXT NOT NULL, 
	price_zone TEXT NOT NULL, 
	cooling TEXT NOT NULL, 
	grid_limit_w INTEGER NOT NULL, 
	hedge_w INTEGER NOT NULL, 
	hedge_price_usd_per_mwh REAL NOT NULL, 
	air_miner_count INTEGER NOT NULL, 
	hydro_miner_count INTEGER NOT NULL, 
	immersion_miner_count INTEGER NOT NULL, 
	gpu_count INTEGER NOT NULL, 
	asic_count INTEGER NOT NULL, 
	CONSTRAINT pk_site_inventories PRIMARY KEY (site), 
	CONSTRAINT uq_site_inventories_site_id UNIQUE (site_id)
)
 STRICT

;
CREATE TABLE sla_contracts (
	number INTEGER NOT NULL, 
	contract_id TEXT NOT NULL, 
	tier INTEGER NOT NULL, 
	customer TEXT NOT NULL, 
	power_mw REAL NOT NULL, 
	rate_usd_per_mwh REAL NOT NULL, 
	starts_tick INTEGER NOT NULL, 
	ends_tick INTEGER NOT NULL, 
	timezone TEXT NOT NULL, 
	booked_tick INTEGER NOT NULL, 
	CONSTRAINT pk_sla_contracts PRIMARY KEY (number), 
	CONSTRAINT uq_sla_contracts_contract_id UNIQUE (contract_id)
)
 STRICT

;
CREATE TABLE ticks (
	tick INTEGER NOT NULL, 
	epoch_s INTEGER NOT NULL, 
	revenue_micro_usd INTEGER NOT NULL, 
	cost_micro_usd INTEGER NOT NULL, 
	energy_cost_micro_usd INTEGER NOT NULL, 
	commands BLOB, 
	raw_hash BLOB NOT NULL, 
	kept_hash BLOB NOT NULL, 
	world_hash BLOB NOT NULL, 
	tick_hash BLOB NOT NULL, seal BLOB, 
	CONSTRAINT pk_ticks PRIMARY KEY (tick), 
	CONSTRAINT uq_ticks_epoch_s UNIQUE (epoch_s)
)
 STRICT

;
CREATE TABLE sla_intervals (
	number INTEGER NOT NULL, 
	from_tick INTEGER NOT NULL, 
	state INTEGER NOT NULL, 
	CONSTRAINT pk_sla_intervals PRIMARY KEY (number, from_tick), 
	CONSTRAINT fk_sla_intervals_number_sla_contracts FOREIGN KEY(number) REFERENCES sla_contracts (number)
)
 WITHOUT ROWID,
 STRICT

;
CREATE TABLE sla_windows (
	number INTEGER NOT NULL, 
	window_start_tick INTEGER NOT NULL, 
	window_end_tick INTEGER NOT NULL, 
	site INTEGER NOT NULL, 
	good_ticks INTEGER NOT NULL, 
	bad_ticks INTEGER NOT NULL, 
	excluded_ticks INTEGER NOT NULL, 
	charge_micro_usd INTEGER NOT NULL, 
	credit_micro_usd INTEGER NOT NULL, 
	closed_tick INTEGER NOT NULL, 
	CONSTRAINT pk_sla_windows PRIMARY KEY (number, window_start_tick), 
	CONSTRAINT fk_sla_windows_number_sla_contracts FOREIGN KEY(number) REFERENCES sla_contracts (number)
)
 WITHOUT ROWID,
 STRICT

;
CREATE TRIGGER runs_no_update BEFORE UPDATE ON runs BEGIN SELECT RAISE(ABORT, 'runs is append-only'); END;
CREATE TRIGGER runs_no_delete BEFORE DELETE ON runs BEGIN SELECT RAISE(ABORT, 'runs is append-only'); END;
CREATE TRIGGER site_inventories_no_update BEFORE UPDATE ON site_inventories BEGIN SELECT RAISE(ABORT, 'site_inventories is append-only'); END;
CREATE TRIGGER site_inventories_no_delete BEFORE DELETE ON site_inventories BEGIN SELECT RAISE(ABORT, 'site_inventories is append-only'); END;
CREATE TRIGGER ticks_no_update BEFORE UPDATE ON ticks BEGIN SELECT RAISE(ABORT, 'ticks is append-only'); END;
CREATE TRIGGER ticks_no_delete BEFORE DELETE ON ticks BEGIN SELECT RAISE(ABORT, 'ticks is append-only'); END;
CREATE TRIGGER sla_contracts_no_update BEFORE UPDATE ON sla_contracts BEGIN SELECT RAISE(ABORT, 'sla_contracts is append-only'); END;
CREATE TRIGGER sla_contracts_no_delete BEFORE DELETE ON sla_contracts BEGIN SELECT RAISE(ABORT, 'sla_contracts is append-only'); END;
CREATE TRIGGER sla_intervals_no_update BEFORE UPDATE ON sla_intervals BEGIN SELECT RAISE(ABORT, 'sla_intervals is append-only'); END;
CREATE TRIGGER sla_intervals_no_delete BEFORE DELETE ON sla_intervals BEGIN SELECT RAISE(ABORT, 'sla_intervals is append-only'); END;
CREATE TRIGGER sla_windows_no_update BEFORE UPDATE ON sla_windows BEGIN SELECT RAISE(ABORT, 'sla_windows is append-only'); END;
CREATE TRIGGER sla_windows_no_delete BEFORE DELETE ON sla_windows BEGIN SELECT RAISE(ABORT, 'sla_windows is append-only'); END;
CREATE TRIGGER plans_no_update BEFORE UPDATE ON plans BEGIN SELECT RAISE(ABORT, 'plans is append-only'); END;
CREATE TRIGGER plans_no_delete BEFORE DELETE ON plans BEGIN SELECT RAISE(ABORT, 'plans is append-only'); END;
CREATE TRIGGER optimization_runs_no_update BEFORE UPDATE ON optimization_runs BEGIN SELECT RAISE(ABORT, 'optimization_runs is append-only'); END;
CREATE TRIGGER optimization_runs_no_delete BEFORE DELETE ON optimization_runs BEGIN SELECT RAISE(ABORT, 'optimization_runs is append-only'); END;
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END;
CREATE TABLE claude_requests (
	number INTEGER NOT NULL, 
	asked_epoch_s INTEGER NOT NULL, 
	most_micro_usd INTEGER NOT NULL, 
	cost_micro_usd INTEGER, 
	request_id TEXT NOT NULL, row_hash BLOB, 
	CONSTRAINT pk_claude_requests PRIMARY KEY (number)
)
 STRICT

;
CREATE TABLE claude_runs (
	number INTEGER NOT NULL, 
	asked_epoch_s INTEGER NOT NULL, 
	tick INTEGER NOT NULL, 
	outcome TEXT NOT NULL, 
	message TEXT NOT NULL, 
	model TEXT NOT NULL, 
	request_id TEXT NOT NULL, 
	snapshot_hash TEXT NOT NULL, 
	prompt_version TEXT NOT NULL, 
	cost_micro_usd INTEGER NOT NULL, row_hash BLOB, 
	CONSTRAINT pk_claude_runs PRIMARY KEY (number)
)
 STRICT

;
CREATE TABLE users (
	name TEXT NOT NULL, 
	role TEXT NOT NULL, 
	password_hash TEXT NOT NULL, 
	CONSTRAINT pk_users PRIMARY KEY (name)
)
 STRICT

;
CREATE TABLE tokens (
	digest BLOB NOT NULL, 
	name TEXT NOT NULL, 
	role TEXT NOT NULL, 
	expires_epoch_s INTEGER NOT NULL, 
	CONSTRAINT pk_tokens PRIMARY KEY (digest), 
	CONSTRAINT fk_tokens_name_users FOREIGN KEY(name) REFERENCES users (name) ON DELETE CASCADE
)
 STRICT

;
CREATE TABLE sessions (
	digest BLOB NOT NULL, 
	name TEXT NOT NULL, 
	role TEXT NOT NULL, 
	expires_epoch_s INTEGER NOT NULL, 
	CONSTRAINT pk_sessions PRIMARY KEY (digest), 
	CONSTRAINT fk_sessions_name_users FOREIGN KEY(name) REFERENCES users (name) ON DELETE CASCADE
)
 STRICT

;
CREATE TABLE access_log (
	number INTEGER NOT NULL, 
	at_epoch_s INTEGER NOT NULL, 
	actor TEXT NOT NULL, 
	address TEXT NOT NULL, 
	action TEXT NOT NULL, 
	previous_hash BLOB NOT NULL, 
	entry_hash BLOB NOT NULL, changes TEXT, 
	CONSTRAINT pk_access_log PRIMARY KEY (number)
)
 STRICT

;
CREATE TRIGGER access_log_no_update BEFORE UPDATE ON access_log BEGIN SELECT RAISE(ABORT, 'access_log is append-only'); END;
CREATE TRIGGER access_log_no_delete BEFORE DELETE ON access_log BEGIN SELECT RAISE(ABORT, 'access_log is append-only'); END;
CREATE TABLE rules_in_force (
	number INTEGER NOT NULL, 
	from_tick INTEGER NOT NULL, 
	rules_version INTEGER NOT NULL, 
	mara_version TEXT NOT NULL, 
	previous_hash BLOB NOT NULL, 
	entry_hash BLOB NOT NULL, 
	CONSTRAINT pk_rules_in_force PRIMARY KEY (number)
)
 STRICT

;
CREATE TRIGGER rules_in_force_no_update BEFORE UPDATE ON rules_in_force BEGIN SELECT RAISE(ABORT, 'rules_in_force is append-only'); END;
CREATE TRIGGER rules_in_force_no_delete BEFORE DELETE ON rules_in_force BEGIN SELECT RAISE(ABORT, 'rules_in_force is append-only'); END;
CREATE TABLE orders (
	number INTEGER NOT NULL, 
	kind TEXT NOT NULL, 
	about TEXT NOT NULL, 
	command BLOB NOT NULL, 
	answer BLOB NOT NULL, 
	actor TEXT NOT NULL, 
	address TEXT NOT NULL, 
	ordered_tick INTEGER NOT NULL, 
	repeat_key TEXT NOT NULL, 
	previous_hash BLOB NOT NULL, 
	entry_hash BLOB NOT NULL, 
	stored_at INTEGER DEFAULT (CAST(strftime('%s', 'now') AS INTEGER)) NOT NULL, 
	CONSTRAINT pk_orders PRIMARY KEY (number)
)
 STRICT

;
CREATE INDEX ix_orders_about ON orders (about);
CREATE INDEX ix_orders_repeat_key ON orders (repeat_key);
CREATE TABLE order_outcomes (
	number INTEGER NOT NULL, 
	tick INTEGER NOT NULL, 
	outcome TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	CONSTRAINT pk_order_outcomes PRIMARY KEY (number), 
	CONSTRAINT fk_order_outcomes_number_orders FOREIGN KEY(number) REFERENCES orders (number)
)
 STRICT

;
CREATE TABLE quotes (
	number INTEGER NOT NULL, 
	quote_id TEXT NOT NULL, 
	asked BLOB NOT NULL, 
	offered BLOB NOT NULL, 
	CONSTRAINT pk_quotes PRIMARY KEY (number), 
	CONSTRAINT uq_quotes_quote_id UNIQUE (quote_id)
)
 STRICT

;
CREATE TABLE answers (
	number INTEGER NOT NULL, 
	place TEXT NOT NULL, 
	body_hash BLOB NOT NULL, 
	status INTEGER NOT NULL, 
	headers TEXT NOT NULL, 
	body BLOB NOT NULL, 
	CONSTRAINT pk_answers PRIMARY KEY (number), 
	CONSTRAINT uq_answers_place UNIQUE (place)
)
 STRICT

;
CREATE TRIGGER orders_no_update BEFORE UPDATE ON orders BEGIN SELECT RAISE(ABORT, 'orders is append-only'); END;
CREATE TRIGGER orders_no_delete BEFORE DELETE ON orders BEGIN SELECT RAISE(ABORT, 'orders is append-only'); END;
CREATE TRIGGER order_outcomes_no_update BEFORE UPDATE ON order_outcomes BEGIN SELECT RAISE(ABORT, 'order_outcomes is append-only'); END;
CREATE TRIGGER order_outcomes_no_delete BEFORE DELETE ON order_outcomes BEGIN SELECT RAISE(ABORT, 'order_outcomes is append-only'); END;
CREATE TRIGGER hourly_no_update BEFORE UPDATE ON hourly BEGIN SELECT RAISE(ABORT, 'hourly is append-only'); END;
CREATE TRIGGER hourly_no_delete BEFORE DELETE ON hourly BEGIN SELECT RAISE(ABORT, 'hourly is append-only'); END;
CREATE TABLE alert_log (
	number INTEGER NOT NULL, 
	alert INTEGER NOT NULL, 
	change TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	subject TEXT NOT NULL, 
	severity TEXT NOT NULL, 
	text TEXT NOT NULL, 
	at_risk_micro_usd INTEGER, 
	tick INTEGER NOT NULL, 
	epoch_s INTEGER NOT NULL, 
	until_epoch_s INTEGER, 
	actor TEXT NOT NULL, 
	address TEXT NOT NULL, 
	previous_hash BLOB NOT NULL, 
	entry_hash BLOB NOT NULL, 
	stored_at INTEGER DEFAULT (CAST(strftime('%s', 'now') AS INTEGER)) NOT NULL, 
	CONSTRAINT pk_alert_log PRIMARY KEY (number)
)
 STRICT

;
CREATE INDEX ix_alert_log_alert ON alert_log (alert);
CREATE TRIGGER alert_log_no_update BEFORE UPDATE ON alert_log BEGIN SELECT RAISE(ABORT, 'alert_log is append-only'); END;
CREATE TRIGGER alert_log_no_delete BEFORE DELETE ON alert_log BEGIN SELECT RAISE(ABORT, 'alert_log is append-only'); END;
CREATE TABLE telemetry (
	number INTEGER NOT NULL, 
	site INTEGER NOT NULL, 
	machine_group TEXT NOT NULL, 
	at_epoch_ms INTEGER NOT NULL, 
	known_at_epoch_ms INTEGER NOT NULL, 
	power_w INTEGER NOT NULL, 
	hashrate_ths REAL, 
	rate_tokens_per_s REAL, 
	quality TEXT NOT NULL, 
	CONSTRAINT pk_telemetry PRIMARY KEY (number), 
	CONSTRAINT uq_telemetry_site_machine_group_at_epoch_ms UNIQUE (site, machine_group, at_epoch_ms)
)
 STRICT

;
CREATE TABLE signal_log (
	number INTEGER NOT NULL, 
	at_epoch_ms INTEGER NOT NULL, 
	tick INTEGER NOT NULL, 
	kind TEXT NOT NULL, 
	site_id TEXT NOT NULL, 
	machine_group TEXT NOT NULL, 
	actor TEXT NOT NULL, 
	address TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	before_state TEXT NOT NULL, 
	after_state TEXT NOT NULL, 
	previous_hash BLOB NOT NULL, 
	entry_hash BLOB NOT NULL, 
	stored_at INTEGER DEFAULT (CAST(strftime('%s', 'now') AS INTEGER)) NOT NULL, 
	CONSTRAINT pk_signal_log PRIMARY KEY (number)
)
 STRICT

;
CREATE INDEX ix_signal_log_site_id ON signal_log (site_id);
CREATE TRIGGER signal_log_no_update BEFORE UPDATE ON signal_log BEGIN SELECT RAISE(ABORT, 'signal_log is append-only'); END;
CREATE TRIGGER signal_log_no_delete BEFORE DELETE ON signal_log BEGIN SELECT RAISE(ABORT, 'signal_log is append-only'); END;
CREATE TABLE daily_gains (
	day INTEGER NOT NULL, 
	closed_tick INTEGER NOT NULL, 
	from_tick INTEGER NOT NULL, 
	ticks_count INTEGER NOT NULL, 
	vs_rules_micro_usd INTEGER NOT NULL, 
	vs_rules_same_budgets_micro_usd INTEGER NOT NULL, 
	vs_static_breakeven_micro_usd INTEGER NOT NULL, 
	vs_static_micro_usd INTEGER NOT NULL, 
	sla_flexibility_micro_usd INTEGER NOT NULL, 
	CONSTRAINT pk_daily_gains PRIMARY KEY (day)
)
 STRICT

;
CREATE TRIGGER daily_gains_no_update BEFORE UPDATE ON daily_gains BEGIN SELECT RAISE(ABORT, 'daily_gains is append-only'); END;
CREATE TRIGGER daily_gains_no_delete BEFORE DELETE ON daily_gains BEGIN SELECT RAISE(ABORT, 'daily_gains is append-only'); END;
CREATE TABLE meters (
	tick INTEGER NOT NULL, 
	site INTEGER NOT NULL, 
	is_metered INTEGER NOT NULL, 
	power_mw REAL, 
	down_kinds INTEGER NOT NULL, 
	CONSTRAINT pk_meters PRIMARY KEY (tick, site)
)
 WITHOUT ROWID,
 STRICT

;
CREATE TABLE ledger (
	tick INTEGER NOT NULL, 
	site INTEGER NOT NULL, 
	cash_micro_usd INTEGER NOT NULL, 
	mining_micro_usd INTEGER NOT NULL, 
	inference_micro_usd INTEGER NOT NULL, 
	contract_premium_micro_usd INTEGER NOT NULL, 
	contract_standard_micro_usd INTEGER NOT NULL, 
	contract_flexible_micro_usd INTEGER NOT NULL, 
	contract_spot_micro_usd INTEGER NOT NULL, 
	sellback_micro_usd INTEGER NOT NULL, 
	energy_micro_usd INTEGER NOT NULL, 
	hedge_micro_usd INTEGER NOT NULL, 
	carbon_micro_usd INTEGER NOT NULL, 
	migration_premium_micro_usd INTEGER NOT NULL, 
	migration_standard_micro_usd INTEGER NOT NULL, 
	migration_flexible_micro_usd INTEGER NOT NULL, 
	restart_micro_usd INTEGER NOT NULL, 
	credit_premium_micro_usd INTEGER NOT NULL, 
	credit_standard_micro_usd INTEGER NOT NULL, 
	credit_flexible_micro_usd INTEGER NOT NULL, 
	bought_wh INTEGER NOT NULL, 
	hedge_wh INTEGER NOT NULL, 
	mining_wh INTEGER NOT NULL, 
	inference_wh INTEGER NOT NULL, 
	contracts_wh INTEGER NOT NULL, 
	cooling_wh INTEGER NOT NULL, 
	sold_wh INTEGER NOT NULL, 
	day_ahead_micro_usd INTEGER NOT NULL, 
	adder_micro_usd INTEGER NOT NULL, 
	demand_charge_micro_usd INTEGER NOT NULL, 
	coincident_peak_micro_usd INTEGER NOT NULL, 
	battery_wear_micro_usd INTEGER NOT NULL, 
	export_revenue_micro_usd INTEGER NOT NULL, 
	reserve_revenue_micro_usd INTEGER NOT NULL, 
	deployment_revenue_micro_usd INTEGER NOT NULL, 
	reserve_penalty_micro_usd INTEGER NOT NULL, 
	supply_micro_usd INTEGER NOT NULL, 
	cfd_micro_usd INTEGER NOT NULL, 
	take_or_pay_micro_usd INTEGER NOT NULL, 
	battery_wh INTEGER NOT NULL, 
	exported_wh INTEGER NOT NULL, 
	meter_micro_usd INTEGER NOT NULL, 
	CONSTRAINT pk_ledger PRIMARY KEY (tick, site), 
	CONSTRAINT ck_ledger_money_balances CHECK (cash_micro_usd + mining_micro_usd + inference_micro_usd + contract_premium_micro_usd + contract_standard_micro_usd + contract_flexible_micro_usd + contract_spot_micro_usd + sellback_micro_usd + energy_micro_usd + hedge_micro_usd + carbon_micro_usd + migration_premium_micro_usd + migration_standard_micro_usd + migration_flexible_micro_usd + restart_micro_usd + credit_premium_micro_usd + credit_standard_micro_usd + credit_flexible_micro_usd + day_ahead_micro_usd + adder_micro_usd + demand_charge_micro_usd + coincident_peak_micro_usd + battery_wear_micro_usd + export_revenue_micro_usd + reserve_revenue_micro_usd + deployment_revenue_micro_usd + reserve_penalty_micro_usd + supply_micro_usd + cfd_micro_usd + take_or_pay_micro_usd + meter_micro_usd = 0), 
	CONSTRAINT ck_ledger_energy_balances CHECK (bought_wh + hedge_wh + mining_wh + inference_wh + contracts_wh + cooling_wh + sold_wh + battery_wh + exported_wh = 0)
)
 WITHOUT ROWID,
 STRICT

;
CREATE TRIGGER ledger_no_update BEFORE UPDATE ON ledger BEGIN SELECT RAISE(ABORT, 'ledger is append-only'); END;
CREATE TRIGGER ledger_no_delete BEFORE DELETE ON ledger BEGIN SELECT RAISE(ABORT, 'ledger is append-only'); END;
CREATE TABLE ledger_days (
	tick INTEGER NOT NULL, 
	site INTEGER NOT NULL, 
	cash_micro_usd INTEGER NOT NULL, 
	mining_micro_usd INTEGER NOT NULL, 
	inference_micro_usd INTEGER NOT NULL, 
	contract_premium_micro_usd INTEGER NOT NULL, 
	contract_standard_micro_usd INTEGER NOT NULL, 
	contract_flexible_micro_usd INTEGER NOT NULL, 
	contract_spot_micro_usd INTEGER NOT NULL, 
	sellback_micro_usd INTEGER NOT NULL, 
	energy_micro_usd INTEGER NOT NULL, 
	hedge_micro_usd INTEGER NOT NULL, 
	carbon_micro_usd INTEGER NOT NULL, 
	migration_premium_micro_usd INTEGER NOT NULL, 
	migration_standard_micro_usd INTEGER NOT NULL, 
	migration_flexible_micro_usd INTEGER NOT NULL, 
	restart_micro_usd INTEGER NOT NULL, 
	credit_premium_micro_usd INTEGER NOT NULL, 
	credit_standard_micro_usd INTEGER NOT NULL, 
	credit_flexible_micro_usd INTEGER NOT NULL, 
	bought_wh INTEGER NOT NULL, 
	hedge_wh INTEGER NOT NULL, 
	mining_wh INTEGER NOT NULL, 
	inference_wh INTEGER NOT NULL, 
	contracts_wh INTEGER NOT NULL, 
	cooling_wh INTEGER NOT NULL, 
	sold_wh INTEGER NOT NULL, 
	day_ahead_micro_usd INTEGER NOT NULL, 
	adder_micro_usd INTEGER NOT NULL, 
	demand_charge_micro_usd INTEGER NOT NULL, 
	coincident_peak_micro_usd INTEGER NOT NULL, 
	battery_wear_micro_usd INTEGER NOT NULL, 
	export_revenue_micro_usd INTEGER NOT NULL, 
	reserve_revenue_micro_usd INTEGER NOT NULL, 
	deployment_revenue_micro_usd INTEGER NOT NULL, 
	reserve_penalty_micro_usd INTEGER NOT NULL, 
	supply_micro_usd INTEGER NOT NULL, 
	cfd_micro_usd INTEGER NOT NULL, 
	take_or_pay_micro_usd INTEGER NOT NULL, 
	battery_wh INTEGER NOT NULL, 
	exported_wh INTEGER NOT NULL, 
	meter_micro_usd INTEGER NOT NULL, 
	CONSTRAINT pk_ledger_days PRIMARY KEY (tick, site), 
	CONSTRAINT ck_ledger_days_money_balances CHECK (cash_micro_usd + mining_micro_usd + inference_micro_usd + contract_premium_micro_usd + contract_standard_micro_usd + contract_flexible_micro_usd + contract_spot_micro_usd + sellback_micro_usd + energy_micro_usd + hedge_micro_usd + carbon_micro_usd + migration_premium_micro_usd + migration_standard_micro_usd + migration_flexible_micro_usd + restart_micro_usd + credit_premium_micro_usd + credit_standard_micro_usd + credit_flexible_micro_usd + day_ahead_micro_usd + adder_micro_usd + demand_charge_micro_usd + coincident_peak_micro_usd + battery_wear_micro_usd + export_revenue_micro_usd + reserve_revenue_micro_usd + deployment_revenue_micro_usd + reserve_penalty_micro_usd + supply_micro_usd + cfd_micro_usd + take_or_pay_micro_usd + meter_micro_usd = 0), 
	CONSTRAINT ck_ledger_days_energy_balances CHECK (bought_wh + hedge_wh + mining_wh + inference_wh + contracts_wh + cooling_wh + sold_wh + battery_wh + exported_wh = 0)
)
 WITHOUT ROWID,
 STRICT

;
CREATE TRIGGER ledger_days_no_update BEFORE UPDATE ON ledger_days BEGIN SELECT RAISE(ABORT, 'ledger_days is append-only'); END;
CREATE TRIGGER ledger_days_no_delete BEFORE DELETE ON ledger_days BEGIN SELECT RAISE(ABORT, 'ledger_days is append-only'); END;
INSERT INTO alembic_version VALUES ('0017');
