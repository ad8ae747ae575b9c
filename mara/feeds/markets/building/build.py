"""Build a history folder from a SPEC and the market files that it names."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from mara.errors import ConfigError, FeedInvalid
from mara.feeds.files.history_provenance import PROVENANCE_VERSION
from mara.feeds.markets.building.bitcoin import derived_from, hashprices
from mara.feeds.markets.building.columns import DAY_AHEAD, PRICE, Bringer, SourceColumns
from mara.feeds.markets.building.folder import Format, SiteRows, write_folder
from mara.feeds.markets.building.gathering import Reader, Request
from mara.feeds.markets.building.grid import Steps
from mara.feeds.markets.building.money import Rates, rates_of
from mara.feeds.markets.building.spec import SiteSpec, SourceTable, Spec
from mara.feeds.markets.declaration import DEMAND, DEMAND_FORECAST, Known, Quantity
from mara.feeds.markets.reading.clocks import HOUR_S, utc_text
from mara.feeds.markets.reading.rows import MarketSeries
from mara.feeds.markets.reading.series import Fill, Window, refuse_edges

MOST_STEPS: Final = 5_000_000
"""Steps of one history: 47 years of five minutes."""
WORDS_OF: Final = {Known.DAY_AHEAD: "day-ahead", Known.REAL_TIME: "real-time"}
"""Words in `price_zone` that say when a price is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildOrder:
    """Options of a build; without a period it is the one that all sources cover."""

    spec_file: Path
    out: Path
    from_s: int | None = None
    to_s: int | None = None
    fill: Fill = Fill.NONE
    kind: Format = Format.CSV


OnStage = Callable[[str, int, int], None]
"""Called on progress with a stage's name, the count done and the count in all."""


def build(spec: Spec, order: BuildOrder, on_stage: OnStage) -> dict[str, Any]:
    """Build the history folder; return a report of what was written.

    Raises:
        ConfigError: the SPEC or the target folder cannot be used.
        FeedInvalid: a file cannot be trusted; the message names the file, its line and the local day.
    """
    requests = _requests(spec)
    _refuse_live(spec, requests)
    files = _Counted(on_stage, "files")
    reader = Reader(folder=order.spec_file.parent, on_file=files.one_more)
    fx = _fx_request(spec)
    for request in (*requests, *((fx,) if fx is not None else ())):
        reader.expect(request)
    files.total = len({path for request in requests if request.table.files for path in reader.paths_of(request)})
    rates = _rates(spec, reader, fx)
    steps = _steps(spec, order, reader, requests)
    bringer = Bringer(reader=reader, steps=steps, fill=order.fill, rates=rates, trusts_units=spec.history.trust_units)
    sites: list[SiteRows] = []
    stories: list[dict[str, Any]] = []
    warnings: list[str] = []
    filled = 0
    for site in spec.site:
        on_stage("sites", len(sites), len(spec.site))
        row, parts = _site(bringer, site)
        sites.append(row)
        stories.append({"id": site.id, **{name: part.story for name, part in parts.items()}})
        warnings += [f"{site.id} {name}: {text}" for name, part in parts.items() for text in part.warnings]
        filled += sum(part.filled for part in parts.values())
    on_stage("sites", len(sites), len(spec.site))
    bitcoin = Request(where="bitcoin", table=spec.bitcoin, quantities=(Quantity.HASHPRICE,))
    price, series = hashprices(reader, bitcoin, steps.days, order.fill)
    report = {
        "out": str(order.out),
        "sites": [site.id for site in spec.site],
        "from": utc_text(steps.from_s),
        "to": utc_text(steps.to_s),
        "step_minutes": steps.step_s // 60,
        "rows": steps.count * len(sites),
        "filled": filled,
        "warnings": list(dict.fromkeys(warnings)),
    }
    provenance = {
        "provenance_version": PROVENANCE_VERSION,
        **{name: report[name] for name in ("from", "to", "step_minutes", "rows", "filled", "warnings")},
        "fill": str(order.fill),
        "sites": stories,
        "bitcoin": _bitcoin_story(bringer, bitcoin, series),
        **_fx_story(bringer, fx),
    }

    def on_rows(done: int, of: int) -> None:
        on_stage("rows", done, of)

    write_folder(order.out, steps, sites, (steps.days, price), provenance, on_rows=on_rows, kind=order.kind)
    return report


def _fx_story(bringer: Bringer, request: Request | None) -> dict[str, Any]:
    # a file without a rate is no fault where every price is in dollars, and gave nothing to tell of
    series = bringer.reader.all_series_of(request) if request is not None else ()
    return {"fx": bringer.story(request, series[0])} if request is not None and series else {}


def _bitcoin_story(bringer: Bringer, request: Request, series: MarketSeries | None) -> dict[str, Any]:
    if series is None:
        return {"constant": request.table.constant}
    return {**bringer.story(request, series), **derived_from(request, series)}


def _refuse_live(spec: Spec, requests: Sequence[Request]) -> None:
    live = [request.where for request in requests if request.table.is_live] + (["fx"] if spec.fx.provider else [])
    live += [] if spec.openadr is None else ["openadr"]
    if live:
        raise ConfigError(
            f"{live[0]}: `mara import build` reads files, the SPEC names a live source: name files, or listen "
            "to it with MARA_FEED=live and write what it told with `mara feed export`"
        )


