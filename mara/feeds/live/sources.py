"""The live sources of a SPEC: who is asked for which values, and how often."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

from mara.errors import ConfigError
from mara.feeds.live.declaration import Provider
from mara.feeds.live.registry import provider_of
from mara.feeds.markets.building.own_layout import own_layout
from mara.feeds.markets.building.spec import SiteSpec, SourceTable, Spec
from mara.feeds.markets.declaration import CSV_LAYOUT, Layout, Quantity
from mara.feeds.markets.registry import LAYOUTS, layouts_of

LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
BITCOIN: Final = "bitcoin"
BTC_USD: Final = "bitcoin price"
FX: Final = "fx"
"""Names of the sources that belong to no site."""


class Part(StrEnum):
    """Part of a site, or of the whole world, that a live source gives."""

    PRICE = "price"
    DAY_AHEAD = "day_ahead"
    CARBON = "carbon"
    WEATHER = "weather"
    HASHPRICE = "hashprice"
    BTC_USD = "btc_usd"
    FX = "fx"


QUANTITY_OF: Final = {
    Part.PRICE: Quantity.PRICE,
    Part.DAY_AHEAD: Quantity.PRICE,
    Part.CARBON: Quantity.CARBON,
    Part.WEATHER: Quantity.WEATHER,
    Part.HASHPRICE: Quantity.HASHPRICE,
    Part.BTC_USD: Quantity.HASHPRICE,
    Part.FX: Quantity.FX,
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LiveSource:
    """One live source of a SPEC.

    Attributes:
        name: for messages and the journal, such as `dallas price`.
        site_id: empty for the sources of the whole world.
        provider: the declaration, with the address that the SPEC says.
        timezone: of the site, whose days have exchange rates.
        late_s: time after the end of the newest value from which it is stale.
    """

    name: str
    part: Part
    table: SourceTable
    provider: Provider
    site_id: str = ""
    timezone: str = "UTC"
    lat_deg: float = 0.0
    lon_deg: float = 0.0
    every_s: float
    late_s: float

    @property
    def is_of_this_machine(self) -> bool:
        """True where an address of this machine is asked."""
        return urlsplit(self.provider.base).hostname in LOOPBACK

    @property
    def asked(self) -> str:
        """The provider, and the address of its interface where the SPEC names one."""
        is_moved = self.table.provider is not None and self.table.url is not None
        return f"{self.provider.id} at {urlsplit(self.provider.base).netloc}" if is_moved else self.provider.id


def sources_of_spec(spec: Spec) -> tuple[LiveSource, ...]:
    """List the live sources of a SPEC.

    Raises:
        ConfigError: a provider is unknown, does not give what is wanted of it, or a source has files.
    """
    found = [source for site in spec.site for source in _of_site(site)]
    found += _of_world(spec)
    _refuse_untold(spec, found)
    if spec.openadr is not None:
        safe_address(spec.openadr.url, "openadr")
        safe_address(spec.openadr.token_url or spec.openadr.url, "openadr")
    if not found and spec.openadr is None:
        raise ConfigError("a live feed should have a source with a provider or a url, the SPEC has none: add one")
    return tuple(found)


def _refuse_untold(spec: Spec, sources: Sequence[LiveSource]) -> None:
    for source in sources:
        if source.provider.is_told_by_events and (spec.openadr is None or source.site_id not in spec.openadr.resources):
            raise ConfigError(
                f"{source.name}: events of a VTN should tell it, the SPEC names none for {source.site_id}: add it to "
                "[openadr] resources"
            )


def parts_of(site: SiteSpec) -> Iterator[tuple[Part, SourceTable]]:
    """Yield the parts of a site and their tables."""
    yield Part.PRICE, site.price
    if site.day_ahead is not None:
        yield Part.DAY_AHEAD, site.day_ahead
    yield Part.CARBON, site.carbon
    yield Part.WEATHER, site.weather


def _of_site(site: SiteSpec) -> Iterator[LiveSource]:
    for part, table in parts_of(site):
        _refuse_files(table, f"site {site.id} {part}")
        if table.is_live:
            source = _source(f"{site.id} {part}", part, table)
            yield replace(source, site_id=site.id, timezone=site.timezone, lat_deg=site.lat, lon_deg=site.lon)


def _of_world(spec: Spec) -> Iterator[LiveSource]:
    _refuse_files(spec.bitcoin, BITCOIN)
    if spec.bitcoin.is_live:
        yield _source(BITCOIN, Part.HASHPRICE, spec.bitcoin)
    if spec.bitcoin.btc_usd_from is not None:
        table = SourceTable(provider=spec.bitcoin.btc_usd_from, url=spec.bitcoin.url)
        yield _source(BTC_USD, Part.BTC_USD, table)
    if spec.fx.provider is not None:
        yield _source(FX, Part.FX, SourceTable(provider=spec.fx.provider, url=spec.fx.url))


def _refuse_files(table: SourceTable, where: str) -> None:
    if table.files is not None:
        raise ConfigError(
            f"{where}: a live feed asks providers, the SPEC names files: say provider or url, or build a history of "
            "them with `mara import build`"
        )


def _source(name: str, part: Part, table: SourceTable) -> LiveSource:
    provider = provider_of(table.provider) if table.provider is not None else _of_url(table, name, part)
    if provider.quantity is not QUANTITY_OF[part]:
        raise ConfigError(
            f"{name}: a provider of {QUANTITY_OF[part]} is wanted, {provider.id} gives {provider.quantity}: name one"
        )
    if table.url is not None:
        provider = _moved(provider, safe_address(table.url, name))
    every_minutes = table.every_minutes or provider.every_minutes
    late_minutes = provider.late_after_minutes if table.stale_after_minutes is None else table.stale_after_minutes
    return LiveSource(
        name=name, part=part, table=table, provider=provider, every_s=every_minutes * 60, late_s=late_minutes * 60
    )


def _of_url(table: SourceTable, name: str, part: Part) -> Provider:
    """Declare the provider of a source that says its address and no provider."""
    assert table.url is not None
    if table.layout == CSV_LAYOUT:
        assert table.csv is not None
        layouts: tuple[Layout, ...] = (own_layout(table.csv, QUANTITY_OF[part], name),)
    elif table.layout is not None:
        layouts = layouts_of(table.layout)
    else:
        layouts = tuple(layout for layout in LAYOUTS if layout.quantity is QUANTITY_OF[part])
    host = urlsplit(table.url).hostname or ""
    return Provider(
        id=host,
        publisher=host,
        base=table.url,
        path="",
        quantity=layouts[0].quantity,
        layouts=layouts,
        file_name="answer",
    )


def safe_address(url: str, name: str) -> str:
    """Check an address: HTTPS, or HTTP to this machine, without a user in it.

    Raises:
        ConfigError: it is none.
    """
    parts = urlsplit(url)
    is_local = parts.hostname in LOOPBACK
    if parts.scheme != "https" and not (parts.scheme == "http" and is_local):
        raise ConfigError(f"{name}: url should begin with https:// (http:// on this machine alone): correct it")
    if parts.username is not None or parts.password is not None:
        raise ConfigError(f"{name}: url should hold no user or password: MARA_FEED_KEYS is for keys")
    return url.rstrip("/")


def _moved(provider: Provider, base: str) -> Provider:
    """Return a provider at another address, logins included."""
    access = provider.access
    if access is not None and access.login:
        access = replace(access, login=base + urlsplit(access.login).path)
    return replace(provider, base=base, access=access)


def of_site(sources: Sequence[LiveSource], site_id: str) -> tuple[LiveSource, ...]:
    """Select the sources of one site."""
    return tuple(source for source in sources if source.site_id == site_id)
