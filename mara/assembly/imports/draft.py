"""A SPEC as a form fills it in, and its text as TOML."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints, ValidationError, field_validator

from mara.assembly.imports.folder import SHIPPED
from mara.errors import CommandError
from mara.feeds.markets.building.spec import MOST_PRODUCTS, PRODUCT_NAME

MOST_SITES: Final = 100
"""Sites of a form; a SPEC that is written by hand may have more."""
_BARE_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")
_DELETE: Final = "\x7f"
Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=400)]
Number = Annotated[float, Field(ge=-1e9, le=1e9)]


class _Draft(BaseModel):
    """Part of a form; numbers may come as text."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SeriesChoice(_Draft):
    """A series of inspected files, as the inspection named it.

    Attributes:
        csv: declaration of the layout `csv`, in which the user's own files are.
    """

    files: Annotated[list[Text], Field(min_length=1, max_length=10_000)]
    layout: Text
    point: Text = ""
    key: dict[Text, Text] = Field(default_factory=dict)
    csv: Annotated[dict[Text, JsonValue], Field(max_length=40)] | None = None


class SourceDraft(_Draft):
    """A series, or a constant with the number that goes with it.

    Attributes:
        constant: USD/MWh, g/kWh, C, USD/MW/h or USD/PH/day, by what the source is for.
        beside: the renewable share 0..1 of a constant of carbon; the wet bulb [C] of one of weather.
        shipped: history that comes with Mara, whose hashprices are taken.
    """

    series: SeriesChoice | None = None
    constant: Number | None = None
    beside: Number | None = None
    shipped: Text = ""


class ReserveDraft(_Draft):
    """A reserve product, by its name in the history's columns, and its price."""

    name: Text
    source: SourceDraft

    @field_validator("name")
    @classmethod
    def _is_a_column(cls, name: str) -> str:
        if not PRODUCT_NAME.fullmatch(name):
            raise ValueError("should be of small letters, digits and _, at most 40")
        return name


class SiteDraft(_Draft):
    """A site and its sources."""

    id: Text
    name: Text
    country: Text
    lat: Number
    lon: Number
    timezone: Text
    price: SourceDraft
    day_ahead: SourceDraft | None = None
    carbon: SourceDraft
    weather: SourceDraft
    demand: SourceDraft | None = None
    demand_forecast: SourceDraft | None = None
    reserves: Annotated[list[ReserveDraft], Field(max_length=MOST_PRODUCTS)] = Field(default_factory=list)

    @field_validator("reserves")
    @classmethod
    def _are_named_apart(cls, reserves: list[ReserveDraft]) -> list[ReserveDraft]:
        names = [reserve.name for reserve in reserves]
        double = next((name for name in names if names.count(name) > 1), None)
        if double is not None:
            raise ValueError(f"should have each name once, has {double!r} twice")
        return reserves


class ImportDraft(_Draft):
    """A whole SPEC."""

    step_minutes: Literal[5, 15, 30, 60] = 60
    trust_units: bool = False
    usd_per: dict[Text, Number] = Field(default_factory=dict)
    fx_files: list[Text] = Field(default_factory=list, max_length=100)
    sites: Annotated[list[SiteDraft], Field(min_length=1, max_length=MOST_SITES)]
    bitcoin: SourceDraft


def draft_of(entered: object) -> ImportDraft:
    """Read what was entered in the form.

    Raises:
        CommandError: a field is empty or cannot be used; the message names it.
    """
    try:
        return ImportDraft.model_validate(entered)
    except ValidationError as error:
        detail = error.errors()[0]
        place = " ".join(_words_of(detail["loc"]))
        if detail["type"] in {"missing", "none_required"} or detail.get("input") in ("", None):
            raise CommandError(f"{place} is empty: fill it in") from error
        expected = str(detail["msg"]).removeprefix("Value error, ").replace("Input should", "should")
        raise CommandError(f"{place} {expected}, came {str(detail['input'])[:40]!r}: correct it") from error


