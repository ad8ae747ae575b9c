"""Entry of a tick into the sums of its day."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from mara.core.arrays import Bools, Floats, Ints
from mara.core.contract import UNPLACED, ContractBook
from mara.core.day import NOT_BEGUN, Day
from mara.core.dispatch import Allocation
from mara.core.timegrid import TimeGrid
from mara.core.units import SECONDS_PER_DAY
from mara.core.world import Observation, World


def day_after(
    before: World, seen: Observation, done: Allocation, book: ContractBook, *, booked: int, grid: TimeGrid
) -> Day:
    """Sums of the day after a tick; the same object where it adds nothing.

    Most ticks add nothing. `book` is the one after the tick.
    """
    day, tick = before.day, before.tick
    if day.first_tick == NOT_BEGUN or begins_day(tick, grid):
        day = Day(
            first_tick=tick,
            cash_micro_usd=before.cash_micro_usd,
            refused_count=before.refused_count,
            day_ahead_micro_usd=before.gains.day_ahead_micro_usd,
        )
    news: dict[str, int | float] = {}
    if book is not before.book:
        ended = len(before.book.contracts) + booked - len(book.contracts)
        news["booked_count"], news["ended_count"] = day.booked_count + booked, day.ended_count + ended
    if np.count_nonzero(done.moved_mw):
        moves = done.served & (done.site != before.accounts.site) & (before.accounts.site != UNPLACED)
        news["moved_count"] = day.moved_count + int(np.count_nonzero(moves))
    over, ticks = off_times_over(before, done, book)
    if np.count_nonzero(over):
        news["rested_count"] = day.rested_count + int(np.count_nonzero(over))
        news["rest_ticks"] = day.rest_ticks + int(ticks[over].sum())
    if tick % grid.ticks_per_hour == 0 or tick == day.first_tick:
        news |= _extremes(day, seen.energy_price_usd_per_mwh, seen.dry_bulb_c)
    return replace(day, **news) if news else day  # type: ignore[arg-type]


def day_after_all(
    before: World,
    done: Allocation,
    rest_ticks: Ints,
    cash_micro_usd: Sequence[int],
    grid: TimeGrid,
    *,
    price_usd_per_mwh: Floats,
    dry_bulb_c: Floats,
) -> Day:
    """Sums of the day after many ticks in which the book stays as it is.

    Args:
        before: the world before the first of them.
        done: what ran in each (T, ...).
        rest_ticks: ticks for which contracts had been scheduled off before each (T, C).
        cash_micro_usd: cash before each, at least (T,).
        price_usd_per_mwh, dry_bulb_c: of each (T, S).
    """
    day, begun, ticks = before.day, 0, range(before.tick, before.tick + len(price_usd_per_mwh))
    begin = next((tick for tick in reversed(ticks) if begins_day(tick, grid)), None)
    if begin is None and day.first_tick == NOT_BEGUN:
        begin = before.tick
    if begin is not None:
        begun = begin - before.tick
        day = Day(
            first_tick=begin,
            cash_micro_usd=cash_micro_usd[begun],
            refused_count=before.refused_count,
            day_ahead_micro_usd=before.gains.day_ahead_micro_usd,
        )
    news: dict[str, int | float] = {}
    if np.count_nonzero(done.moved_mw[begun:]):
        was = np.concatenate([before.accounts.site[None], done.site[:-1]])[begun:]
        moves = done.served[begun:] & (done.site[begun:] != was) & (was != UNPLACED)
        counts = np.count_nonzero(moves, axis=1) * done.moved_mw[begun:].any(axis=(1, 2))
        news["moved_count"] = day.moved_count + int(counts.sum())
    over = (rest_ticks[begun:] > 0) & ~done.scheduled[begun:]
    if np.count_nonzero(over):
        news["rested_count"] = day.rested_count + int(np.count_nonzero(over))
        news["rest_ticks"] = day.rest_ticks + int(rest_ticks[begun:][over].sum())
    looks = [tick - before.tick for tick in ticks[begun:] if tick % grid.ticks_per_hour == 0 or tick == day.first_tick]
    if looks:
        news |= _extremes(day, price_usd_per_mwh[looks], dry_bulb_c[looks])
    return replace(day, **news) if news else day  # type: ignore[arg-type]


def off_times_over(before: World, done: Allocation, book: ContractBook) -> tuple[Bools, Ints]:
    """Contracts whose time scheduled off ends with this tick, and its length (C,).

    It ends when they run, lose their place, or end with the tick.
    """
    was_off, is_off = before.accounts.rest_ticks, done.scheduled
    if not np.count_nonzero(was_off):
        return np.zeros(len(is_off), dtype=np.bool_), was_off
    over = (was_off > 0) & ~is_off
    if book is before.book or not np.count_nonzero(is_off):
        return over, was_off
    live = book.index_of
    ends = is_off & np.array([contract.id not in live for contract in before.book.contracts])
    return over | ends, was_off + ends


def begins_day(tick: int, grid: TimeGrid) -> bool:
    """Say whether a UTC day begins with the tick."""
    return grid.epoch_s(tick) % SECONDS_PER_DAY == 0


def _extremes(day: Day, price_usd_per_mwh: Floats, dry_bulb_c: Floats) -> dict[str, int | float]:
    """Note higher prices and temperatures than before, of one tick or of several.

    The arrays are of sites (S,), or of ticks and sites (T, S).
    """
    news: dict[str, int | float] = {}
    sites = price_usd_per_mwh.shape[-1]
    dearest, hottest = int(price_usd_per_mwh.argmax()), int(dry_bulb_c.argmax())
    price, heat = float(price_usd_per_mwh.flat[dearest]), float(dry_bulb_c.flat[hottest])
    if price > day.dearest_usd_per_mwh:
        news["dearest_usd_per_mwh"], news["dearest_site"] = price, dearest % sites
    if heat > day.hottest_c:
        news["hottest_c"], news["hottest_site"] = heat, hottest % sites
    return news
