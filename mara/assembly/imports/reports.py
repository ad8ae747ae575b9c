"""Reports on market files as the import folder knows them, with places for sites.

A file that cannot be read, or that two layouts fit, does not keep the others from being reported.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from mara.assembly.imports.folder import ImportFolder
from mara.assembly.imports.places import place_of
from mara.errors import ConfigError, FeedError
from mara.feeds.markets.building.own_layout import own_layout
from mara.feeds.markets.declaration import Layout, Quantity
from mara.feeds.markets.inspection import SeriesPart, fitting_layouts, inspected
from mara.feeds.markets.outline import outline_of
from mara.feeds.markets.reading.sources import sources_of

DESCRIBABLE: Final = tuple(
    str(quantity) for quantity in Quantity if quantity not in {Quantity.FX, Quantity.HASHPRICE, Quantity.ANCILLARY}
)
"""Quantities that a file of the user's own may hold on a form."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnTable:
    """A file's layout as its user describes it.

    Attributes:
        quantity: what the file gives, such as `price`.
        table: the table `csv` of a SPEC.
    """

    quantity: str
    table: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectionOrder:
    """Files to report on.

    Attributes:
        files: names in the import folder.
        layouts: the layout that was chosen for a file, by its name.
        own: the layout that was described for a file, by its name.
        find, skip: which of many series are described; see `SeriesPart`.
    """

    files: Sequence[str]
    layouts: Mapping[str, str] = field(default_factory=dict)
    own: Mapping[str, OwnTable] = field(default_factory=dict)
    find: str = ""
    skip: int = 0


def reports_on(
    asked: InspectionOrder, paths: Mapping[str, Path], folder: ImportFolder, on_batch: Callable[[], object]
) -> list[dict[str, Any]]:
    """Report on files by layout.

    A refused file has `refusal`, and its `outline` where it is a text table that its user may describe; a doubtful one
    has `choices`.

    Args:
        paths: by the name in the folder.
        on_batch: called while files are read; raises where nobody waits for the reports any more.
    """
    groups: dict[object, tuple[dict[str, Any], list[str]]] = {}
    reports: list[dict[str, Any]] = []
    for name, path in paths.items():
        try:
            how, choices = _way_to_read(name, path, asked)
        except (FeedError, ConfigError) as error:
            reports.append({"files": [name], "refusal": folder.told(error), **_outlined(path, asked.own.get(name))})
            continue
        if choices:
            reports.append({"files": [name], "choices": choices})
        else:
            groups.setdefault(repr(how), (how, []))[1].append(name)
    for how, names in groups.values():
        how.pop("ids", None)
        try:
            found = inspected(
                [paths[name] for name in names],
                **how,
                part=SeriesPart(find=asked.find, skip=asked.skip),
                on_batch=on_batch,
            )
        except (FeedError, ConfigError) as error:
            outline = _outlined(paths[names[0]], asked.own[names[0]]) if "own" in how else {}
            reports.append({"files": list(names), "refusal": folder.told(error), **outline})
        else:
            reports += [{**_located(report, folder), **_described(asked.own.get(names[0]))} for report in found]
    return reports


def _way_to_read(name: str, path: Path, asked: InspectionOrder) -> tuple[dict[str, Any], list[str]]:
    """Decide how to read a file: arguments of `inspected`, or layouts to choose from."""
    own = asked.own.get(name)
    if own is not None:
        return {"own": layout_of(own)}, []
    chosen = asked.layouts.get(name)
    if chosen:
        return {"layout_id": chosen}, []
    fitting = list(fitting_layouts(path).values())
    doubtful = next((ids for ids in fitting if len(ids) > 1), ())
    return {"ids": tuple(ids[0] for ids in fitting)}, list(doubtful)


def layout_of(own: OwnTable) -> Layout:
    """Make the layout that a user described.

    Raises:
        ConfigError: a field is missing, unknown or contradicts another; the message names it.
    """
    if own.quantity not in DESCRIBABLE:
        raise ConfigError(f"an own file should hold {', '.join(DESCRIBABLE)}, came {own.quantity[:40]!r}: correct it")
    return own_layout(dict(own.table), Quantity(own.quantity), own.quantity)


def _outlined(path: Path, own: OwnTable | None) -> dict[str, Any]:
    """Show a text table to whoever may describe it, with what they said of it so far."""
    try:
        outline = outline_of(sources_of(path)[0])
    except FeedError:
        outline = None
    return {} if outline is None else {"outline": asdict(outline), **_described(own)}


def _described(own: OwnTable | None) -> dict[str, Any]:
    return {} if own is None else {"own": {"quantity": own.quantity, "table": dict(own.table)}}


def _located(report: dict[str, Any], folder: ImportFolder) -> dict[str, Any]:
    """Name files as the folder knows them, and suggest a place for each series."""
    files = dict.fromkeys(folder.told(name).partition("!")[0] for name in report["files"])
    series = []
    for one in report["series"]:
        country, timezone = place_of(report["layout"], one["point"], one["days"]["clock"])
        series.append({**one, "country": country, "timezone": timezone})
    return {**report, "files": list(files), "series": series}
