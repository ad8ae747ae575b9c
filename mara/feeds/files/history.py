"""Histories in memory: prices, carbon and weather of all sites on equal steps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import ArrayLike

from mara.core.arrays import Floats, sealed
from mara.core.units import SECONDS_PER_MINUTE
from mara.errors import FeedInvalid, FeedUnavailable
from mara.feeds.files.csv_table import CASES_SHOWN, shown
from mara.feeds.files.history_clock import STEP_MINUTES, utc_text
from mara.feeds.files.history_rows import SITE_COLUMN, place_of_site

SITES_FILE: Final = "sites.csv"

PriceKnown = Literal["day_ahead", "real_time"]
"""Times at which prices are known: the day before, or once their step begins."""


@dataclass(frozen=True, kw_only=True, eq=False)
class History:
    """Values of all sites on the equal steps of one unbroken period.

    Attributes:
        file: the file of the rows.
        sha256: hash over the folder's files, for provenance.
        step_minutes: length of a step, one of `STEP_MINUTES`.
        first_epoch_s: seconds since 1970 UTC at the first step, a whole multiple of the step.
        energy_price_usd_per_mwh, carbon_intensity_g_per_kwh, renewable_share, dry_bulb_c, wet_bulb_c: (N, S).
        hashprice_usd_per_ph_day: value of the UTC day, for each step (N,).
        day_ahead_usd_per_mwh: price that an auction set on the day before (N, S), NaN at sites without; None where no
            site has one. `energy_price_usd_per_mwh` is what power costs in the step, whichever market sets it.
        price_known: when each site's energy price is known (S,); empty where `sites.csv` does not say, and the words
            of the price zone count (`mara.feeds.day_ahead`).
        further: the optional columns of the file by name, each (N, S), NaN at sites without.
        provenance: `provenance.json` of the folder; None where there is none.
    """

    file: Path
    sha256: str
    site_ids: tuple[str, ...]
    step_minutes: int
    first_epoch_s: int
    energy_price_usd_per_mwh: Floats
    carbon_intensity_g_per_kwh: Floats
    renewable_share: Floats
    dry_bulb_c: Floats
    wet_bulb_c: Floats
    hashprice_usd_per_ph_day: Floats
    day_ahead_usd_per_mwh: Floats | None = None
    price_known: tuple[PriceKnown, ...] = ()
    further: Mapping[str, Floats] = field(default_factory=dict)
    provenance: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        assert self.step_minutes in STEP_MINUTES
        assert self.first_epoch_s % self.step_s == 0
        assert len(self.price_known) in (0, len(self.site_ids))
        shape = (self.step_count, len(self.site_ids))
        for name in SITE_ARRAYS:
            array = _by_step(getattr(self, name), shape)
            assert np.isfinite(array).all(), name
            object.__setattr__(self, name, array)
        if self.day_ahead_usd_per_mwh is not None:
            object.__setattr__(self, "day_ahead_usd_per_mwh", _by_step(self.day_ahead_usd_per_mwh, shape))
        object.__setattr__(self, "further", {name: _by_step(array, shape) for name, array in self.further.items()})

    @property
    def folder(self) -> Path:
        return self.file.parent

    @property
    def step_count(self) -> int:
        return len(self.hashprice_usd_per_ph_day)

    @property
    def step_s(self) -> int:
        """Length of a step, in seconds."""
        return self.step_minutes * SECONDS_PER_MINUTE

    @property
    def start(self) -> datetime:
        """Start of the history, in UTC."""
        return datetime.fromtimestamp(self.first_epoch_s, UTC)

    @property
    def end(self) -> datetime:
        """First instant after the history, in UTC."""
        return datetime.fromtimestamp(self.first_epoch_s + self.step_count * self.step_s, UTC)

    @property
    def period(self) -> str:
        """Period of the history, as messages write it."""
        return f"{utc_text(self.start)} up to {utc_text(self.end)}"

    def window(self, from_utc: datetime, to_utc: datetime) -> "History":
        """Cut the history to the steps that ``[from_utc, to_utc)`` touches.

        Forecasts use the day before a run: to keep it, replay the whole history from `from_utc` on instead of a window.

        Raises:
            FeedUnavailable: the period is empty, or not wholly within the history.
        """
        first = (int(from_utc.timestamp()) - self.first_epoch_s) // self.step_s
        last = -((self.first_epoch_s - int(to_utc.timestamp())) // self.step_s)
        asked = f"{utc_text(from_utc)} up to {utc_text(to_utc)}"
        if first >= last and first < self.step_count and last >= 0:
            raise FeedUnavailable(f"the period should end after it starts, came {asked}: correct --from or --to")
        if first < 0 or last > self.step_count or first >= last:
            raise FeedUnavailable(f"{self.file} covers {self.period}, asked was {asked}: choose a period within")
        return replace(
            self,
            first_epoch_s=self.first_epoch_s + first * self.step_s,
            hashprice_usd_per_ph_day=self.hashprice_usd_per_ph_day[first:last],
            **self._site_arrays(np.s_[first:last]),
        )

    def for_sites(self, site_ids: Sequence[str]) -> "History":
        """Return the history with its columns in the order of a fleet's sites.

        Raises:
            FeedInvalid: a site of the fleet has no rows, or rows are of a site that the fleet lacks.
        """
        if tuple(site_ids) == self.site_ids:
            return self
        column_of = {site_id: column for column, site_id in enumerate(self.site_ids)}
        missing = [site_id for site_id in site_ids if site_id not in column_of]
        if missing:
            raise FeedInvalid(
                f"{self.file} should have rows of every site of the fleet, has none of {some_of(missing)}; "
                f"it has {some_of(self.site_ids)}: add them, or take the fleet of the folder's {SITES_FILE}"
            )
        unknown = sorted(set(self.site_ids) - set(site_ids), key=column_of.__getitem__)
        if unknown:
            raise FeedInvalid(
                f"{self.file} {place_of_site(self.file, unknown[0])}: {SITE_COLUMN} should be a site of the "
                f"fleet, came {some_of(unknown)}: take those rows out, or add the sites to the fleet"
            )
        order = [column_of[site_id] for site_id in site_ids]
        return replace(
            self,
            site_ids=tuple(site_ids),
            price_known=tuple(self.price_known[column] for column in order) if self.price_known else (),
            **self._site_arrays(np.s_[:, order]),
        )

    def _site_arrays(self, cut: Any) -> dict[str, Any]:
        """Cut every array of steps and sites in the same way."""
        day_ahead = self.day_ahead_usd_per_mwh
        return {
            **{name: getattr(self, name)[cut] for name in SITE_ARRAYS},
            "day_ahead_usd_per_mwh": None if day_ahead is None else day_ahead[cut],
            "further": {name: array[cut] for name, array in self.further.items()},
        }


SITE_ARRAYS: Final = (
    "energy_price_usd_per_mwh",
    "carbon_intensity_g_per_kwh",
    "renewable_share",
    "dry_bulb_c",
    "wet_bulb_c",
)
"""The arrays that every history has, each (N, S)."""


def some_of(names: Sequence[str]) -> str:
    """Name the first few for a message, and count the rest."""
    first = ", ".join(shown(name)[1:-1] for name in names[:CASES_SHOWN])
    return first if len(names) <= CASES_SHOWN else f"{first} and {len(names) - CASES_SHOWN:,} more"


def _by_step(values: ArrayLike, shape: tuple[int, int]) -> Floats:
    """Seal an array by step and site; one that is sealed already is not copied."""
    # contiguous rows make a step a plain slice, whatever order the columns were taken in
    array = np.ascontiguousarray(values, dtype=np.float64)
    assert array.shape == shape
    return sealed(array.copy() if array.flags.writeable and array is values else array)