class _Counted:
    """Reports progress for each file that is read."""

    def __init__(self, on_stage: OnStage, what: str) -> None:
        self._on_stage, self._what = on_stage, what
        self._done = 0
        self.total = 0

    def one_more(self, _: str) -> None:
        self._done += 1
        self._on_stage(self._what, self._done, max(self._done, self.total))


def _requests(spec: Spec) -> list[Request]:
    return [
        *(request for site in spec.site for request in _requests_of(site).values()),
        Request(where="bitcoin", table=spec.bitcoin, quantities=(Quantity.HASHPRICE,)),
    ]


def _requests_of(site: SiteSpec) -> dict[str, Request]:
    def request(name: str, table: SourceTable, quantity: Quantity) -> Request:
        return Request(where=f"site {site.id} {name}", table=table, quantities=(quantity,))

    found = {"price": request("price", site.price, Quantity.PRICE)}
    if site.day_ahead is not None:
        found["day_ahead"] = request("day_ahead", site.day_ahead, Quantity.PRICE)
    found["carbon"] = request("carbon", site.carbon, Quantity.CARBON)
    found["weather"] = request("weather", site.weather, Quantity.WEATHER)
    for name, field, table in (
        ("demand", DEMAND, site.demand),
        ("demand_forecast", DEMAND_FORECAST, site.demand_forecast),
    ):
        if table is not None:
            found[name] = replace(request(name, table, Quantity.DEMAND), field=field)
    for product, table in site.reserve.items():
        found[f"reserve_{product}"] = request(f"reserve.{product}", table, Quantity.ANCILLARY)
    return found


def _site(bringer: Bringer, site: SiteSpec) -> tuple[SiteRows, dict[str, SourceColumns]]:
    requests = _requests_of(site)
    parts = {"price": bringer.price(requests["price"], site, PRICE)}
    if "day_ahead" in requests:
        parts["day_ahead"] = bringer.price(requests["day_ahead"], site, DAY_AHEAD)
    parts["carbon"] = bringer.carbon(requests["carbon"])
    parts["weather"] = bringer.weather(requests["weather"])
    parts |= {name: bringer.demand(requests[name]) for name in ("demand", "demand_forecast") if name in requests}
    for product in site.reserve:
        part = f"reserve_{product}"
        parts[part] = bringer.price(requests[part], site, f"{part}_usd_per_mw_h")
    order = ("price", "carbon", "weather", "day_ahead")
    names = (*order, *(name for name in parts if name not in order))
    columns = {name: value for part in names if part in parts for name, value in parts[part].values.items()}
    price = parts["price"]
    row = SiteRows(
        site=site,
        columns=columns,
        price_zone=f"{price.market} {WORDS_OF[price.known]}",
        price_known=price.known,
    )
    return row, parts


def _fx_request(spec: Spec) -> Request | None:
    """The files of exchange rates as a source; None where the SPEC names none."""
    files = spec.fx.files or ([spec.fx.file] if spec.fx.file is not None else None)
    if files is None:
        return None
    return Request(where="fx", table=SourceTable(files=files, layout=spec.fx.layout), quantities=(Quantity.FX,))


def _rates(spec: Spec, reader: Reader, request: Request | None) -> Rates:
    if request is None:
        return rates_of((), spec.fx.usd_per, "")
    assert request.table.files is not None
    return rates_of(reader.all_series_of(request), spec.fx.usd_per, request.table.files[0])


def _steps(spec: Spec, order: BuildOrder, reader: Reader, requests: Sequence[Request]) -> Steps:
    """The steps of the period asked for, or else of the longest that all files cover."""
    step_s = spec.history.step_minutes * 60
    with_files = [request for request in requests if request.table.files is not None and request.where != "bitcoin"]
    read = [reader.series_of(request) for request in with_files]
    covered = [
        (int(series.begin_s[0]), int(series.end_s[-1]), request.where)
        for series, request in zip(read, with_files, strict=True)
    ]
    from_s, to_s = order.from_s, order.to_s
    if from_s is None or to_s is None:
        for series in read:
            refuse_edges(series, Window(from_s=from_s, to_s=to_s))
        if not covered:
            raise ConfigError("without any file the period should be given: say --from and --to")
        late, early = max(covered, key=lambda one: one[0]), min(covered, key=lambda one: one[1])
        if late[0] >= early[1]:
            raise FeedInvalid(
                f"the sources should have a period in common, {late[2]} begins {utc_text(late[0])} and {early[2]} ends "
                f"{utc_text(early[1])}: add files"
            )
        from_s = -(-late[0] // HOUR_S) * HOUR_S if from_s is None else from_s
        to_s = early[1] // HOUR_S * HOUR_S if to_s is None else to_s
    if from_s % step_s or to_s % step_s:
        raise ConfigError(f"--from and --to should be whole steps of {step_s // 60} minutes: round them")
    if from_s >= to_s:
        raise ConfigError(f"--to should be after --from, is {utc_text(to_s)} and {utc_text(from_s)}: correct them")
    steps = Steps(from_s=from_s, to_s=to_s, step_s=step_s)
    if steps.count > MOST_STEPS:
        raise ConfigError(f"a history should have at most {MOST_STEPS:,} steps, would have {steps.count:,}: cut it")
    return steps
