"""Currencies: plausible prices, units, and daily exchange rates to the US dollar."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from mara.core.arrays import Floats, Ints
from mara.errors import ConfigError, FeedInvalid
from mara.feeds.markets.declaration import Quantity
from mara.feeds.markets.reading.clocks import DAY_S, day_text
from mara.feeds.markets.reading.rows import MarketSeries

DOLLAR: Final = "USD"
EURO: Final = "EUR"


class Believable(NamedTuple):
    """Plausible prices of a MWh: bounds of each, and least price of the dearest."""

    least_per_mwh: float
    most_per_mwh: float
    least_top_per_mwh: float


BELIEVABLE: Final[Mapping[str, Believable]] = {
    "EUR": Believable(-1_000.0, 10_000.0, 2.0),
    "USD": Believable(-5_000.0, 20_000.0, 2.0),
    "GBP": Believable(-2_000.0, 10_000.0, 2.0),
    "AUD": Believable(-1_100.0, 25_000.0, 3.0),
    "NZD": Believable(-1_000.0, 30_000.0, 3.0),
    "CAD": Believable(-2_500.0, 10_000.0, 2.0),
    "SGD": Believable(-5_000.0, 5_000.0, 3.0),
    "BRL": Believable(-500.0, 10_000.0, 10.0),
    "SEK": Believable(-12_000.0, 120_000.0, 20.0),
    "NOK": Believable(-12_000.0, 120_000.0, 20.0),
    "DKK": Believable(-8_000.0, 80_000.0, 15.0),
    "CHF": Believable(-1_000.0, 10_000.0, 2.0),
    "PLN": Believable(-4_500.0, 45_000.0, 9.0),
    "CZK": Believable(-25_000.0, 250_000.0, 50.0),
    "JPY": Believable(-10_000.0, 1_000_000.0, 2_000.0),
}
"""Plausible prices in each currency [per MWh].

