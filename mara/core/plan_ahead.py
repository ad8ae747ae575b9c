"""Plan of the next day by site and clock hour, for the outside.

It shows the plan as it was made: ticks round it to whole contracts and follow the price that they observe.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import numpy as np

from mara.core.arrays import Floats, Ints
from mara.core.outlook import row_ticks
from mara.core.plan import Plan
from mara.core.units import SECONDS_PER_HOUR
from mara.core.world import Forecast, RunConfig

HOURS_AHEAD: Final = 24
"""Clock hours that are shown; the first is the present one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteAhead:
    """A site in each hour ahead; loads are IT megawatts, batteries at the meter.

    Attributes:
        energy_price_usd_per_mwh: price that the plan expects; empty where its forecast is no longer kept.
        is_published: whether all prices of the hour are published; empty where the feed does not tell.
        mining_mw, inference_mw, contracts_mw: own mining, tokens sold to anyone, and contracts.
        battery_mw: discharging less charging; empty for a fleet without batteries.
    """

    site_id: str
    energy_price_usd_per_mwh: tuple[float, ...]
    is_published: tuple[bool, ...]
    mining_mw: tuple[float, ...]
    inference_mw: tuple[float, ...]
    contracts_mw: tuple[float, ...]
    battery_mw: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanAhead:
    """The plan in force over the hours ahead.

    Attributes:
        optimizer: whoever made it, at `made_at`.
        status: optimal, feasible or fallback.
        note: reason for this plan where a better one failed; empty for none.
        at: begin of each clock hour, of which the first has begun; empty where only the present is planned.
        sites: in the fleet's order; empty where only the present is planned.
    """

    optimizer: str
    status: str
    note: str
    made_tick: int
    made_at: datetime
    age_minutes: float
    at: tuple[datetime, ...]
    sites: tuple[SiteAhead, ...]


def plan_ahead_of(plan: Plan, forecast: Forecast | None, tick: int, config: RunConfig) -> PlanAhead:
    """Put a plan's steps and the prices behind it on the clock hours from a tick on.

    A plan of one step, such as that of rules, says nothing about later hours.

    Args:
        forecast: behind the plan; None where it is no longer kept.
    """
    grid = config.grid
    hour = grid.epoch_h(tick)
    edges = np.array([grid.tick_at(_at(hour + later)) for later in range(HOURS_AHEAD + 1)])
    step_share = _shares(edges, plan.step_ticks, plan.made_tick) if len(plan.steps) > 1 else np.zeros((0, 1))
    step_share = step_share[step_share.sum(axis=1) > 0.0]
    hours = len(step_share)
    return PlanAhead(
        optimizer=plan.optimizer,
        status=plan.status,
        note=plan.note,
        made_tick=plan.made_tick,
        made_at=grid.at(plan.made_tick),
        age_minutes=float((tick - plan.made_tick) * grid.tick_minutes),
        at=tuple(_at(hour + later) for later in range(hours)),
        sites=_sites(plan, forecast, step_share, edges[: hours + 1], config) if hours else (),
    )


def _sites(
    plan: Plan, forecast: Forecast | None, step_share: Floats, edges: Ints, config: RunConfig
) -> tuple[SiteAhead, ...]:
    steps, batteries = plan.steps, [step.power for step in plan.steps if step.power is not None]
    mining = _means(step_share, [step.miners_mw.sum(axis=1) for step in steps])
    inference = _means(step_share, [step.merchant_mw.sum(axis=(0, 2)) for step in steps])
    contracts = _means(step_share, [step.contracts_mw.sum(axis=1) for step in steps])
    none: list[tuple[float, ...]] = [()] * config.fleet.site_count
    has_batteries = len(batteries) == len(steps)
    battery = _means(step_share, [one.discharge_mw - one.charge_mw for one in batteries]) if has_batteries else none
    prices = none if forecast is None else _prices(forecast, edges, config)
    published = [()] * config.fleet.site_count if forecast is None else _published(forecast, edges, config)
    return tuple(
        SiteAhead(
            site_id=site_id,
            energy_price_usd_per_mwh=prices[s],
            is_published=published[s],
            mining_mw=mining[s],
            inference_mw=inference[s],
            contracts_mw=contracts[s],
            battery_mw=battery[s],
        )
        for s, site_id in enumerate(config.fleet.site_ids)
    )


def _prices(forecast: Forecast, edges: Ints, config: RunConfig) -> list[tuple[float, ...]]:
    step_share = _shares(edges, row_ticks(forecast, config.grid, forecast.tick), forecast.tick)
    return _means(step_share, forecast.energy_price_usd_per_mwh)


def _published(forecast: Forecast, edges: Ints, config: RunConfig) -> Sequence[tuple[bool, ...]]:
    """Tell for each site and hour whether all of its prices are published."""
    if forecast.published_count is None:
        return [()] * config.fleet.site_count
    lengths = row_ticks(forecast, config.grid, forecast.tick)
    ends = np.cumsum((0, *lengths))
    ends[1] = 1  # a count of one knows this tick alone, not the rest of its hour
    known_until = forecast.tick + ends[forecast.published_count]
    return [tuple(row) for row in (edges[1:] <= known_until[:, None]).tolist()]


def _shares(edges: Ints, lengths: Sequence[int] | Ints, first_tick: int) -> Floats:
    """Divide each hour between the steps that it overlaps (H, steps).

    An hour that no step overlaps has no shares.
    """
    ends = first_tick + np.cumsum(lengths)
    starts = ends - np.asarray(lengths)
    common = np.minimum(edges[1:, None], ends) - np.maximum(edges[:-1, None], starts)
    common = np.maximum(common, 0).astype(np.float64)
    whole = common.sum(axis=1, keepdims=True)
    return np.asarray(np.divide(common, whole, out=np.zeros_like(common), where=whole > 0.0))


def _means(step_share: Floats, by_step: Sequence[Floats] | Floats) -> list[tuple[float, ...]]:
    """Average values of steps (steps, S) over hours, as a tuple for each site."""
    return [tuple(row) for row in (step_share @ np.asarray(by_step)).T.tolist()]


def _at(hour: int) -> datetime:
    return datetime.fromtimestamp(hour * SECONDS_PER_HOUR, UTC)
