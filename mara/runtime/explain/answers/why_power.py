"""Answers about power terms: calls of products, expected peaks, and billed peaks."""

from typing import Final

from mara.core.event_details import MinersOffForPeak, ProductCalled
from mara.core.explanation import Facts
from mara.core.units import TOLERANCE_MW
from mara.runtime.explain.run_history import RunHistory, TickContext

AT_LIMIT_WITHIN_MW: Final = 0.01
"""Margin within which a site draws all that its plan lets it draw [MW]."""


def power_causes(facts: Facts, history: RunHistory, context: TickContext, site: int) -> list[str]:
    """Say which power terms kept load of a site away in a tick; empty for none."""
    if history.config.fleet.power is None:
        return []
    return [
        *_calls(facts, history, context, site),
        *_peak(facts, history, context, site),
        *_held_down(facts, history, context, site),
    ]


def _calls(facts: Facts, history: RunHistory, context: TickContext, site: int) -> list[str]:
    """Tell the calls under way, each as it was told when it began."""
    signals, terms, tick = context.observation.power, history.config.fleet.power, context.tick
    if signals is None or terms is None:
        return []
    lines = []
    for p, product in enumerate(terms.products):
        if not signals.called_share[p, site] > 0.0:
            continue
        first_tick = max(0, tick - history.grid.ticks_of_hours(product.duration_h) + 1)
        for event in history.decisions.each_event(("called",), first_tick, tick + 1, site):
            if isinstance(event.details, ProductCalled) and event.details.product == product.id:
                label = f"Called by {product.id} at {history.name(site)}, {history.when(event.tick)}"
                power = facts.told("called_mw", label, event.details.called_mw)
                until = history.clock(int(signals.call_ends_tick[p]), tick)
                lines.append(
                    f"The grid product {product.id} called {power} at {history.name(site)} at "
                    f"{history.clock(event.tick, tick)}, until {until}: what was sold to it has to stay away."
                )
                break
    return lines


def _peak(facts: Facts, history: RunHistory, context: TickContext, site: int) -> list[str]:
    """Tell the peak for which miners stayed off in the clock hour."""
    tick = context.tick
    hour = history.grid.at(tick).replace(minute=0, second=0, microsecond=0)
    first_tick = max(0, history.grid.first_tick_from(hour))
    for event in history.decisions.each_event(("peak",), first_tick, tick + 1, site):
        if isinstance(event.details, MinersOffForPeak):
            when, name = history.when(event.tick), history.name(site)
            label = f"Expected cost of the peak at {name}, {when}"
            cost = facts.told("peak_usd_per_mwh", label, event.details.peak_usd_per_mwh)
            return [
                f"A peak of the power system was expected at {history.clock(event.tick, tick)}, which is billed: it "
                f"added {cost} to what power drawn at {name} cost, more than its miners earned above the price."
            ]
    return []


def _held_down(facts: Facts, history: RunHistory, context: TickContext, site: int) -> list[str]:
    """Tell that the plan let the site draw no more, where it drew that much."""
    plan = history.decisions.read_model.stored_tick(context.tick).plan_step.power
    if plan is None:
        return []
    limit_mw, most_mw = float(plan.draw_limit_mw[site]), float(history.config.fleet.grid_limit_mw[site])
    drawn_mw = float(context.running.site_power_mw[site])
    if limit_mw >= most_mw - TOLERANCE_MW or drawn_mw < limit_mw - AT_LIMIT_WITHIN_MW:
        return []
    limit = facts.told("draw_limit_mw", f"Most that the plan let {history.name(site)} draw", limit_mw)
    return [
        f"The plan let {history.name(site)} draw {limit} and no more: beyond that a higher peak is billed, or power is "
        "not contracted."
    ]
