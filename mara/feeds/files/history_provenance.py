"""Provenance of a history: its sources, licences and filled stretches."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal, TypedDict

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mara.errors import FeedInvalid
from mara.feeds.files.history import History
from mara.feeds.files.history_clock import utc_text

PROVENANCE_FILE: Final = "provenance.json"
PROVENANCE_VERSION: Final = 1
MOST_BYTES: Final = 50_000_000
README: Final = "README.md"
AGREED: Final = ("constant", "tariff")
"""Sources without a file: numbers that the SPEC says."""
GIVEN: Final = {
    "day_ahead": "day-ahead price",
    "demand": "system demand",
    "demand_forecast": "forecast of system demand",
    "fx": "exchange rates",
}
"""Words for what a source gives, where its key is none."""


class _Part(BaseModel):
    """Accepts members that a later Mara may add."""

    model_config = ConfigDict(extra="allow", frozen=True)


class _SourceFile(_Part):
    name: str
    sha256: str


class _SourceStory(_Part):
    layout: str = ""
    publisher: str = ""
    report: str = ""
    licence: str = ""
    files: tuple[_SourceFile, ...] = ()
    filled: tuple[tuple[str, str], ...] = ()


class _SiteStory(_Part):
    id: str
    __pydantic_extra__: dict[str, _SourceStory]


class _HistoryHash(_Part):
    file: str
    sha256: str


class _Provenance(_Part):
    provenance_version: Literal[1]
    history: _HistoryHash | None = None
    from_: str = Field(alias="from")
    to: str
    step_minutes: int
    rows: int
    filled: int
    warnings: tuple[str, ...]
    fill: str
    sites: tuple[_SiteStory, ...]
    bitcoin: _SourceStory
    fx: _SourceStory | None = None


_Period = TypedDict("_Period", {"from": str, "to": str})


class HistoryStory(_Period):
    """A history and where it comes from, as reports tell it.

    Attributes:
        price_known: `day_ahead` or `real_time` by site.
        optional_columns: those that the file has beside the required ones.
        filled: number of filled steps; None where no provenance tells.
        is_as_built: whether the rows are those that were built; None where no provenance tells.
        readme: the folder's README, which names origin and licences of histories without provenance.
    """

    file: str
    sha256: str
    step_minutes: int
    steps: int
    sites: list[str]
    price_known: dict[str, str]
    optional_columns: list[str]
    sources: list[dict[str, Any]]
    filled: int | None
    is_as_built: bool | None
    warnings: list[str]
    readme: str | None


def story_of(history: History, ahead: Sequence[bool]) -> HistoryStory:
    """Tell what a history is and where it comes from.

    Args:
        ahead: for each site, whether its prices are known a day ahead (`mara.feeds.day_ahead`); empty if not known.
    """
    provenance, readme = history.provenance, history.folder / README
    known = {True: "day_ahead", False: "real_time"}
    return {
        "file": history.file.name,
        "sha256": history.sha256,
        "from": utc_text(history.start),
        "to": utc_text(history.end),
        "step_minutes": history.step_minutes,
        "steps": history.step_count,
        "sites": list(history.site_ids),
        "price_known": {
            site_id: known[bool(is_ahead)] for site_id, is_ahead in zip(history.site_ids, ahead, strict=False)
        },
        "optional_columns": [
            *(["day_ahead_usd_per_mwh"] if history.day_ahead_usd_per_mwh is not None else []),
            *history.further,
        ],
        "sources": sources_of(provenance) if provenance is not None else [],
        "filled": int(provenance["filled"]) if provenance is not None else None,
        "is_as_built": bool(provenance["is_as_built"]) if provenance is not None else None,
        "warnings": list(provenance["warnings"]) if provenance is not None else [],
        "readme": f"{readme.parent.name}/{README}" if readme.is_file() else None,
    }


def lines_of_story(story: HistoryStory) -> list[str]:
    """Say where a history comes from, a source a line: for reports and pages."""
    head = f"{story['file']}: steps of {story['step_minutes']} minutes, SHA-256 of the folder {story['sha256']}"
    if story["is_as_built"] is None:
        where = f"origin and licences: {story['readme']}" if story["readme"] else "the folder does not say its sources"
        return [head, where]
    edited = "" if story["is_as_built"] else "the rows were changed after they were built"
    filled = f"filled steps: {story['filled']:,}"
    return [head, *map(source_line, story["sources"]), filled, *([edited] if edited else [])]


def read_provenance(folder: Path, history_sha256: str) -> dict[str, Any] | None:
    """Read a history's provenance; None where the folder has none.

    `is_as_built` is added: false where the file of the rows is not the one that was built.

    Raises:
        FeedInvalid: the file is no provenance; the message names the field.
    """
    path = folder / PROVENANCE_FILE
    if not path.is_file():
        return None
    remedy = "build the history again, or take the file away"
    if path.stat().st_size > MOST_BYTES:
        raise FeedInvalid(f"{path} should have at most {MOST_BYTES:,} bytes, has {path.stat().st_size:,}: {remedy}")
    try:
        found = json.loads(path.read_bytes())
        checked = _Provenance.model_validate(found)
    except ValidationError as error:
        detail = error.errors()[0]
        where = ".".join(map(str, detail["loc"])) or "the file"
        raise FeedInvalid(
            f"{path}: {where}: {detail['msg'].lower()}, came {detail['input']!r:.60}: {remedy}"
        ) from error
    except (ValueError, RecursionError, OSError) as error:
        raise FeedInvalid(f"{path} should be JSON as `mara import build` writes it: {error}; {remedy}") from error
    is_as_built = checked.history is None or checked.history.sha256 == history_sha256
    return {**found, "is_as_built": is_as_built}


def sources_of(provenance: Mapping[str, Any]) -> list[dict[str, Any]]:
    """List the sources of a history, each with the columns and sites that it gave.

    Returns:
        Dicts of `gives` (price, day_ahead, carbon, weather, bitcoin, fx), `sites`, `publisher`, `report`, `layout`,
        `licence`, `series`, `files` (name and sha256), `filled` (stretches) and `agreed`: constant, tariff or nothing.
    """
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    for site_id, gives, story in _stories(provenance):
        agreed = next((kind for kind in AGREED if kind in story), "")
        told = {name: str(story.get(name, "")) for name in ("publisher", "report", "layout", "licence")}
        source = found.setdefault(
            (gives, agreed, *told.values()),
            {"gives": gives, "sites": [], **told, "agreed": agreed, "series": [], "files": [], "filled": []},
        )
        source["sites"] += [site_id] if site_id else []
        source["series"] += [story["series"]] if "series" in story and story["series"] not in source["series"] else []
        files = ({"name": file["name"], "sha256": file["sha256"]} for file in story.get("files", ()))
        source["files"] += [file for file in files if file not in source["files"]]
        source["filled"] += [list(stretch) for stretch in story.get("filled", ())]
    return list(found.values())


def source_line(source: Mapping[str, Any]) -> str:
    """Describe a source in one line: columns, sites, publisher, files, gaps, licence."""
    gives = GIVEN.get(source["gives"], source["gives"].replace("_", " "))
    of_sites = f" of {', '.join(source['sites'])}" if source["sites"] else ""
    if source["agreed"]:
        return f"{gives}{of_sites}: a {source['agreed']} of the SPEC"
    count = len(source["files"])  # older folders do not name those of bitcoin
    files = f"{count} files" if count > 1 else source["files"][0]["name"] if count else ""
    named = ", ".join(name for name in (source["publisher"], source["report"], source["layout"], files) if name)
    gaps = len(source["filled"])
    filled = f"; {gaps} {'stretch' if gaps == 1 else 'stretches'} filled" if gaps else ""
    return f"{gives}{of_sites}: {named}{filled}; licence: {source['licence'] or 'not said'}"


def _stories(provenance: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for site in provenance["sites"]:
        for gives, story in site.items():
            if gives != "id":
                yield site["id"], gives, story
    yield "", "bitcoin", provenance["bitcoin"]
    if "fx" in provenance:
        yield "", "fx", provenance["fx"]
