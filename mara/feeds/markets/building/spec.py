"""The SPEC of a history folder: sites, sources, rates and bitcoin, as TOML."""

import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_args

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from mara.errors import ConfigError
from mara.feeds.markets.reading.clocks import wall_clock
from mara.spelling import nearest

STEPS_MINUTES: Final = (5, 15, 30, 60)
MOST_SITES: Final = 1_000
MOST_BYTES: Final = 1_000_000
MOST_PRODUCTS: Final = 20
Text = Annotated[str, StringConstraints(min_length=1, max_length=400)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=128)]
PRODUCT_NAME: Final = re.compile(r"[a-z0-9_]{1,40}")
"""Name of a reserve product, as the history's columns write it."""
Product = Annotated[str, StringConstraints(pattern=f"^{PRODUCT_NAME.pattern}$")]
Files = Annotated[list[Text], Field(min_length=1, max_length=10_000)]


class _SpecTable(BaseModel):
    """Base of the SPEC's tables, which refuse unknown fields."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class TariffLine(_SpecTable):
    """A price of a tariff by month, weekday and hour; the first line that fits holds.

    Attributes:
        months: 1 to 12; all if left out. weekdays: 1 Monday to 7 Sunday. hours: local, 0 to 23.
        price: in the tariff's currency per MWh.
    """

    months: tuple[Annotated[int, Field(ge=1, le=12)], ...] = tuple(range(1, 13))
    weekdays: tuple[Annotated[int, Field(ge=1, le=7)], ...] = tuple(range(1, 8))
    hours: tuple[Annotated[int, Field(ge=0, le=23)], ...] = tuple(range(24))
    price: Annotated[float, Field(ge=-1e6, le=1e6)]


class SourceTable(_SpecTable):
    """A source of a site's values: files, a live source, a constant, or a tariff.

    Attributes:
        files: names or patterns, relative to the SPEC's folder.
        provider: public name of a provider that a live feed asks.
        url: address that a live feed asks; beside `provider`, another address of its interface.
        every_minutes: how often a live feed asks; the provider's pace if left out.
        stale_after_minutes: age from which a live value counts as stale.
        btc_usd_from: provider of the price of a bitcoin, in place of `btc_usd`.
        layout: public name of a layout; without it, the header decides.
        point: market point in the files; may be left out where they have one only.
        key: keys that distinguish series of one point, such as `type = "LZ"`.
        as_of: time after which published editions are ignored.
        csv: declaration of the layout `csv`.
        constant: a number in the history's unit, or a table of fields.
        unit: of `constant` and `tariff`, as USD/MWh.
    """

    files: Files | None = None
    provider: Text | None = None
    url: Text | None = None
    every_minutes: Annotated[float, Field(gt=0.0, le=1_440.0)] | None = None
    stale_after_minutes: Annotated[float, Field(gt=0.0, le=100_000.0)] | None = None
    layout: Text | None = None
    point: Text = ""
    key: dict[str, Text] = Field(default_factory=dict)
    as_of: AwareDatetime | None = None
    csv: dict[str, Any] | None = None
    constant: float | dict[str, float] | None = None
    tariff: tuple[TariffLine, ...] = ()
    unit: Text | None = None
    known: Literal["day_ahead", "real_time"] | None = None
    renewable_share: Annotated[float, Field(ge=0.0, le=1.0)] | None = None
    wet_bulb_c: float | None = None
    btc_usd: Annotated[float, Field(gt=0.0)] | None = None
    btc_usd_from: Text | None = None
    fees_btc_per_block: Annotated[float, Field(ge=0.0)] | None = None

    @property
    def is_live(self) -> bool:
        """True where the values are asked for over the network."""
        return self.provider is not None or self.url is not None

    @model_validator(mode="before")
    @classmethod
    def _one_file_or_many(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        files = given.get("files")
        given = {**given, "files": [files]} if isinstance(files, str) else dict(given)
        # the names of keys may stand beside the files: type = "LZ"
        extra = {name: given.pop(name) for name in list(given) if name not in cls.model_fields}
        named = {name: str(value) for name, value in extra.items() if isinstance(value, str | int)}
        if extra.keys() - named.keys():
            raise ValueError(f"should have no field {min(extra.keys() - named.keys())!r}")
        return {**given, "key": {**given.get("key", {}), **named}} if named else given

    @model_validator(mode="after")
    def _says_one_thing(self) -> "SourceTable":
        said = [self.files is not None, self.is_live, self.constant is not None, bool(self.tariff)]
        if sum(said) != 1:
            # an unknown field was taken for a key of the layout
            nearly = ((name, nearest(name, type(self).model_fields)) for name in self.key)
            meant = next((f"; {name!r} is none, {near} is" for name, near in nearly if near is not None), "")
            raise ValueError(f"should have one of files, provider (or url), constant and tariff{meant}")
        if (self.layout == "csv") != (self.csv is not None):
            raise ValueError('should have layout = "csv" and a table csv together')
        if self.key and self.files is None and not self.is_live:
            raise ValueError(f"should have no field {next(iter(self.key))!r}")
        unasked = next((name for name in _OF_LIVE_SOURCES if getattr(self, name) is not None), None)
        if unasked is not None and not self.is_live:
            raise ValueError(f"should have no field {unasked!r} without a provider or a url")
        return self


_OF_LIVE_SOURCES: Final = ("every_minutes", "stale_after_minutes", "btc_usd_from")


class SiteSpec(_SpecTable):
    """One site and its sources.

    Attributes:
        day_ahead: price known on the day before, beside `price`.
        demand, demand_forecast: of the site's power system.
        reserve: prices of reserve products, by the product's name in the history's columns.
    """

    id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
    name: Text
    country: Text
    lat: Annotated[float, Field(ge=-90.0, le=90.0)]
    lon: Annotated[float, Field(ge=-180.0, le=180.0)]
    timezone: Text
    price: SourceTable
    carbon: SourceTable
    weather: SourceTable
    day_ahead: SourceTable | None = None
    demand: SourceTable | None = None
    demand_forecast: SourceTable | None = None
    reserve: Annotated[dict[Product, SourceTable], Field(max_length=MOST_PRODUCTS)] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _has_a_clock(self) -> "SiteSpec":
        try:
            wall_clock(self.timezone)
        except ConfigError as error:
            raise ValueError(f"should have an IANA timezone, {str(error).removesuffix(': correct it')}") from error
        return self

    @model_validator(mode="after")
    def _demand_is_of_files(self) -> "SiteSpec":
        for name in ("demand", "demand_forecast"):
            table = getattr(self, name)
            if table is not None and table.files is None:
                raise ValueError(f"should have files for {name}: demand is measured, or left out")
        return self


class HistoryTable(_SpecTable):
    """The table [history]: options of the whole history folder."""

    step_minutes: Literal[5, 15, 30, 60] = 60
    trust_units: bool = False


class FxTable(_SpecTable):
    """The table [fx]: exchange rates by constants, or else by a file of the ECB.

    Attributes:
        provider: public name of a provider of rates, for a live feed.
        url: another address of its interface.
    """

    file: Text | None = None
    provider: Text | None = None
    url: Text | None = None
    files: Files | None = None
    layout: Text | None = None
    usd_per: dict[str, Annotated[float, Field(gt=0.0, le=1e6)]] = Field(default_factory=dict)


class OpenAdrTable(_SpecTable):
    """The table [openadr]: an OpenADR 3 server (VTN) that a live feed listens to.

    Attributes:
        url: address of its interface, up to the version.
        token_url: where access tokens are given; the path auth/token below `url` if left out.
        program: name of the program whose events count.
        ven_name: name by which this client calls itself in reports, and by which events may mean it.
        groups: further names in targets that mean all sites, such as a service area.
        resources: sites that events may mean, and the VTN's name of each.
        every_minutes: how often it is asked.
        stale_after_minutes: silence from which it counts as stale.
        response_s: time from hearing a limit, or from its begin, in which sites have to keep it.
    """

    url: Text
    token_url: Text | None = None
    program: Name
    ven_name: Name = "mara"
    groups: Annotated[tuple[Name, ...], Field(max_length=100)] = ()
    resources: Annotated[dict[Text, Name], Field(min_length=1, max_length=MOST_SITES)]
    every_minutes: Annotated[float, Field(ge=0.1, le=60.0)] = 1.0
    stale_after_minutes: Annotated[float, Field(gt=0.0, le=100_000.0)] = 15.0
    response_s: Annotated[float, Field(ge=1.0, le=3_600.0)] = 60.0


class Spec(_SpecTable):
    """A SPEC file with all its tables."""

    history: HistoryTable = HistoryTable()
    fx: FxTable = FxTable()
    site: Annotated[tuple[SiteSpec, ...], Field(min_length=1, max_length=MOST_SITES)]
    bitcoin: SourceTable
    openadr: OpenAdrTable | None = None

    @model_validator(mode="after")
    def _has_unique_sites(self) -> "Spec":
        ids = [site.id for site in self.site]
        double = next((one for one in ids if ids.count(one) > 1), None)
        if double is not None:
            raise ValueError(f"should have unique sites, has {double!r} twice")
        unknown = set(self.openadr.resources if self.openadr is not None else ()) - set(ids)
        if unknown:
            raise ValueError(f"should have in openadr.resources sites of its own, has {min(unknown)!r}")
        return self


def read_spec(path: Path) -> Spec:
    """Read and check a SPEC.

    Raises:
        ConfigError: the file is missing or not TOML, or a field is missing, unknown or out of bounds; the message names
            it.
    """
    try:
        text = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read ({error.strerror}): name a SPEC that is there") from error
    return spec_of(text, str(path))


def spec_of(text: bytes, name: str) -> Spec:
    """Check the text of a SPEC, which messages call `name`.

    Raises:
        ConfigError: as `read_spec`.
    """
    if len(text) > MOST_BYTES:
        raise ConfigError(f"{name} should be a SPEC of up to {MOST_BYTES:,} bytes, is larger: name the right file")
    try:
        return Spec.model_validate(tomllib.loads(text.decode("utf-8-sig")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{name} should be TOML, but {error}: correct it") from error
    except ValidationError as error:
        # an unknown field before a missing one, which it may be a misspelling of
        detail = min(error.errors(), key=lambda one: one["type"] != "extra_forbidden")
        place = ".".join(str(part) for part in _place_of(detail["loc"], text))
        raise ConfigError(f"{name}: {place or 'the SPEC'} {_expectation(detail)}: correct it") from error


def _place_of(loc: tuple[int | str, ...], text: bytes) -> list[str]:
    """Path to a field, with a site's id in the place of its number."""
    raw = tomllib.loads(text.decode("utf-8-sig"))
    names = [str(part) for part in loc if part not in {"float", "dict[str,float]"}]
    if len(loc) > 1 and loc[0] == "site" and isinstance(loc[1], int):
        site = raw["site"][loc[1]]
        names[1] = str(site.get("id", loc[1] + 1)) if isinstance(site, dict) else names[1]
    return names


