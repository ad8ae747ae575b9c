"""Dispatch document of a tick: the load of each site, machine group and contract.

It is made for programs that act on a plan. Consumption is positive; powers are IT megawatts unless named `site_`. All
instants are on the run's own clock. Format: docs/formats.md#dispatch-document
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from math import ceil
from types import MappingProxyType
from typing import Final, Literal

import numpy as np

from mara.core.contract import UNPLACED
from mara.core.fleet import MINER_COUNT, MINERS, WORKLOAD_KEYS, Fleet
from mara.core.plan import Plan, known_gap_share
from mara.core.step import Step
from mara.core.units import SECONDS_PER_MINUTE, TOLERANCE_MW
from mara.core.world import Observation, RunConfig

SCHEMA: Final = "mara.dispatch/1"
VALID_TICKS: Final = 2
"""Length of a document's validity, so that one lost document is no outage."""
MODES: Final = ("advise", "shadow", "dry-run", "act")
"""Modes of a site, the strongest last."""
UNARMED: Final = ("advise", "shadow")
"""Modes in which nothing is told to a device."""
Mode = Literal["advise", "shadow", "dry-run", "act"]
NO_MODES: Final[Mapping[str, Mode]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupTarget:
    """Load of the machines of one kind at one site.

    Attributes:
        kind: miner, or rack.
        units_on: machines that are to run, the last of them perhaps in part.
        not_before: end of the time that miners which are off stay off; None where they may start.
        order_number: place in which the site's groups give up load, 1 the first: the least efficient miners.
    """

    group: str
    kind: Literal["miner", "rack"]
    power_mw: float
    units_on_count: int
    not_before: datetime | None
    order_number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractTarget:
    """Load of a contract at its site."""

    contract_id: str
    power_mw: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteTarget:
    """Load of a site.

    Attributes:
        site_limit_mw: most site power that the plan leaves to the site. None is no limit, 0 is nothing at all.
        reserve_mw: rack power that is held free for the Premium of a failing site.
        reasons: sentences that say why the site does not run all it could.
        is_urgent: the limit is to be reached at once, whatever the pace of writes: a call, a limit by the grid's
            operator, or an order that overtook the tick.
    """

    site_id: str
    mode: Mode
    site_power_mw: float
    site_limit_mw: float | None
    groups: tuple[GroupTarget, ...]
    contracts: tuple[ContractTarget, ...]
    reserve_mw: float
    reasons: tuple[str, ...]
    is_urgent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanOrigin:
    """Plan behind a document: its optimizer, age, and gap to the proved bound."""

    optimizer: str
    made_tick: int
    age_s: float
    gap_share: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DispatchDocument:
    """Targets of a fleet in ``[valid_from, valid_to)``.

    `mode` is the strongest of its sites. `revision_number` counts the orders that overtook the tick since it was
    settled.
    """

    schema: str
    run: str
    tick: int
    issued_at: datetime
    valid_from: datetime
    valid_to: datetime
    mode: Mode
    plan: PlanOrigin
    sites: tuple[SiteTarget, ...]
    revision_number: int = 0

    @property
    def key(self) -> tuple[int, int]:
        """Tick and revision, by which a newer document is told from an older one."""
        return self.tick, self.revision_number


def document_of(
    step: Step, plan: Plan, config: RunConfig, run_id: str, modes: Mapping[str, Mode] = NO_MODES
) -> DispatchDocument:
    """Make the dispatch document of a settled tick; sites without a mode are advised."""
    grid, sites = config.grid, _sites(step, config, modes)
    return DispatchDocument(
        schema=SCHEMA,
        run=run_id,
        tick=step.tick,
        issued_at=grid.at(step.tick),
        valid_from=grid.at(step.tick),
        valid_to=grid.at(step.tick + VALID_TICKS),
        mode=max((site.mode for site in sites), key=MODES.index),
        plan=PlanOrigin(
            optimizer=plan.optimizer,
            made_tick=plan.made_tick,
            age_s=(step.tick - plan.made_tick) * grid.tick_minutes * SECONDS_PER_MINUTE,
            gap_share=known_gap_share(plan.objective_usd, plan.bound_usd),
        ),
        sites=sites,
    )


def _sites(step: Step, config: RunConfig, modes: Mapping[str, Mode]) -> tuple[SiteTarget, ...]:
    allocation, fleet = step.allocation, config.fleet
    running = step.allocation.running_mw
    orders = _orders(config)
    off_mw = step.conditions.available_mw[:, MINERS] - allocation.miners_mw
    held: dict[int, list[ContractTarget]] = {}
    for contract, site, served in zip(
        step.before.book.contracts, allocation.site.tolist(), allocation.served.tolist(), strict=True
    ):
        if served and site != UNPLACED:
            held.setdefault(site, []).append(ContractTarget(contract_id=contract.id, power_mw=contract.power_mw))
    return tuple(
        SiteTarget(
            site_id=site_id,
            mode=modes.get(site_id, MODES[0]),
            site_power_mw=float(allocation.site_power_mw[s]),
            site_limit_mw=_limit_mw(step, fleet, off_mw, s),
            groups=_groups(step, config, running, orders, s),
            contracts=tuple(held.get(s, ())),
            reserve_mw=float(allocation.reserve_mw[s]),
            reasons=_reasons(step, off_mw, s),
            is_urgent=_is_called(step, s) or is_limited_by_grid(step.observation, fleet, s),
        )
        for s, site_id in enumerate(fleet.site_ids)
    )


def is_limited_by_grid(observation: Observation, fleet: Fleet, s: int) -> bool:
    """Tell whether a limit by the grid's operator is less than a site's connection."""
    limits = observation.import_limit_mw
    return limits is not None and bool(limits[s] < fleet.grid_limit_mw[s])


def _is_called(step: Step, s: int) -> bool:
    power = step.allocation.power
    return power is not None and bool((power.called_mw[:, s] > 0.0).any())


def _is_ordered_down(step: Step, s: int) -> bool:
    return bool(step.world.outage_until_tick[s] > step.tick)


def _limit_mw(step: Step, fleet: Fleet, off_mw: np.ndarray, s: int) -> float | None:
    """Limit a site to what the plan leaves it; one that was taken down stays off."""
    if _is_ordered_down(step, s):
        return 0.0
    planned_mw = float(step.allocation.site_power_mw[s])
    if (off_mw[s] > TOLERANCE_MW).any():
        return planned_mw
    if is_limited_by_grid(step.observation, fleet, s):
        assert step.observation.import_limit_mw is not None
        return max(planned_mw, float(step.observation.import_limit_mw[s]))  # batteries may carry load beyond it
    return None


def _orders(config: RunConfig) -> list[int]:
    """Rank the workloads by the order in which they give up load: racks come last."""
    efficiency = config.fleet.efficiency_j_per_th.tolist()
    miners = sorted(range(MINER_COUNT), key=lambda k: -efficiency[k])
    ranked = [*miners, *range(MINER_COUNT, len(WORKLOAD_KEYS))]
    return [ranked.index(k) for k in range(len(WORKLOAD_KEYS))]


def _groups(step: Step, config: RunConfig, running: np.ndarray, orders: list[int], s: int) -> tuple[GroupTarget, ...]:
    fleet = config.fleet
    installed = sorted((k for k in range(len(WORKLOAD_KEYS)) if fleet.units_count[s, k]), key=lambda k: orders[k])
    return tuple(
        GroupTarget(
            group=WORKLOAD_KEYS[k],
            kind="miner" if k < MINER_COUNT else "rack",
            power_mw=float(running[s, k]),
            units_on_count=min(
                int(fleet.units_count[s, k]), ceil(running[s, k] / fleet.unit_power_mw[k] - TOLERANCE_MW)
            ),
            not_before=_earliest_start(step, config, s, k),
            order_number=place,
        )
        for place, k in enumerate(installed, start=1)
    )


def _earliest_start(step: Step, config: RunConfig, s: int, k: int) -> datetime | None:
    """End of the least time that miners stay off; None where they may start."""
    if k >= MINER_COUNT:
        return None
    off_ticks = int(step.world.miner_off_ticks[s, k])
    left_ticks = config.miner_min_off_ticks - off_ticks
    return config.grid.at(step.tick + 1 + left_ticks) if off_ticks and left_ticks > 0 else None


def _reasons(step: Step, off_mw: np.ndarray, s: int) -> tuple[str, ...]:
    """Say why a site runs less than it could, and where dispatch left the plan."""
    if _is_ordered_down(step, s):
        return ("down: an operator took it down, until it is released",)
    if step.observation.availability_share[s] == 0.0:
        return ("down: none of its machines is available",)
    price = float(step.observation.energy_price_usd_per_mwh[s])
    least = step.conditions.miner_break_even_usd_per_mwh[s].tolist()
    off = [
        f"{WORKLOAD_KEYS[k]}: {off_mw[s, k]:.2f} MW off, power is {price:.2f} USD/MWh, mining pays up to {least[k]:.2f}"
        for k in range(MINER_COUNT)
        if off_mw[s, k] > TOLERANCE_MW
    ]
    left = [
        f"{deviation.power_mw:.2f} MW less than planned: {deviation.cause}"
        for deviation in step.allocation.deviations
        if deviation.site == s
    ]
    return (*off, *left)