def spec_text(draft: ImportDraft) -> str:
    """Write the draft as a SPEC, whose paths start from the import folder."""
    lines = ["[history]", f"step_minutes = {draft.step_minutes}"]
    if draft.trust_units:
        lines.append("trust_units = true")
    if draft.fx_files or draft.usd_per:
        lines += ["", "[fx]"]
        lines += [f"files = {_value(draft.fx_files)}"] if draft.fx_files else []
        lines += [f"usd_per.{_key(currency)} = {_value(rate)}" for currency, rate in sorted(draft.usd_per.items())]
    for site in draft.sites:
        lines += ["", "[[site]]"]
        lines += [f"{name} = {_value(getattr(site, name))}" for name in SITE_FIELDS]
        lines += _table("site.price", site.price, "price")
        if site.day_ahead is not None:
            lines += _table("site.day_ahead", site.day_ahead, "day_ahead")
        lines += _table("site.carbon", site.carbon, "carbon")
        lines += _table("site.weather", site.weather, "weather")
        for name, source in (("demand", site.demand), ("demand_forecast", site.demand_forecast)):
            lines += _table(f"site.{name}", source, name) if source is not None else []
        for reserve in site.reserves:
            lines += _table(f"site.reserve.{_key(reserve.name)}", reserve.source, "reserve")
    lines += _table("bitcoin", draft.bitcoin, "bitcoin")
    return "\n".join(lines) + "\n"


SITE_FIELDS: Final = ("id", "name", "country", "lat", "lon", "timezone")
BESIDE: Final[Mapping[str, str]] = {"carbon": "renewable_share", "weather": "wet_bulb_c"}
"""Field of the number beside a constant, by what the source is for."""


def shipped_file(name: str) -> str:
    """Return the path in the import folder of a shipped history's hashprices."""
    return f"{SHIPPED}/{name}_bitcoin_daily.csv"


def _table(name: str, source: SourceDraft, what: str) -> list[str]:
    return ["", f"[{name}]", *_lines_of(source, what)]


def _lines_of(source: SourceDraft, what: str) -> Iterator[str]:
    if source.series is not None:
        yield f"files = {_value(source.series.files)}"
        yield f"layout = {_value(source.series.layout)}"
        if source.series.point:
            yield f"point = {_value(source.series.point)}"
        for key, text in source.series.key.items():
            yield f"key.{_key(key)} = {_value(text)}"
        if source.series.csv is not None:
            yield f"csv = {_inline(source.series.csv)}"
    elif source.shipped:
        yield f"files = {_value([shipped_file(source.shipped)])}"
        yield 'layout = "csv"'
        yield (
            'csv = { time = "date", side = "begin", formats = ["%Y-%m-%d"], clock = "UTC", steps_minutes = [1440], '
            'value = "hashprice_usd_per_ph_day", unit = "USD/PH/day" }'
        )
    elif source.constant is not None:
        yield f"constant = {_value(source.constant)}"
    # a source without any of them is refused by the SPEC's own check, which says what is missing
    if source.beside is not None and what in BESIDE:
        yield f"{BESIDE[what]} = {_value(source.beside)}"


def _value(value: Any) -> str:
    """Write a TOML value: JSON's texts, lists and finite numbers are TOML's too."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False).replace(_DELETE, "\\u007f")


def _inline(value: Any) -> str:
    """Write a TOML value that may hold tables, on one line, without empty fields."""
    if isinstance(value, dict):
        fields = [f"{_key(name)} = {_inline(one)}" for name, one in value.items() if one is not None]
        return f"{{ {', '.join(fields)} }}" if fields else "{}"
    if isinstance(value, list):
        return f"[{', '.join(_inline(one) for one in value)}]"
    return _value(value)


def _key(name: str) -> str:
    return name if _BARE_KEY.fullmatch(name) else _value(name)


def _words_of(loc: tuple[int | str, ...]) -> Iterator[str]:
    """Name a field of the form: `site 2 lat`."""
    for part in loc:
        if isinstance(part, int):
            yield str(part + 1)
        elif part == "sites":
            yield "site"
        else:
            yield str(part).replace("_", " ").strip()
