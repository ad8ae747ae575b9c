"""Sums of money by kind, by site and by interval, in whole micro-dollars."""

from collections.abc import Sequence
from dataclasses import dataclass

from components.money.money_kinds import COSTS, KINDS
from mara.core.finance import LINE_COUNT, Line
from mara.core.history import MoneyBreakdown


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteMoney:
    """Revenue and costs of a site; costs are negative."""

    site_id: str
    revenue_micro_usd: int
    cost_micro_usd: int


def line_sums(parts: MoneyBreakdown) -> tuple[int, ...]:
    """Sum each ledger line over all intervals and sites."""
    sums = [0] * LINE_COUNT
    for interval in parts.intervals:
        for of_site in interval.amounts_micro_usd:
            sums = [one + other for one, other in zip(sums, of_site, strict=True)]
    return tuple(sums)


def site_sums(parts: MoneyBreakdown) -> tuple[SiteMoney, ...]:
    """Sum revenue and costs of each site over all intervals."""
    found = []
    for place, site_id in enumerate(parts.site_ids):
        of_site = [interval.amounts_micro_usd[place] for interval in parts.intervals]
        cost = sum(amounts[line] for amounts in of_site for line in COSTS)
        revenue = sum(map(sum, of_site)) - cost
        found.append(SiteMoney(site_id=site_id, revenue_micro_usd=revenue, cost_micro_usd=cost))
    return tuple(found)


def kind_course(parts: MoneyBreakdown) -> dict[int, dict[str, int]]:
    """Sum each kind over all sites, by the interval's begin in epoch seconds."""
    course = {}
    for interval in parts.intervals:
        lines = [sum(amounts) for amounts in zip(*interval.amounts_micro_usd, strict=True)]
        course[interval.at_epoch_s] = {kind.key: sum(lines[line] for line in kind.lines) for kind in KINDS}
    return course


def site_course(parts: MoneyBreakdown, drawn: Sequence[str], rest: str) -> dict[int, dict[str, int]]:
    """Sum the profit of each drawn site, and of all others together, by interval.

    Args:
        drawn: ids of the sites with a series of their own.
        rest: key of the series of the others.
    """
    course: dict[int, dict[str, int]] = {}
    for interval in parts.intervals:
        row = course[interval.at_epoch_s] = dict.fromkeys((*drawn, rest), 0)
        for site_id, amounts in zip(parts.site_ids, interval.amounts_micro_usd, strict=True):
            row[site_id if site_id in row else rest] += sum(amounts)
    return course


def energy_cost_micro_usd(lines: Sequence[int]) -> int:
    """Sum what power itself cost, corrected by meters; a cost is positive."""
    return -(lines[Line.ENERGY] + lines[Line.HEDGE] + lines[Line.SELLBACK] + lines[Line.DAY_AHEAD] + lines[Line.METER])
