"""Open-Meteo: hourly weather as CSV or JSON, at a constant offset from UTC."""

import re
from typing import Final

from mara.feeds.markets.declaration import Form, Instant, Kind, Layout, Quantity, Value

LICENCE: Final = "Open-Meteo, from national weather services and ERA5: CC BY 4.0"
FORMATS: Final = ("iso", "epoch")
_PLACE: Final = r"(?:[^,\n]*,){3}"
OFFSET: Final = re.compile(
    r"(?:\A|\n)\W*latitude,longitude,elevation,utc_offset_seconds,[^\n]*\n" + _PLACE + r"(?P<utc_offset_seconds>-?\d+),"
)
OFFSET_OF_ALL: Final = re.compile(
    r"(?:\A|\n)\W*location_id,latitude,longitude,elevation,utc_offset_seconds,[^\n]*\n"
    + rf"[^,\n]*,{_PLACE}(?P<utc_offset_seconds>-?\d+),[^\n]*"
    + rf"(?:\n[^,\n]*,{_PLACE}(?P=utc_offset_seconds),[^\n]*)*\s*\Z"
)
"""Pattern of the UTC offset of several places, which must be the same."""


def _layout(variant: str, form: Form, point: tuple[str, ...], ending: str) -> Layout:
    """Make one of the layouts, which differ in the way columns name their units."""
    return Layout(
        id="open-meteo",
        variant=variant,
        publisher="Open-Meteo",
        report="hourly forecast or archive",
        quantity=Quantity.WEATHER,
        form=form,
        stamp=Instant(column="time", formats=FORMATS, offset="@utc_offset_seconds"),
        values=(
            Value(field="dry_bulb_c", column=_column("temperature_2m", "°C", ending), unit="C"),
            Value(
                field="humidity_share",
                column=_column("relative_humidity_2m", "%", ending),
                unit="%",
                factor=0.01,
                is_optional=True,
            ),
            Value(field="dew_point_c", column=_column("dew_point_2m", "°C", ending), unit="C", is_optional=True),
            Value(
                field="wet_bulb_c", column=_column("wet_bulb_temperature_2m", "°C", ending), unit="C", is_optional=True
            ),
        ),
        point=point,
        licence=LICENCE,
    )


def _column(name: str, unit: str, ending: str) -> str:
    return name + ending.format(unit=unit)


LAYOUTS: Final = (
    _layout("CSV", Form(before=OFFSET), (), " ({unit})"),
    _layout("CSV of several places", Form(before=OFFSET_OF_ALL), ("location_id",), " ({unit})"),
    _layout("JSON", Form(kind=Kind.JSON, json_path=("hourly",)), ("@location_id",), ""),
)
