"""Schema of a fleet file: its tables, their fields and bounds.

Unknown fields are refused.
"""

import math
import re
from typing import Annotated, Final
from zoneinfo import available_timezones

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainValidator, ValidationInfo, field_validator

from mara.core.fleet import Cooling
from mara.core.timegrid import zone
from mara.feeds.files.terms.power_tables import MAX_TERMS, POWER_TABLES, BatteryTable, ChargeTable, SupplyTable
from mara.spelling import nearest

MAX_SITES: Final = 20_000
MAX_SITE_MW: Final = 10_000.0
"""Largest grid connection of a site; the largest planned campuses have a tenth."""
MAX_UNITS: Final = 100_000_000
"""Most machines of one kind, at a site or in the pool."""
MAX_UNIT_W: Final = 10_000_000.0
MAX_RATE: Final = 1e12
"""Highest hash rate [TH/s] or token rate [tokens/s] of one machine."""
MAX_HEDGE_PRICE_USD_PER_MWH: Final = 20_000.0
MAX_TEXT_LENGTH: Final = 200
MAX_KEYS: Final = 200
"""Most fields of a climate or market table."""


def _iana_zone(name: str) -> str:
    try:
        zone(name)
    except ValueError:
        near = nearest(name, available_timezones())
        hint = f"; the nearest is {near}" if near else ""
        raise ValueError(f"should be an IANA time zone such as Europe/Oslo{hint}") from None
    return name


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("should be printable text on one line")
    return text


def _site_id(text: str) -> str:
    # the id becomes part of URLs, file names and CSV rows
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", text):
        raise ValueError("should be 1 to 64 letters, digits, dots, dashes or underscores, a letter or digit first")
    return text


def _number_or_text(value: object) -> float | str:
    if isinstance(value, str) and len(value) <= MAX_TEXT_LENGTH:
        return value
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300 and math.isfinite(value):
        return float(value)
    raise ValueError("should be a finite number or a text")


Text = Annotated[str, Field(min_length=1, max_length=MAX_TEXT_LENGTH), AfterValidator(_printable)]
SiteId = Annotated[str, AfterValidator(_site_id)]
Units = Annotated[int, Field(ge=0, le=MAX_UNITS)]
Share = Annotated[float, Field(ge=0, le=1)]
Mix = Annotated[float, Field(ge=0, le=1e6)]
Watts = Annotated[float, Field(gt=0, le=MAX_UNIT_W)]
Rate = Annotated[float, Field(gt=0, le=MAX_RATE)]
Key = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class FleetTable(_Table):
    """The table [fleet]."""

    name: Text


class UnitsTable(_Table):
    """The table [site.inventory] or [pool]: machines by kind."""

    air_miner: Units = 0
    hydro_miner: Units = 0
    immersion_miner: Units = 0
    gpu: Units = 0
    asic: Units = 0

    @property
    def counts(self) -> tuple[int, ...]:
        """Machine counts in `Workload` order (K,)."""
        return (self.air_miner, self.hydro_miner, self.immersion_miner, self.gpu, self.asic)


class ProfileTable(_Table):
    """The table [site.profile], described by `mara.feeds.files.pool.Profile`."""

    racks: Share | None = None
    gpu: Share | None = None
    air_miner: Mix | None = None
    hydro_miner: Mix | None = None
    immersion_miner: Mix | None = None

    @property
    def miners(self) -> tuple[float, float, float] | None:
        """Relative watts of air, hydro and immersion miners; None takes the pool's mix.

        A kind that is left out of a given mix counts as 0.
        """
        mix = (self.air_miner, self.hydro_miner, self.immersion_miner)
        return None if mix == (None, None, None) else (mix[0] or 0.0, mix[1] or 0.0, mix[2] or 0.0)


class MinerTable(_Table):
    """The table [machine.<miner>] of an air, hydro or immersion miner."""

    power_w: Watts | None = None
    hashrate_ths: Rate | None = None


class RackTable(_Table):
    """The table [machine.gpu] or [machine.asic]."""

    power_w: Watts | None = None
    tokens_per_s: Rate | None = None


class MachineTables(_Table):
    """The table [machine]: nameplates by kind, where they differ from the default."""

    air_miner: MinerTable = MinerTable()
    hydro_miner: MinerTable = MinerTable()
    immersion_miner: MinerTable = MinerTable()
    gpu: RackTable = RackTable()
    asic: RackTable = RackTable()


class SiteTable(_Table):
    """A `[[site]]` table of a fleet file in TOML."""

    id: SiteId
    name: Text
    country: Text
    lat: Annotated[float, Field(ge=-90, le=90)]
    lon: Annotated[float, Field(ge=-180, le=180)]
    timezone: Annotated[str, AfterValidator(_iana_zone)]
    price_zone: Text
    cooling: Annotated[Cooling, Field(strict=False)]
    grid_limit_mw: Annotated[float, Field(ge=0, le=MAX_SITE_MW)]
    hedge_mw: Annotated[float, Field(ge=0, le=MAX_SITE_MW)] = 0.0
    hedge_price_usd_per_mwh: Annotated[
        float, Field(ge=-MAX_HEDGE_PRICE_USD_PER_MWH, le=MAX_HEDGE_PRICE_USD_PER_MWH)
    ] = 0.0
    it_capacity_mw: Annotated[float | None, Field(ge=0, le=MAX_SITE_MW)] = None
    climate: Annotated[dict[Key, float], Field(max_length=MAX_KEYS)] = {}
    market: Annotated[
        dict[Key, Annotated[float | str, PlainValidator(_number_or_text)]], Field(max_length=MAX_KEYS)
    ] = {}
    inventory: UnitsTable | None = None
    profile: ProfileTable | None = None
    export_limit_mw: Annotated[float, Field(ge=0, le=MAX_SITE_MW)] = 0.0
    export_fee_usd_per_mwh: Annotated[float, Field(ge=0, le=MAX_HEDGE_PRICE_USD_PER_MWH)] = 0.0
    supply: Annotated[tuple[SupplyTable, ...], Field(strict=False, max_length=MAX_TERMS)] = ()
    charge: Annotated[tuple[ChargeTable, ...], Field(strict=False, max_length=MAX_TERMS)] = ()
    battery: BatteryTable | None = None

    @field_validator("hedge_mw")
    @classmethod
    def _within_the_grid_limit(cls, hedge_mw: float, known: ValidationInfo) -> float:
        limit_mw = known.data.get("grid_limit_mw", hedge_mw)
        if hedge_mw > limit_mw:
            raise ValueError(f"should be at most the site's grid_limit_mw, {limit_mw:g}")
        return hedge_mw


class FleetTables(_Table):
    """The whole fleet file."""

    fleet: FleetTable
    site: Annotated[tuple[SiteTable, ...], Field(strict=False)]
    pool: UnitsTable | None = None
    machine: MachineTables = MachineTables()


TABLES: Final[dict[str, type[BaseModel]]] = {
    "": FleetTables,
    "fleet": FleetTable,
    "site": SiteTable,
    "inventory": UnitsTable,
    "pool": UnitsTable,
    "profile": ProfileTable,
    "machine": MachineTables,
    "air_miner": MinerTable,
    "hydro_miner": MinerTable,
    "immersion_miner": MinerTable,
    "gpu": RackTable,
    "asic": RackTable,
    **POWER_TABLES,
}
"""Tables by the last name of their header, to suggest a field for a misspelt one."""
