"""Coefficients of a tick as the lists and orders that schedulers walk through.

They do not depend on the world: a run that knows its feed computes them for many ticks at once.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

import numpy as np

from mara.core.arrays import Floats, row_sums_of_all, stacked
from mara.core.fleet import MINERS, RACK_KIND_COUNT, RACKS, Fleet, Workload
from mara.core.market import remote_cost_usd_per_mwh
from mara.core.outlook import Outlook, Situations
from mara.core.plan import Problem
from mara.core.world import Forecast, Observation, RunConfig, conditions_of


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TickTables:
    """Coefficients of one tick in lists and orders.

    An offer is the racks of one kind at one site, numbered as in a flattened (S, 2).

    Attributes:
        cost_usd_per_mwh: cost of a rack megawatt-hour by site (S,).
        cheapest, dearest: sites by rising and by falling cost.
        rack_pue: site power of a contract's megawatt by site (S,).
        grid_limit_mw: most power that a site can draw (S,).
        room_mw: contract load that racks and grid can hold (S,).
        mining_mw: site power of miners that are worth their power (S,).
        token_usd_per_mwh: worth of a rack megawatt-hour by region and offer (R, S x 2).
        is_at_peak: the demand of a region is the highest of the hours ahead (R,).
        racks_mw: racks by offer (S x 2,).
        tokens_per_h: demand for tokens by region (R,).
        regions: regions by falling multiplier of the token price.
        offers: each region's offers that pay for their power, by the cost of a token, which is of power and of serving
            from a distant site.
    """

    cost_usd_per_mwh: list[float]
    cheapest: list[int]
    dearest: list[int]
    rack_pue: list[float]
    grid_limit_mw: list[float]
    room_mw: list[float]
    mining_mw: list[float]
    token_usd_per_mwh: Floats
    is_at_peak: list[bool]
    racks_mw: list[float]
    tokens_per_h: list[float]
    regions: list[int]
    offers: list[list[int]]


def tables_of(problem: Problem) -> TickTables:
    """Compute the tables of a problem's tick, or look up those computed before.

    They were computed ahead, or for another world of the same tick.
    """
    if problem.outlook is not None:
        return tables_in(problem.outlook)
    return _tables_of_one(problem.observation, problem.forecast, problem.config)


@lru_cache(maxsize=4)
def _tables_of_one(seen: Observation, forecast: Forecast, config: RunConfig) -> TickTables:
    """Compute the tables of a tick once for all worlds that plan it.

    Observations and forecasts compare by identity.
    """
    c = conditions_of(seen, config)
    (tables,) = _tables(
        config,
        rack_cost_usd_per_mwh=c.rack_cost_usd_per_mwh[None],
        grid_limit_mw=c.grid_limit_mw[None],
        room_mw=c.contract_room_mw[None],
        available_mw=c.available_mw[None],
        pue=c.pue[None],
        margin_usd_per_mwh=c.miner_margin_usd_per_mwh[None],
        token_usd_per_mwh=c.merchant_value_usd_per_mwh[None],
        multiplier_share=seen.demand_multiplier_share[None],
        peak_share=forecast.demand_multiplier_share.max(axis=0)[None],
        tokens_per_h=seen.demand_tokens_per_h[None],
    )
    return tables


def tables_in(outlook: Outlook) -> TickTables:
    """Look up the tables of a tick among those computed ahead."""
    return outlook.together.derived(_tables_of_all)[outlook.earlier_count]


def _tables_of_all(ticks: Situations) -> list[TickTables]:
    c, seen = ticks.known_conditions, ticks.observations
    return _tables(
        ticks.config,
        rack_cost_usd_per_mwh=c.rack_cost_usd_per_mwh,
        grid_limit_mw=c.grid_limit_mw,
        room_mw=c.contract_room_mw,
        available_mw=c.available_mw,
        pue=c.pue,
        margin_usd_per_mwh=c.miner_margin_usd_per_mwh,
        token_usd_per_mwh=c.merchant_value_usd_per_mwh,
        multiplier_share=stacked([each.demand_multiplier_share for each in seen]),
        peak_share=stacked([ahead.demand_multiplier_share for ahead in ticks.forecasts]).max(axis=1),
        tokens_per_h=stacked([each.demand_tokens_per_h for each in seen]),
    )


def _tables(
    config: RunConfig,
    *,
    rack_cost_usd_per_mwh: Floats,
    grid_limit_mw: Floats,
    room_mw: Floats,
    available_mw: Floats,
    pue: Floats,
    margin_usd_per_mwh: Floats,
    token_usd_per_mwh: Floats,
    multiplier_share: Floats,
    peak_share: Floats,
    tokens_per_h: Floats,
) -> list[TickTables]:
    """Compute the tables of ticks, whose axis comes first in every array."""
    count = len(rack_cost_usd_per_mwh)
    token_value = token_usd_per_mwh.reshape(*token_usd_per_mwh.shape[:2], -1)
    pays = margin_usd_per_mwh >= 0.0
    columns = (
        rack_cost_usd_per_mwh.tolist(),
        rack_cost_usd_per_mwh.argsort(axis=1, kind="stable").tolist(),
        (-rack_cost_usd_per_mwh).argsort(axis=1, kind="stable").tolist(),
        pue[:, :, Workload.GPU].tolist(),
        grid_limit_mw.tolist(),
        room_mw.tolist(),
        row_sums_of_all(available_mw[:, :, MINERS] * pue[:, :, MINERS] * pays).tolist(),
        token_value,
        (multiplier_share >= peak_share).tolist(),
        available_mw[:, :, RACKS].reshape(count, -1).tolist(),
        tokens_per_h.tolist(),
        (-multiplier_share).argsort(axis=1, kind="stable").tolist(),
        _offers(config, rack_cost_usd_per_mwh, token_value),
    )
    names = TickTables.__dataclass_fields__
    return [TickTables(**dict(zip(names, row, strict=True))) for row in zip(*columns, strict=True)]


def _offers(config: RunConfig, rack_cost_usd_per_mwh: Floats, token_usd_per_mwh: Floats) -> list[list[list[int]]]:
    """Order offers that pay for their power by the cost of a token.

    Returns lists by tick and region (T, R, up to S x 2).
    """
    detour = _detour_usd_per_mwh(config.fleet, config.terms.remote_serving_usd_per_mwh)
    cost = rack_cost_usd_per_mwh[:, None, :, None] + detour
    by_token = (cost / config.fleet.tokens_per_mwh).reshape(token_usd_per_mwh.shape)
    order = by_token.argsort(axis=-1, kind="stable")
    pays = token_usd_per_mwh > rack_cost_usd_per_mwh.repeat(RACK_KIND_COUNT, axis=1)[:, None, :]
    pays = np.take_along_axis(pays, order, axis=-1)
    offers: Iterator[int] = iter(order[pays].tolist())
    return [[list(islice(offers, count)) for count in by_region] for by_region in pays.sum(axis=-1).tolist()]


@lru_cache(maxsize=8)
def _detour_usd_per_mwh(fleet: Fleet, remote_serving_usd_per_mwh: float) -> Floats:
    """Return the extra cost of serving a region not from its best site (R, S, 1)."""
    cost = remote_cost_usd_per_mwh(fleet, remote_serving_usd_per_mwh)
    return np.asarray(cost - cost.min(axis=1, keepdims=True))
