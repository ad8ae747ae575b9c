"""Physical and monetary constants, each with its unit and source.

Naming: the unit is the last part of a number's name. ``_mw`` is IT megawatts unless the name starts with ``site_``.
"""

from typing import Final

MICRO_USD_PER_USD: Final = 1_000_000
WH_PER_MWH: Final = 1_000_000
W_PER_MW: Final = 1_000_000
G_PER_KG: Final = 1_000
G_PER_T: Final = 1_000_000
TOKENS_PER_MTOK: Final = 1_000_000
PPM: Final = 1_000_000
"""Parts per million in one.

Service targets are compared in integers, never in floats.
"""

MINUTES_PER_HOUR: Final = 60
SECONDS_PER_HOUR: Final = 3_600
SECONDS_PER_MINUTE: Final = 60
HOURS_PER_DAY: Final = 24
SECONDS_PER_DAY: Final = HOURS_PER_DAY * SECONDS_PER_HOUR
DAYS_PER_WEEK: Final = 7
MONTHS_PER_YEAR: Final = 12
HOURS_PER_YEAR: Final = 365.0 * HOURS_PER_DAY
"""Length of a year without a leap day, over which yearly amounts are spread."""

MWH_TH_DAY_FACTOR: Final = 0.024
"""Energy of a hash rate [MWh per PH-day per J/TH].

Arithmetic: 1 PH/s = 1,000 TH/s, x e J/TH = e kW, x 24 h = 0.024 e MWh a day.
"""

KELVIN_AT_0_C: Final = 273.15

TOLERANCE_MW: Final = 1e-6
"""Difference of power below which it is rounding [MW].

Chosen: one watt; sums of a thousand floats of this size are off by far less.
"""
