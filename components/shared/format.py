"""Formats of numbers: always with units, a real minus, thin-space thousands."""

import re
from datetime import date, datetime
from math import floor, isfinite, log10

from mara.core.timegrid import moment_text
from mara.core.units import MINUTES_PER_HOUR

MINUS = "\u2212"
THIN_SPACE = "\u202f"
NO_BREAK_SPACE = "\u00a0"
NOTHING = "\u2013"
MINUTES_PER_DAY = 1_440
_THOUSANDS = re.compile(r"(?<![\w.,])\d{1,3}(?:,\d{3})+(?=(?:\.\d+)? (?:USD|MWh?)\b)")
_NEGATIVE = re.compile(rf"(?<!\S)-(?=[\d.{THIN_SPACE}]+ (?:USD|C)\b)")
_CELSIUS = re.compile(r"(?<=\d) C(?= at )")
SIGNIFICANT_DIGITS = 3


def number(value: float, decimals: int = 0, *, signed: bool = False) -> str:
    """Return `value` with thousands apart, and no minus before what rounds to zero.

    With `signed`, a plus stands before gains.
    """
    if not isfinite(value):
        return NOTHING
    rounded = round(value, decimals)
    sign = MINUS if rounded < 0 else "+" if signed and rounded > 0 else ""
    return sign + f"{abs(rounded):,.{decimals}f}".replace(",", THIN_SPACE)


def significant(value: float) -> str:
    """Return `value` with at most three significant digits: 412, 41.2, 4.12, 0.41."""
    if not isfinite(value) or value == 0:
        return number(value)
    before_point = floor(log10(abs(value))) + 1
    decimals = min(max(SIGNIFICANT_DIGITS - max(before_point, 1), 0), SIGNIFICANT_DIGITS - 1)
    return number(value, decimals)


def scaled(value: float, unit: str) -> tuple[str, str]:
    """Return number and unit, in thousands (k) or millions (M) where large."""
    for factor, prefix in ((1_000_000, "M"), (1_000, "k")):
        if abs(value) >= 0.9995 * factor:
            return significant(value / factor), prefix + unit
    return significant(value), unit


def usd(value_usd: float, *, signed: bool = False) -> str:
    """Format whole dollars: `+12 300 USD`."""
    return f"{number(value_usd, signed=signed)} USD"


def usd_per_h(value_usd_per_h: float) -> str:
    """Format a rate of money with three significant digits: `41.2 kUSD/h`."""
    return " ".join(scaled(value_usd_per_h, "USD/h"))


def usd_in_short(value_usd: float) -> str:
    """Format money with three significant digits: `1.23 MUSD`."""
    return " ".join(scaled(value_usd, "USD"))


def mw(value_mw: float, decimals: int = 1) -> str:
    """Format power: `41.2 MW`."""
    return f"{number(value_mw, decimals)} MW"


def percent(share: float, decimals: int = 1) -> str:
    """Format a share of 0..1 as percent: `93.4 %`."""
    return f"{number(100 * share, decimals)} %"


def availability(share: float) -> str:
    """Return an availability as percent, rounded down.

    0.998999 must not show as 99.90 %, the promise that it breaks.
    """
    if not isfinite(share):
        return NOTHING
    hundredths = floor(share * 10_000 + 1e-6)  # the float may lie just below the decimal number that it stands for
    return f"{number(hundredths / 100, 2)} %"


def target(share: float) -> str:
    """Format a tier's promise without trailing zeros, kept on one line: `99.9 %`."""
    return f"{100 * share:g}{NO_BREAK_SPACE}%"


def count_of(part: int, whole: int) -> str:
    """Format a count of a whole: `43 of 45`."""
    return f"{number(part)} of {number(whole)}"


def utc_moment(at: datetime) -> str:
    """Format a UTC time with its date: `2 Jul 2025 14:05 UTC`."""
    return moment_text(at)


def utc_short_moment(at: datetime) -> str:
    """Format a UTC time with its day but no year: `2 Jul 14:05 UTC`."""
    return f"{utc_date(at)} {utc_time(at)} UTC"


def utc_time(at: datetime) -> str:
    """Format the time of day in UTC: `14:05`; its column or sentence must say "UTC"."""
    return f"{at:%H:%M}"


def utc_day(at: date) -> str:
    """Format a day with its year: `2 Jul 2025`."""
    return f"{at.day} {at:%b %Y}"


def utc_date(at: datetime) -> str:
    """Format a date without its year, for use beside a time: `2 Jul`."""
    return f"{at.day} {at:%b}"


def duration(minutes: float) -> str:
    """Format a duration in its two largest units: `15 min`, `3 h 20 min`, `2 d 4 h`."""
    whole = round(minutes)
    days, rest = divmod(whole, MINUTES_PER_DAY)
    hours, left = divmod(rest, MINUTES_PER_HOUR)
    if days:
        return f"{number(days)} d {hours} h" if hours else f"{number(days)} d"
    if hours:
        return f"{hours} h {left} min" if left else f"{hours} h"
    return f"{left} min"


def sentence(told: str) -> str:
    """Write a sentence of the engine with its numbers as on screens: `39 °C`.

    Stored sentences keep their form, from which they are read back.
    """
    apart = _THOUSANDS.sub(lambda found: found[0].replace(",", THIN_SPACE), told)
    return _CELSIUS.sub(" \u00b0C", _NEGATIVE.sub(MINUS, apart))


def ticks(count: int) -> str:
    """Format a number of ticks with its noun: `1 tick`, `9 ticks`."""
    return f"{number(count)} tick" + ("" if count == 1 else "s")
