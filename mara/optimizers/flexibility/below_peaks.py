"""Earnings of loads and a battery over many hours, below several peaks.

What a block earns is concave in what the battery gives, and so is what all later blocks earn in what is stored. The two
together are their slopes, sorted; so that a chain of days is valued exactly, without a solver, in milliseconds.
Model: docs/model.md#power-terms-in-a-run
"""

from bisect import bisect_right
from dataclasses import dataclass
from typing import Final

import numpy as np

from mara.core.arrays import Bools, Floats

UNMET_USD_PER_MWH: Final = 1e6
"""Price of energy that is missing at the end: above any that power has."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LoadsAndBattery:
    """A site's own loads by falling worth, and its battery [MW at the meter].

    Attributes:
        worth_usd_per_mwh, load_mw: of each kind of load (K,). firm_mw: what contracts draw, no choice.
        limit_mw, export_mw, fee_usd_per_mwh: of the connection, both ways, and what is taken off power fed in.
        power_mw, energy_mwh, into_share, out_share, wear_usd_per_mwh: of the battery; no power without one.
        end_mwh: stored at the begin, and at least at the end.
    """

    worth_usd_per_mwh: Floats
    load_mw: Floats
    firm_mw: float
    limit_mw: float
    export_mw: float
    fee_usd_per_mwh: float
    power_mw: float
    energy_mwh: float
    into_share: float
    out_share: float
    wear_usd_per_mwh: float
    end_mwh: float

    @property
    def has_battery(self) -> bool:
        """Say whether the battery can do something."""
        return self.power_mw > 0.0 < self.energy_mwh


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Blocks:
    """A chain of T blocks of `length_h` hours, the oldest first.

    Attributes:
        price_usd_per_mwh, cost_usd_per_mwh: of energy, without and with all that drawing it costs (T,).
        counts: blocks in which the peak is a limit (T,). weight_share: of what a block earns, in the sum (T,).
    """

    length_h: int
    price_usd_per_mwh: Floats
    cost_usd_per_mwh: Floats
    counts: Bools
    weight_share: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Ways:
    """Ways to use stored energy, and to store more, in T blocks and below N peaks.

    Attributes:
        usd_per_mwh: what a megawatt-hour of stored energy earns by each of J ways, and costs by the rest (T, J).
        mwh: most of each (N, T, J). stored_mwh: most that is stored (N, T).
        empty_usd: earned where as much is stored as can be, over all blocks (N,).
    """

    usd_per_mwh: Floats
    mwh: Floats
    stored_mwh: Floats
    empty_usd: Floats


def earned_usd(site: LoadsAndBattery, blocks: Blocks, peaks_mw: Floats) -> Floats:
    """Find the most that a chain of blocks earns below each of N peaks.

    Blocks count as they are weighted (N,) [USD]. Where the price is below zero, a battery may charge and discharge at
    once.
    """
    drawn_mw = np.where(blocks.counts, peaks_mw[:, None], max(site.limit_mw, site.firm_mw))
    value, width_mw = _uses(site, blocks, drawn_mw)
    end_mw = np.cumsum(width_mw, axis=2)
    begin_mw = end_mw - width_mw
    free_mw = (drawn_mw - site.firm_mw)[:, :, None]

    def between(low_mw: Floats, high_mw: Floats) -> Floats:
        return np.asarray(np.maximum(np.minimum(end_mw, high_mw) - np.maximum(begin_mw, low_mw), 0.0))

    alone = (value * between(np.zeros(1), free_mw)).sum(axis=2) - blocks.cost_usd_per_mwh * drawn_mw
    alone_usd = blocks.length_h * (alone @ blocks.weight_share)
    if not site.has_battery:
        return np.asarray(alone_usd)
    into_mwh = blocks.length_h * site.into_share * between(np.maximum(free_mw - site.power_mw, 0.0), free_mw)
    out_mwh = blocks.length_h / site.out_share * between(free_mw, free_mw + site.power_mw)
    weight_share = blocks.weight_share[:, None]
    cost = weight_share * value / site.into_share
    gain = weight_share * (value - site.wear_usd_per_mwh) * site.out_share
    ways = _Ways(
        usd_per_mwh=np.concatenate([cost, gain], axis=1),
        mwh=np.concatenate([into_mwh, out_mwh], axis=2),
        stored_mwh=into_mwh.sum(axis=2),
        empty_usd=alone_usd - (into_mwh * cost).sum(axis=(1, 2)),
    )
    return np.array([_chained_usd(site, ways, n) for n in range(len(peaks_mw))])


def _uses(site: LoadsAndBattery, blocks: Blocks, drawn_mw: Floats) -> tuple[Floats, Floats]:
    """Sort the uses of power in each block by worth.

    Their worth is (T, J) [USD/MWh], their width (N, T, J) [MW]. Loads run, power is fed in, and less is drawn. A site
    has as much as it may draw, to begin with.
    """
    loads_mw = np.broadcast_to(site.load_mw, (*drawn_mw.shape, len(site.load_mw)))
    fed_in = np.minimum(blocks.price_usd_per_mwh - site.fee_usd_per_mwh, blocks.cost_usd_per_mwh)
    worth = np.broadcast_to(site.worth_usd_per_mwh, loads_mw.shape[1:])
    value = np.column_stack([worth, blocks.cost_usd_per_mwh, fed_in])
    width_mw = np.concatenate(
        [loads_mw, drawn_mw[:, :, None], np.full((*drawn_mw.shape, 1), site.export_mw)],
        axis=2,
    )
    order = np.argsort(-value, axis=1, kind="stable")
    return np.take_along_axis(value, order, axis=1), np.take_along_axis(width_mw, order[None], axis=2)


def _chained_usd(site: LoadsAndBattery, ways: _Ways, n: int) -> float:
    """Find the most that the chain earns below one peak, from its end on.

    Stored energy is kept in parts by falling worth: negative slopes, ascending, and their widths.
    """
    slopes, widths = [-UNMET_USD_PER_MWH, 0.0], [site.end_mwh, site.energy_mwh - site.end_mwh]
    usd = float(ways.empty_usd[n]) - UNMET_USD_PER_MWH * site.end_mwh
    blocks = zip((-ways.usd_per_mwh).tolist(), ways.mwh[n].tolist(), ways.stored_mwh[n].tolist(), strict=True)
    for negative, mwh, stored_mwh in reversed(list(blocks)):
        for slope, width in zip(negative, mwh, strict=True):
            if width > 0.0:
                at = bisect_right(slopes, slope)
                slopes.insert(at, slope)
                widths.insert(at, width)
        usd += _taken_usd(slopes, widths, stored_mwh)
        over_mwh = sum(widths) - site.energy_mwh
        while over_mwh >= widths[-1]:
            over_mwh -= widths.pop()
            slopes.pop()
        widths[-1] -= over_mwh
    return usd + _taken_usd(slopes, widths, site.end_mwh)


def _taken_usd(slopes: list[float], widths: list[float], mwh: float) -> float:
    """Take the most valuable parts of stored energy away; return their worth [USD]."""
    usd, parts = 0.0, 0
    while mwh >= widths[parts] and parts < len(widths) - 1:
        mwh -= widths[parts]
        usd -= slopes[parts] * widths[parts]
        parts += 1
    widths[parts] -= mwh
    usd -= slopes[parts] * mwh
    del slopes[:parts], widths[:parts]
    return usd
