"""Reports on market files as the import folder knows them, with places for sites.

A file that cannot be read, or that two layouts fit, does not keep the others from being reported.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mara.assembly.imports.folder import ImportFolder
from mara.assembly.imports.places import place_of
from mara.errors import ConfigError, FeedError
from mara.feeds.markets.inspection import fitting_layouts, inspected


def reports_on(paths: Mapping[str, Path], layouts: Mapping[str, str], folder: ImportFolder) -> list[dict[str, Any]]:
    """Report on files by layout; refused ones have `refusal`, doubtful ones `choices`.

    Args:
        paths: by the name in the folder.
        layouts: the layout that was chosen for a file, by its name.
    """
    groups: dict[tuple[tuple[str, ...], bool], list[str]] = {}
    reports: list[dict[str, Any]] = []
    for name, path in paths.items():
        is_chosen = bool(layouts.get(name))
        try:
            fitting = [(layouts[name],)] if is_chosen else list(fitting_layouts(path).values())
        except (FeedError, ConfigError) as error:
            reports.append({"files": [name], "refusal": folder.told(error)})
            continue
        doubtful = next((ids for ids in fitting if len(ids) > 1), None)
        if doubtful is not None:
            reports.append({"files": [name], "choices": list(doubtful)})
        else:
            groups.setdefault((tuple(ids[0] for ids in fitting), is_chosen), []).append(name)
    for (ids, is_chosen), names in groups.items():
        reports += _reports([paths[name] for name in names], names, ids[0] if is_chosen else None, folder)
    return reports


def _reports(
    paths: Sequence[Path], names: Sequence[str], layout_id: str | None, folder: ImportFolder
) -> list[dict[str, Any]]:
    try:
        found = inspected(paths, layout_id)
    except (FeedError, ConfigError) as error:
        return [{"files": list(names), "refusal": folder.told(error)}]
    return [_located(report, folder) for report in found]


def _located(report: dict[str, Any], folder: ImportFolder) -> dict[str, Any]:
    """Name files as the folder knows them, and suggest a place for each series."""
    files = dict.fromkeys(folder.told(name).partition("!")[0] for name in report["files"])
    series = []
    for one in report["series"]:
        country, timezone = place_of(report["layout"], one["point"], one["days"]["clock"])
        series.append({**one, "country": country, "timezone": timezone})
    return {**report, "files": list(files), "series": series}
