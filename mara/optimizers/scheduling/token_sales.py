"""Merchant inference of one tick on the racks that contracts leave free.

An offer is the racks of one kind at one site, numbered as in a flattened (S, 2).
Model: docs/model.md#9-from-megawatts-to-whole-contracts
"""

from functools import cached_property
from typing import Final

from mara.core.arrays import Floats
from mara.core.fleet import RACK_KIND_COUNT
from mara.optimizers.scheduling.site_load import SiteLoad, array_of

LEAST_UNMET_MW: Final = 0.05
"""Least unmet demand [MW] for which contracts are scheduled off; chosen."""


class TokenSales:
    """Tokens sold so far in one tick.

    Attributes:
        merchant: rack power by region of origin and offer (R, S x 2) [MW].
        unmet: unmet demand for tokens by region (R,) [tokens/h].
        racks: rack power left by offer (S x 2,) [MW].
    """

    def __init__(self, load: SiteLoad) -> None:
        tables = load.tables
        self.load = load
        self.tokens_per_mwh: list[float] = load.config.fleet.tokens_per_mwh.tolist()
        self.racks = tables.racks_mw.copy()
        self.unmet = tables.tokens_per_h.copy()
        self.merchant = [[0.0] * len(self.racks) for _ in self.unmet]

    def copied(self, load: SiteLoad) -> "TokenSales":
        """Return a copy that can be changed by itself, with a copy of its load."""
        sales = TokenSales(load)
        sales.racks, sales.unmet = self.racks.copy(), self.unmet.copy()
        sales.merchant = [sold.copy() for sold in self.merchant]
        return sales

    def sell(self) -> None:
        """Fill free racks, the best paying region first, each token where it costs least."""
        free, racks, tokens_per_mwh = self.load.free, self.racks, self.tokens_per_mwh
        if max(free) <= 0.0:
            return
        for region in self.load.tables.regions:
            sold, unmet = self.merchant[region], self.unmet[region]
            for offer in self.load.tables.offers[region]:
                site = offer // RACK_KIND_COUNT
                if free[site] > 0.0 and racks[offer] > 0.0:
                    per_mwh = tokens_per_mwh[offer % RACK_KIND_COUNT]
                    power = min(racks[offer], free[site], unmet / per_mwh)
                    if power > 0.0:
                        sold[offer] += power
                        racks[offer] -= power
                        free[site] -= power
                        unmet -= power * per_mwh
                    if unmet <= 0.0:
                        break
            self.unmet[region] = unmet

    def resell(self, site: int) -> None:
        """Fill the racks that a contract has left at a site, the best paying region first."""
        first = site * RACK_KIND_COUNT
        for region in sorted(range(len(self.unmet)), key=lambda r: self.values[r][first], reverse=True):
            for kind in reversed(range(RACK_KIND_COUNT)):
                self._serve(region, first + kind)

    @cached_property
    def values(self) -> list[list[float]]:
        """Worth of a rack megawatt-hour by region and offer (R, S x 2) [USD/MWh]."""
        values: list[list[float]] = self.load.tables.token_usd_per_mwh.tolist()
        return values

    def merchant_mw(self) -> Floats:
        """Return the power of tokens sold, in the shape of plans (R, S, 2) [MW]."""
        return array_of(self.merchant).reshape(len(self.merchant), -1, RACK_KIND_COUNT)

    def has_unmet(self) -> bool:
        """Return whether a region has unmet demand for tokens."""
        return max(self.unmet) > LEAST_UNMET_MW * min(self.tokens_per_mwh)

    def is_unmet_at_peak(self) -> bool:
        """Return whether a region has unmet tokens in the dearest hours of its day."""
        least = LEAST_UNMET_MW * min(self.tokens_per_mwh)
        return any(
            is_at_peak and unmet > least
            for is_at_peak, unmet in zip(self.load.tables.is_at_peak, self.unmet, strict=True)
        )

    def outbids(self, i: int, rate_usd_per_mwh: float) -> bool:
        """Return whether unmet tokens pay more than a contract.

        The tokens must fill at least half of the contract's racks.
        """
        first = self.load.at[i] * RACK_KIND_COUNT
        unmet_mw = max(self.unmet) / min(self.tokens_per_mwh)
        best = max(self.values[r][first] for r, tokens_left in enumerate(self.unmet) if tokens_left > 0.0)
        room = sum(self.racks[first : first + RACK_KIND_COUNT])
        return best > rate_usd_per_mwh and min(unmet_mw, room) >= self.load.power[i] / 2

    def _serve(self, region: int, offer: int) -> None:
        site, kind = divmod(offer, RACK_KIND_COUNT)
        tokens_per_mwh = self.tokens_per_mwh[kind]
        free = self.load.free
        power = min(self.racks[offer], free[site], self.unmet[region] / tokens_per_mwh)
        if power > 0.0:
            self.merchant[region][offer] += power
            self.racks[offer] -= power
            free[site] -= power
            self.unmet[region] -= power * tokens_per_mwh
