"""Registry of the layouts that come with Mara, by public name."""

from typing import Final

from mara.errors import ConfigError
from mara.feeds.markets.declaration import CSV_LAYOUT, Layout
from mara.feeds.markets.layouts import money
from mara.feeds.markets.layouts.americas import (
    caiso,
    ercot,
    ercot_load,
    ercot_reserves,
    isone,
    miso,
    nyiso,
    ons,
    pjm,
    spp,
)
from mara.feeds.markets.layouts.europe import (
    ember,
    energi_data_service,
    entsoe_bulk,
    entsoe_gui,
    entsoe_load,
    nordpool,
    omie,
    smard,
)
from mara.feeds.markets.layouts.frames import entsoe_py, gridstatus
from mara.feeds.markets.layouts.pacific import aemo, emc, jepx
from mara.feeds.markets.layouts.surroundings import eia_930, electricity_maps, open_meteo, stations
from mara.spelling import nearest

LAYOUTS: Final[tuple[Layout, ...]] = tuple(
    layout
    for market in (
        entsoe_gui,
        entsoe_bulk,
        entsoe_load,
        ercot,
        ercot_reserves,
        ercot_load,
        caiso,
        pjm,
        nyiso,
        miso,
        spp,
        isone,
        aemo,
        nordpool,
        energi_data_service,
        smard,
        omie,
        jepx,
        ember,
        emc,
        ons,
        gridstatus,
        entsoe_py,
        electricity_maps,
        eia_930,
        open_meteo,
        stations,
        money,
    )
    for layout in market.LAYOUTS
)


def layouts_of(layout_id: str) -> tuple[Layout, ...]:
    """Look up the variants of a layout by its public name.

    Raises:
        ConfigError: no layout has this name; the message names the nearest.
    """
    found = tuple(layout for layout in LAYOUTS if layout.id == layout_id)
    if not found:
        names = [*dict.fromkeys(layout.id for layout in LAYOUTS), CSV_LAYOUT]
        near = nearest(layout_id, names, least_share=0.0)
        raise ConfigError(f"layout {layout_id!r} is not known, the nearest is {near}: see `mara import layouts`")
    return found