_NEEDED: Final = {
    "price": "what power costs",
    "carbon": "a source of carbon intensity, or constant = … in g/kWh",
    "weather": "a source of weather, or constant = … in C",
    "bitcoin": "a source of hashprices, or constant = … in USD/PH/day",
}


def _fields_beside(loc: Sequence[int | str]) -> tuple[str, ...]:
    """List the fields of the table that a place of the SPEC lies in."""
    table: type[BaseModel] = Spec
    for part in loc[:-1]:
        inner = table.model_fields.get(str(part))
        found = _tables_in(inner.annotation) if inner is not None else []
        table = found[0] if found else table
    return tuple(table.model_fields)


def _tables_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [table for one in get_args(annotation) for table in _tables_in(one)]


def _expectation(detail: Any) -> str:
    last = str(detail["loc"][-1]) if detail["loc"] else ""
    if detail["type"] == "missing":
        return f"is missing: nothing is invented, it should say {_NEEDED.get(last, 'its value')}"
    if detail["type"] == "extra_forbidden":
        near = nearest(last, _fields_beside(detail["loc"]))
        return "is not a field of this table" + (f", {near} is" if near else "")
    if detail["type"] in {"tuple_type", "list_type"}:
        is_table = isinstance(detail["input"], dict)
        return f"should be a list of tables: write [[{last}]]" if is_table else "should be a list in [ ]"
    if detail["type"] == "string_pattern_mismatch":
        return f"should be of letters, digits, _, - and ., without spaces, is {detail['input']!r:.80}"
    return str(detail["msg"]).removeprefix("Value error, ").replace("Input should", "should")