chosen: by market limits and records, so that a factor of ten or a thousand falls outside or below.
"""
DOUBTED_FROM_S: Final = DAY_S
"""Length [s] from which a series is checked for its dearest hour: a day."""

_PRICE_UNITS: Final = (
    (re.compile(r"(?P<currency>[A-Z]{3})/MW/h"), 1.0),
    (re.compile(r"(?P<currency>[A-Z]{3})/MWhe?"), 1.0),
    (re.compile(r"(?P<currency>[A-Z]{3})/kWh"), 1_000.0),
    (re.compile(r"(?P<currency>[A-Z]{3}) ?(?:ct|cent|c|öre|ore|øre|p)/kWh"), 10.0),
    (re.compile(r"(?P<currency>[A-Z]{3}) ?(?:ct|cent|c|öre|ore|øre|p)/MWh"), 0.01),
)
_PENCE: Final = re.compile(r"(?:GBp|GBX|p)/")
"""Beginnings of the names that the British use for a hundredth of a pound."""
_OTHER_UNITS: Final = {
    "g/kWh": 1.0,
    "kg/MWh": 1.0,
    "kg/kWh": 1_000.0,
    "t/MWh": 1_000.0,
    "lb/MWh": 0.453_592_37,
    "%": 0.01,
    "share": 1.0,
    "C": 1.0,
    "MW": 1.0,
    "USD/PH/day": 1.0,
    "USD/TH/day": 1_000.0,
    "per EUR": 1.0,
}
"""Factors to the units of a history: g/kWh, 0..1, C, USD/PH/day."""


def unit_of(text: str, where: str) -> tuple[float, str]:
    """Parse a unit: its factor to that of the history, and its currency or "".

    Raises:
        ConfigError: the unit is unknown.
    """
    named = _PENCE.sub("GBP p/", text, count=1) if _PENCE.match(text) else text
    for pattern, factor in _PRICE_UNITS:
        found = pattern.fullmatch(named)
        if found is not None:
            return factor, found["currency"]
    if text in _OTHER_UNITS:
        return _OTHER_UNITS[text], ""
    raise ConfigError(
        f"{where}: unit {text!r} should be a price such as EUR/MWh, JPY/kWh, EUR ct/kWh, GBP p/kWh, SEK öre/kWh or "
        f"USD/MW/h, or one of {', '.join(_OTHER_UNITS)}: correct it"
    )


def refuse_unbelievable(series: MarketSeries, currency: str, *, trusts_units: bool) -> None:
    """Refuse prices beyond those that markets of their currency have had.

    Raises:
        FeedInvalid: a price is implausible, or the whole series is probably in another unit.
    """
    believable = BELIEVABLE.get(currency)
    if believable is None or trusts_units:
        return
    price = series.values["price"]
    bad = np.flatnonzero((price < believable.least_per_mwh) | (price > believable.most_per_mwh))
    if bad.size:
        raise series.refusal(
            int(bad[0]),
            f"a price should be {believable.least_per_mwh:,g} to {believable.most_per_mwh:,g} {currency}/MWh, "
            f"is {price[bad[0]]:,g}: is it in another unit or currency? correct "
            "it, or set trust_units = true in [history]",
        )
    top = float(np.abs(price).max())
    if series.layout.quantity is not Quantity.PRICE:
        return  # reserves may cost nothing for days
    if 0.0 < top < believable.least_top_per_mwh and series.end_s[-1] - series.begin_s[0] >= DOUBTED_FROM_S:
        raise series.refusal(
            int(np.abs(price).argmax()),
            f"the dearest interval should cost at least {believable.least_top_per_mwh:g} {currency}/MWh, "
            f"costs {top:g}, which "
            f"looks like {currency}/kWh: name the right unit, or set trust_units = true in [history]",
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rates:
    """Exchange rates to the US dollar, from constants or a file of the ECB.

    Attributes:
        constant: US dollars for one unit, by currency.
        days: days of the rates, ascending, counted from 1970 (D,).
        per_eur: units of each currency for one euro, NaN where there is no rate (D,).
        file: name of the file of rates, for messages.
    """

    constant: Mapping[str, float]
    days: Ints
    per_eur: Mapping[str, Floats]
    file: str = ""

    def usd_per(self, currency: str, days: Ints) -> Floats:
        """US dollars for one unit on each day (N,), at the rate of the last working day.

        Raises:
            FeedInvalid: there is no rate for the currency or for a day.
        """
        if currency == DOLLAR:
            return np.ones(len(days))
        if currency in self.constant:
            return np.full(len(days), self.constant[currency])
        if not self.file:
            raise FeedInvalid(
                f"prices in {currency or 'an unnamed currency'} should have a rate: add [fx] with a file of the ECB, "
                f"or usd_per.{currency or 'XXX'}"
            )
        rate = self._before(DOLLAR, days)
        return rate if currency == EURO else rate / self._before(currency, days)

    def _before(self, currency: str, days: Ints) -> Floats:
        per_eur = self.per_eur.get(currency)
        known = np.flatnonzero(~np.isnan(per_eur)) if per_eur is not None else np.zeros(0, np.int64)
        if per_eur is None or not known.size:
            raise FeedInvalid(
                f"{self.file} should have rates of {currency}, has none: take another file, or usd_per.{currency}"
            )
        places = np.searchsorted(self.days[known], days, side="left") - 1
        early = np.flatnonzero(places < 0)
        if early.size:
            raise FeedInvalid(
                f"{self.file} should have a rate of {currency} before {day_text(days[early[0]])}, begins "
                f"{day_text(self.days[known[0]])}: take a longer file"
            )
        late = np.flatnonzero(days - self.days[known][places] > MOST_DAYS_WITHOUT_RATE)
        if late.size:
            raise FeedInvalid(
                f"{self.file} should have a rate of {currency} within {MOST_DAYS_WITHOUT_RATE} days before "
                f"{day_text(days[late[0]])}, has none: take a newer file"
            )
        return np.asarray(per_eur[known][places])


MOST_DAYS_WITHOUT_RATE: Final = 7
"""Most days since the last rate; Easter and Christmas leave four without one."""


def rates_of(series: Sequence[MarketSeries], constant: Mapping[str, float], file: str) -> Rates:
    """Make the rates from the series of an ECB file, one a currency, and constants."""
    days = np.unique(np.concatenate([one.begin_s for one in series])) // DAY_S if series else np.zeros(0, np.int64)
    per_eur = {}
    for one in series:
        column = np.full(len(days), np.nan)
        column[np.searchsorted(days, one.begin_s // DAY_S)] = one.values["per_eur"]
        per_eur[one.key.point] = column
    return Rates(constant=dict(constant), days=days, per_eur=per_eur, file=file)
