"""Positions bought in day-ahead auctions: limit orders, and what of them clears.

Model: docs/model.md#two-settlements
"""

from dataclasses import dataclass

import numpy as np

from mara.core.arrays import Floats, sealed


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DayAheadOrders:
    """Limit orders of all sites, an order for each clock hour.

    Attributes:
        first_epoch_h: hours since 1970 UTC at the first row.
        quantity_mw: power to buy; 0 for no order (H, S).
        limit_usd_per_mwh: highest day-ahead price at which it is bought (H, S).
    """

    first_epoch_h: int
    quantity_mw: Floats
    limit_usd_per_mwh: Floats

    @property
    def end_epoch_h(self) -> int:
        """First hour after the last row, in hours since 1970 UTC."""
        return self.first_epoch_h + len(self.quantity_mw)


def cleared_mw(orders: DayAheadOrders | None, epoch_h: int, day_ahead_usd_per_mwh: Floats | None) -> Floats | None:
    """Find the power bought day-ahead for an hour (S,); None where nothing can be.

    An order clears as a whole where the day-ahead price is at or below its limit; where there was no price (NaN),
    nothing clears.
    """
    if orders is None or day_ahead_usd_per_mwh is None or not orders.first_epoch_h <= epoch_h < orders.end_epoch_h:
        return None
    row = epoch_h - orders.first_epoch_h
    clears = day_ahead_usd_per_mwh <= orders.limit_usd_per_mwh[row]
    return np.where(clears, orders.quantity_mw[row], 0.0)


def orders_after(held: DayAheadOrders | None, new: DayAheadOrders | None, epoch_h: int) -> DayAheadOrders | None:
    """Keep the orders for hours from `epoch_h` on, and add new ones.

    A new order stands beside one that is held for the same hour and another site, and in place of one for the same
    site. Hours before the first order or after the last have none.
    """
    live = [orders for orders in (held, new) if orders is not None and orders.end_epoch_h > epoch_h]
    if not live:
        return None
    if new is None and held is not None and held.first_epoch_h >= epoch_h:
        return held
    first = max(epoch_h, min(orders.first_epoch_h for orders in live))
    end = max(orders.end_epoch_h for orders in live)
    quantity = np.zeros((end - first, live[0].quantity_mw.shape[1]))
    limit = np.zeros_like(quantity)
    for orders in live:
        skipped = max(first - orders.first_epoch_h, 0)
        rows = slice(orders.first_epoch_h + skipped - first, orders.end_epoch_h - first)
        is_order = orders.quantity_mw[skipped:] > 0.0
        quantity[rows][is_order] = orders.quantity_mw[skipped:][is_order]
        limit[rows][is_order] = orders.limit_usd_per_mwh[skipped:][is_order]
    return DayAheadOrders(first_epoch_h=first, quantity_mw=sealed(quantity), limit_usd_per_mwh=sealed(limit))


def two_settlement_gain_usd_per_h(
    position_mw: Floats, price_usd_per_mwh: Floats, day_ahead_usd_per_mwh: Floats
) -> Floats:
    """Compute the saving of a position, q x (RT - DA), by site (S,) [USD/h].

    The load pays the real-time price as without it, so that the whole bill is q x DA + (load - q) x RT. Source: PJM
    Manual 28, Operating Agreement Accounting, section 3 (day-ahead and balancing settlement),
    https://www.pjm.com/-/media/documents/manuals/m28.ashx ; ERCOT Nodal Protocols 4.6.2 and 6.6.3.
    """
    has_any = position_mw > 0.0
    return np.where(has_any, position_mw * (price_usd_per_mwh - np.where(has_any, day_ahead_usd_per_mwh, 0.0)), 0.0)
