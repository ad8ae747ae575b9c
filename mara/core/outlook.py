"""Conditions and costs of many ticks at once, from feeds alone.

None of it depends on the world, so that a run which knows its feed computes it ahead: a few large arrays cost less than
many small ones. The numbers are those of `conditions_of`, bit for bit, because every formula is applied by element.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import accumulate, pairwise
from operator import attrgetter, is_
from typing import Any, Final, TypeVar

import numpy as np

from mara.core.arrays import Floats, Ints, sealed, stacked
from mara.core.climate import derate_share, pue_of
from mara.core.fleet import Fleet, Workload
from mara.core.market import mining_value_usd_per_mwh, remote_cost_usd_per_mwh
from mara.core.power_calendar import adder_usd_per_mwh
from mara.core.timegrid import TimeGrid
from mara.core.units import G_PER_KG, TOKENS_PER_MTOK
from mara.core.world import Conditions, Forecast, Observation, RunConfig, grid_limit_mw, known_in

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Situations:
    """Inputs of successive ticks, each kind of tick once.

    The quarters of an hour whose feed tells hours are alike.

    Attributes:
        observations, forecasts: of the first tick of each kind (U,).
        known_conditions: conditions by which they are planned (U, ...).
    """

    config: RunConfig
    observations: Sequence[Observation]
    forecasts: Sequence[Forecast]
    known_conditions: Conditions


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outlooks:
    """Successive ticks with all that is computed of them together.

    Attributes:
        conditions, known_conditions: conditions of all ticks (T, ...), as in `Outlook`.
        situations: their inputs; `earlier_situations_count` of them come before that of each tick (T,).
    """

    observations: Sequence[Observation]
    conditions: Conditions
    known_conditions: Conditions
    situations: Situations
    earlier_situations_count: Sequence[int]
    _derived: dict[Callable[[Situations], Sequence[Any]], Sequence[Any]] = field(default_factory=dict)

    def derived(self, rows_of: Callable[[Situations], Sequence[Row]]) -> Sequence[Row]:
        """Return what a planner derives from every tick, computed at the first call.

        Ticks that are alike share it.
        """
        if rows_of not in self._derived:
            rows = rows_of(self.situations)
            self._derived[rows_of] = [rows[at] for at in self.earlier_situations_count]
        return self._derived[rows_of]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outlook:
    """A tick as it is observed and as it is known when it is planned.

    Attributes:
        known: observation by which the tick is planned; that of the tick itself where all prices are known.
        known_conditions: conditions by which it is planned.
        conditions: conditions by which it is settled.
        present_rack_cost_usd_per_mwh: cost of a rack megawatt-hour in the first row of the forecast (S,).
        together: the ticks that were computed together; `earlier_count` of them come before this one.
    """

    observation: Observation
    forecast: Forecast
    known: Observation
    known_conditions: Conditions
    conditions: Conditions
    present_rack_cost_usd_per_mwh: Floats
    together: Outlooks
    earlier_count: int

    @property
    def is_repeated(self) -> bool:
        """True where the tick before or after is told the same."""
        t, count = self.earlier_count, self.together.earlier_situations_count
        return count[t] == (count[t - 1] if t else -1) or (t + 1 < len(count) and count[t] == count[t + 1])

    @property
    def rack_cost_usd_per_mwh(self) -> Floats:
        """Cost of a rack megawatt-hour in each row of the forecast (H, S).

        It is computed when the first tick asks, as few do.
        """
        return self.together.derived(_rack_costs)[self.earlier_count][0]

    @property
    def most_rack_cost_usd_per_mwh(self) -> float:
        """The largest cost of a rack megawatt-hour in the forecast."""
        return self.together.derived(_rack_costs)[self.earlier_count][1]


def outlooks_of(
    observations: Sequence[Observation], forecasts: Sequence[Forecast], config: RunConfig
) -> tuple[Outlook, ...]:
    """Compute the outlooks of successive ticks.

    Their forecasts have equally many rows.
    """
    earlier = _earlier_situations(observations, forecasts, config)
    firsts = [t for t, at in enumerate(earlier) if not t or at > earlier[t - 1]]
    first_forecasts = [forecasts[t] for t in firsts]
    known = [known_in(forecast, seen) for forecast, seen in zip(forecasts, observations, strict=True)]
    conditions = conditions_of_all([observations[t] for t in firsts], config)
    expects = any(forecast.expects_present_price for forecast in forecasts)
    known_conditions = conditions_of_all([known[t] for t in firsts], config) if expects else conditions
    present_cost = rack_cost_ahead_usd_per_mwh(first_forecasts, config, rows=1)[:, 0]
    of_ticks = _of_ticks(conditions, earlier)
    together = Outlooks(
        observations=observations,
        conditions=of_ticks,
        known_conditions=_of_ticks(known_conditions, earlier) if expects else of_ticks,
        situations=Situations(
            config=config,
            observations=[observations[t] for t in firsts],
            forecasts=first_forecasts,
            known_conditions=known_conditions,
        ),
        earlier_situations_count=earlier,
    )
    each = each_of(conditions)
    known_each = each_of(known_conditions) if expects else each
    return tuple(
        Outlook(
            observation=observations[t],
            forecast=forecasts[t],
            known=known[t],
            known_conditions=known_each[at],
            conditions=each[at],
            present_rack_cost_usd_per_mwh=present_cost[at],
            together=together,
            earlier_count=t,
        )
        for t, at in enumerate(earlier)
    )


def _earlier_situations(
    observations: Sequence[Observation], forecasts: Sequence[Forecast], config: RunConfig
) -> list[int]:
    """Count the situations before that of each tick (T,).

    There is one more where a tick is not like the one before. A feed that tells both the same gives them the same
    objects, which is quick to see.
    """
    if config.fleet.power is not None:  # its adders depend on the clock besides
        return list(range(len(observations)))
    told = [(*_OBSERVED(seen), *_FORECAST(ahead)) for seen, ahead in zip(observations, forecasts, strict=True)]
    return list(accumulate((int(not all(map(is_, *two))) for two in pairwise(told)), initial=0))


def _of_ticks(conditions: Conditions, earlier_count: Sequence[int]) -> Conditions:
    """Repeat conditions of situations (U, ...) for the ticks that have them (T, ...)."""
    if len(conditions.pue) == len(earlier_count):
        return conditions
    return Conditions(**{name: sealed(getattr(conditions, name).take(earlier_count, axis=0)) for name in _CONDITIONS})


def conditions_of_all(observations: Sequence[Observation], config: RunConfig) -> Conditions:
    """Compute the conditions of many ticks (T, ...)."""
    fleet, terms = config.fleet, config.terms
    dry_bulb_c = stacked([seen.dry_bulb_c for seen in observations])
    pue = pue_of(dry_bulb_c, stacked([seen.wet_bulb_c for seen in observations]), fleet)
    available = fleet.nameplate_mw * stacked([seen.availability_share for seen in observations])[:, :, None]
    derate = derate_share(dry_bulb_c)
    if derate is not None:
        available *= derate
    racks = available[:, :, Workload.GPU] + available[:, :, Workload.ASIC]
    rack_pue = pue[:, :, Workload.GPU]
    limits = _grid_limits_mw(observations, fleet)
    carbon = stacked([seen.carbon_intensity_g_per_kwh for seen in observations])
    carbon = carbon * (terms.carbon_price_usd_per_t / G_PER_KG)
    grid = stacked([seen.energy_price_usd_per_mwh for seen in observations]) + carbon
    if fleet.power is not None:
        hours = [config.grid.epoch_h(seen.tick) for seen in observations]
        grid += stacked([adder_usd_per_mwh(fleet, hour) for hour in hours])
    hashprice = np.array([seen.hashprice_usd_per_ph_day for seen in observations])
    return Conditions(
        pue=sealed(pue),
        available_mw=sealed(available),
        racks_mw=sealed(racks),
        rack_pue=pue[:, :, Workload.GPU],
        grid_limit_mw=limits,
        contract_room_mw=sealed(np.minimum(racks, limits / rack_pue)),
        carbon_cost_usd_per_mwh=sealed(carbon),
        grid_cost_usd_per_mwh=sealed(grid),
        mining_value_usd_per_mwh=sealed(mining_value_usd_per_mwh(hashprice[:, None], fleet.efficiency_j_per_th)),
        merchant_value_usd_per_mwh=sealed(_merchant_value(observations, config)),
    )


def _grid_limits_mw(observations: Sequence[Observation], fleet: Fleet) -> Floats:
    """Return the most power of each site in each tick (T, S) [MW]."""
    if all(seen.import_limit_mw is None for seen in observations):
        return np.broadcast_to(fleet.grid_limit_mw, (len(observations), fleet.site_count))
    return sealed(stacked([grid_limit_mw(seen, fleet) for seen in observations]))


def each_of(conditions: Conditions) -> tuple[Conditions, ...]:
    """Cut the conditions of many ticks into those of each.

    What is derived from them is computed for all ticks at once.
    """
    names = (*_CONDITIONS, "rack_cost_usd_per_mwh", "miner_margin_usd_per_mwh")
    found = []
    for row in zip(*[getattr(conditions, name) for name in names], strict=True):
        of_tick = object.__new__(Conditions)
        vars(of_tick).update(zip(names, row, strict=True))
        found.append(of_tick)
    return tuple(found)


def known_conditions_of(ticks: Sequence[Outlook]) -> Conditions:
    """Return the conditions by which successive ticks are planned, together (T, ...)."""
    all_known, at = ticks[0].together.known_conditions, ticks[0].earlier_count
    here = slice(at, at + len(ticks))
    return Conditions(**{name: getattr(all_known, name)[here] for name in _CONDITIONS})


def _rack_costs(ticks: Situations) -> list[tuple[Floats, float]]:
    """Compute `rack_cost_usd_per_mwh` of situations (H, S), and the largest of each."""
    cost = rack_cost_ahead_usd_per_mwh(ticks.forecasts, ticks.config)
    most: list[float] = cost.max(axis=(1, 2)).tolist()
    return list(zip(cost, most, strict=True))


def rack_cost_ahead_usd_per_mwh(forecasts: Sequence[Forecast], config: RunConfig, *, rows: int | None = None) -> Floats:
    """Compute the cost of a rack megawatt-hour in rows of each forecast (T, H, S).

    Args:
        rows: number of the first rows that are asked for; None for all.
    """
    carbon = stacked([ahead.carbon_intensity_g_per_kwh[:rows] for ahead in forecasts])
    carbon = carbon * (config.terms.carbon_price_usd_per_t / G_PER_KG)
    dry_bulb_c = stacked([ahead.dry_bulb_c[:rows] for ahead in forecasts])
    wet_bulb_c = stacked([ahead.wet_bulb_c[:rows] for ahead in forecasts])
    if len(forecasts) == 1:  # the ticks of an hour are told the same weather
        pue = _rack_pue_ahead(dry_bulb_c.tobytes(), wet_bulb_c.tobytes(), config.fleet)
    else:
        pue = pue_of(dry_bulb_c, wet_bulb_c, config.fleet)[..., Workload.GPU]
    return sealed(pue * (stacked([ahead.energy_price_usd_per_mwh[:rows] for ahead in forecasts]) + carbon))


@lru_cache(maxsize=4)
def _rack_pue_ahead(dry_bulb_c: bytes, wet_bulb_c: bytes, fleet: Fleet) -> Floats:
    """Compute the PUE of racks in the rows of one forecast (1, H, S).

    Its weather comes as bytes, keys of the cache.
    """
    dry, wet = (np.frombuffer(each).reshape(1, -1, fleet.site_count) for each in (dry_bulb_c, wet_bulb_c))
    return sealed(np.ascontiguousarray(pue_of(dry, wet, fleet)[..., Workload.GPU]))


def _merchant_value(observations: Sequence[Observation], config: RunConfig) -> Floats:
    """Compute `merchant_value_usd_per_mwh` of many ticks (T, R, S, 2)."""
    fleet = config.fleet
    price = np.array([seen.token_price_usd_per_mtok for seen in observations])
    multiplier = stacked([seen.demand_multiplier_share for seen in observations])
    by_kind = fleet.tokens_per_mwh * (price / TOKENS_PER_MTOK)[:, None]
    remote = remote_cost_usd_per_mwh(fleet, config.terms.remote_serving_usd_per_mwh)
    return np.asarray((multiplier[:, :, None] * by_kind[:, None, :])[:, :, None, :] - remote)


def unchanging(seen: Observation, hours: int) -> Forecast:
    """Return the forecast of someone who knows only the present: each hour is like it."""

    def on(values: Floats) -> Floats:
        return sealed(np.tile(values, (hours, 1)))

    return Forecast(
        tick=seen.tick,
        energy_price_usd_per_mwh=on(seen.energy_price_usd_per_mwh),
        carbon_intensity_g_per_kwh=on(seen.carbon_intensity_g_per_kwh),
        dry_bulb_c=on(seen.dry_bulb_c),
        wet_bulb_c=on(seen.wet_bulb_c),
        hashprice_usd_per_ph_day=sealed(np.full(hours, seen.hashprice_usd_per_ph_day)),
        demand_multiplier_share=on(seen.demand_multiplier_share),
        demand_tokens_per_h=on(seen.demand_tokens_per_h),
        import_limit_mw=None if seen.import_limit_mw is None else on(seen.import_limit_mw),
    )


def row_ticks(forecast: Forecast, grid: TimeGrid, tick: int) -> Ints:
    """Count the ticks of each row of a forecast that are still to come at a tick (H,)."""
    if forecast.row_minutes:
        return np.array(forecast.row_minutes) // grid.tick_minutes
    ticks = np.full(len(forecast.hashprice_usd_per_ph_day), grid.ticks_per_hour, dtype=np.int64)
    ticks[0] -= tick % grid.ticks_per_hour
    return ticks


_CONDITIONS: Final = tuple(Conditions.__dataclass_fields__)
_OBSERVED: Final = attrgetter(
    "energy_price_usd_per_mwh",
    "carbon_intensity_g_per_kwh",
    "dry_bulb_c",
    "wet_bulb_c",
    "availability_share",
    "import_limit_mw",
    "hashprice_usd_per_ph_day",
    "token_price_usd_per_mtok",
    "demand_multiplier_share",
    "demand_tokens_per_h",
)
_FORECAST: Final = attrgetter(
    "energy_price_usd_per_mwh",
    "carbon_intensity_g_per_kwh",
    "dry_bulb_c",
    "wet_bulb_c",
    "demand_multiplier_share",
    "expects_present_price",
)
"""Fields on which an outlook depends, and all that is derived from it."""
