"""The outside world of a live run, from settings: fleet, start, feed, contracts."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from mara.assembly.listening import journal_for, spec_for
from mara.assembly.worlds import Outside, terms_of
from mara.core.fleet import Fleet, Site
from mara.core.sla import opened
from mara.core.timegrid import TimeGrid
from mara.core.units import SECONDS_PER_MINUTE
from mara.core.world import RunConfig, first_world
from mara.errors import ConfigError
from mara.feeds.files.contract_demand import Demand, demand_of_file
from mara.feeds.files.fleet_file import read_fleet, site_of_table
from mara.feeds.files.fleet_tables import SiteTable
from mara.feeds.files.history_file import CONTRACTS_FILE
from mara.feeds.files.history_fleet import COOLING, GRID_LIMIT_MW, fleet_of_sites
from mara.feeds.live.feed import LiveFeed
from mara.feeds.live.memory import Memory
from mara.feeds.live.sources import sources_of_spec
from mara.feeds.markets.building.spec import SiteSpec, Spec
from mara.runtime.clock import SystemClock
from mara.settings import Settings
from mara.spelling import nearest
from mara.store.backends.database import database_of
from mara.store.read.read_model import ReadModel

NO_CONTRACTS: Final = "no contracts.csv lies beside the SPEC: contracts come by order alone"


def live_outside(settings: Settings, memory: Memory | None, *, only_looks: bool = False) -> Outside:
    """Build the world of live sources: what is being told, or what a journal holds.

    Args:
        memory: of sources that are being asked; None for what the journal holds.
        only_looks: what the journal held last stands for the present, also after its end.

    Raises:
        ConfigError, FeedError: the SPEC, the fleet, the journal or the contracts cannot be used.
    """
    file, spec = spec_for(settings)
    sources_of_spec(spec)
    config = RunConfig(
        fleet=_fleet_beside(settings, spec, file),
        grid=TimeGrid(start=_start_of(settings), tick_minutes=settings.tick_minutes),
        terms=terms_of(settings),
    )
    contracts = file.parent / CONTRACTS_FILE
    demand = demand_of_file(contracts, config) if contracts.is_file() else Demand(notes=(NO_CONTRACTS,))
    if memory is None:
        memory = Memory.of_journal(journal_for(settings), config.grid.start_epoch_s, keeps=only_looks)
    feed = LiveFeed(
        config,
        spec,
        memory,
        lambda: SystemClock().now().timestamp(),
        token_price_usd_per_mtok=settings.token_price_usd_per_mtok,
        arrivals=demand.requests,
    )
    world = opened(first_world(config), demand.contracts, config)
    return Outside(config=config, feed=feed, history=None, world=world, notes=demand.notes)


def live_fleet(settings: Settings) -> Fleet:
    """Return the fleet of a live world: that which is named, or the SPEC's sites.

    Raises:
        ConfigError: the SPEC or the fleet cannot be used.
    """
    file, spec = spec_for(settings)
    return _fleet_beside(settings, spec, file)


def _fleet_beside(settings: Settings, spec: Spec, file: Path) -> Fleet:
    """Read the named fleet, or equip the SPEC's sites alike.

    Raises:
        ConfigError: a site of the fleet has no sources in the SPEC.
    """
    if not settings.fleet_was_given:
        return fleet_of_sites(file.stem, tuple(map(_site_of, spec.site)))
    fleet = read_fleet(settings.fleet)
    known = [site.id for site in spec.site]
    for site_id in fleet.site_ids:
        if site_id not in known:
            raise ConfigError(
                f"{file} should have sources of every site of the fleet, has none of {site_id!r}, the nearest is "
                f"{nearest(site_id, known, least_share=0.0)}: add them, or name another fleet"
            )
    return fleet


def _site_of(site: SiteSpec) -> Site:
    return site_of_table(
        SiteTable(
            id=site.id,
            name=site.name,
            country=site.country,
            lat=site.lat,
            lon=site.lon,
            timezone=site.timezone,
            price_zone=" ".join(filter(None, (site.price.provider or "own", site.price.point))),
            cooling=COOLING,
            grid_limit_mw=GRID_LIMIT_MW,
        )
    )


def _start_of(settings: Settings) -> datetime:
    """Return the start asked for, that of the stored run, or the next whole tick."""
    if settings.start_was_given:
        return settings.start
    if database_of(settings.database_url).is_there():
        reading = ReadModel.open(settings.database_url)
        try:
            if reading.ask("SELECT 1 FROM runs"):
                return reading.run().config.grid.start
        finally:
            reading.close()
    tick_s = settings.tick_minutes * SECONDS_PER_MINUTE
    now_s = SystemClock().now().timestamp()
    return datetime.fromtimestamp(0, UTC) + timedelta(seconds=(now_s // tick_s + 1) * tick_s)
