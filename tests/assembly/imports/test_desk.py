"""Market files on the server become histories: inspected, built, run, restored.

Each is drafted as a SPEC before it is built.
"""

import asyncio
import threading
import tomllib
from collections.abc import Callable
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from mara.assembly.imports.builder import Builder, BuildJob, BuildStatus
from mara.assembly.imports.catalogue import shipped_cards
from mara.assembly.imports.desk import BuildRequest, ImportDesk
from mara.assembly.imports.draft import draft_of, spec_text
from mara.assembly.imports.places import place_of
from mara.assembly.imports.reports import InspectionOrder, OwnTable
from mara.errors import CommandError
from mara.feeds.files.history_file import read_history
from mara.feeds.files.shipped_histories import shipped_histories
from mara.runtime.actor import Actor
from tests.assembly.imports.desks import PRICES, build_here, chunks, desk_in, draft, price_bytes, prices
from tests.feeds.markets import writers_europe as eu
from tests.feeds.markets.reading import written


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "imports"


@pytest.fixture
def desk(root: Path) -> ImportDesk:
    made = desk_in(root)
    (root / PRICES).write_bytes(price_bytes())
    return made


def files_in(root: Path) -> list[str]:
    """List the files directly in a folder."""
    return [path.name for path in root.iterdir() if path.is_file()]


async def request(desk: ImportDesk, name: str = "berlin_spring") -> BuildRequest:
    return BuildRequest(name=name, spec=await desk.spec_of(draft_of(draft())))


async def test_inspection_names_files_as_the_folder_does_and_suggests_a_place(desk: ImportDesk) -> None:
    (report,) = await desk.inspect(InspectionOrder(files=[PRICES]))
    (series,) = report["series"]
    assert (report["files"], report["layout"]) == ([PRICES], "smard")
    assert (series["point"], series["country"], series["timezone"]) == (
        "Germany/Luxembourg",
        "Germany",
        "Europe/Berlin",
    )


async def test_a_refused_file_does_not_keep_the_others_from_being_reported(desk: ImportDesk, root: Path) -> None:
    (root / "notes.csv").write_text("a,b\n1,2\n")
    refused, report = await desk.inspect(InspectionOrder(files=["notes.csv", PRICES]))
    assert refused["refusal"].startswith("notes.csv: should be in a layout")
    assert report["layout"] == "smard"


async def test_a_layout_can_be_chosen_and_a_wrong_one_is_refused_in_words(desk: ImportDesk) -> None:
    (report,) = await desk.inspect(InspectionOrder(files=[PRICES], layouts={PRICES: "smard"}))
    assert report["layout"] == "smard"
    (refused,) = await desk.inspect(InspectionOrder(files=[PRICES], layouts={PRICES: "omie"}))
    assert "should be in the layout omie" in refused["refusal"]
    (unknown,) = await desk.inspect(InspectionOrder(files=[PRICES], layouts={PRICES: "nonesuch"}))
    assert "nonesuch" in unknown["refusal"]


async def test_files_that_two_layouts_fit_are_to_be_chosen_from(
    desk: ImportDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mara.assembly.imports.reports.fitting_layouts", lambda _: {"price": ("smard", "omie")})
    assert await desk.inspect(InspectionOrder(files=[PRICES])) == [{"files": [PRICES], "choices": ["smard", "omie"]}]
    (report,) = await desk.inspect(InspectionOrder(files=[PRICES], layouts={PRICES: "smard"}))
    assert report["layout"] == "smard"


OWN = "plant.csv"
SAID = {
    "time": "Beginn",
    "side": "begin",
    "formats": ["%d.%m.%Y %H:%M"],
    "clock": "Europe/Berlin",
    "repeat": "order",
    "steps_minutes": [60],
    "value": "Preis",
    "unit": "EUR ct/kWh",
    "delimiter": ";",
    "decimal": ".",
}


def own_bytes() -> bytes:
    zone = ZoneInfo("Europe/Berlin")
    lines = [f"{row.begin.astimezone(zone):%d.%m.%Y %H:%M};{row.value / 10:.3f}" for row in prices()]
    return "\n".join(["Beginn;Preis", *lines]).encode()


async def test_a_file_of_ones_own_is_kept_described_inspected_and_built(
    desk: ImportDesk, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_here(monkeypatch)
    name, layouts = await desk.receive(OWN, chunks(own_bytes()))
    assert layouts == ("csv",)
    (unknown,) = await desk.inspect(InspectionOrder(files=[name]))
    assert unknown["outline"]["columns"] == ("Beginn", "Preis")
    assert unknown["outline"]["delimiter"] == ";"
    half = OwnTable(quantity="price", table={field: said for field, said in SAID.items() if field != "clock"})
    (refused,) = await desk.inspect(InspectionOrder(files=[name], own={name: half}))
    assert "csv.clock is missing" in refused["refusal"]
    assert refused["own"]["table"] == half.table
    (report,) = await desk.inspect(InspectionOrder(files=[name], own={name: OwnTable(quantity="price", table=SAID)}))
    (series,) = report["series"]
    assert (report["layout"], series["intervals"], series["currency"]) == ("csv", len(prices()), "EUR")
    series_choice = {"files": [name], "layout": "csv", "point": "", "key": {}, "csv": SAID}
    text = await desk.spec_of(draft_of(draft(price={"series": series_choice})))
    assert tomllib.loads(text)["site"][0]["price"]["csv"] == SAID
    assert (await desk.build(BuildRequest(name="own", spec=text))).state == "done"
    (card,) = [card for card in desk.histories() if card.name == "own"]
    built = read_history(Path(desk.place_of(card))).energy_price_usd_per_mwh[:, 0]
    assert built == pytest.approx([1.08 * row.value for row in prices()], abs=0.01)


async def test_the_rest_of_many_series_is_found_by_name_and_by_page(desk: ImportDesk, root: Path) -> None:
    points = [f"NODE_{number:03d}" for number in range(120)]
    header = "DeliveryDate,HourEnding,SettlementPoint,SettlementPointPrice,DSTFlag"
    lines = [f"07/01/2024,{hour:02d}:00,{point},20.5,N" for point in points for hour in range(1, 25)]
    (root / "nodes.csv").write_text("\n".join([header, *lines]))
    (first,) = await desk.inspect(InspectionOrder(files=["nodes.csv"]))
    assert (first["series_count"], first["matching_count"], len(first["series"])) == (120, 120, 50)
    (last,) = await desk.inspect(InspectionOrder(files=["nodes.csv"], skip=100))
    assert [one["point"] for one in last["series"]] == points[100:]
    (sought,) = await desk.inspect(InspectionOrder(files=["nodes.csv"], find="node_11"))
    assert [one["point"] for one in sought["series"]] == points[110:]


async def test_an_inspection_ends_when_it_is_cancelled_and_the_next_one_is_read(
    desk: ImportDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, batches = threading.Event(), []

    def endless(_: object, __: object, ___: object, go_on: Callable[[], None]) -> list[dict[str, object]]:
        begun.set()
        while True:
            batches.append(1)
            go_on()

    with monkeypatch.context() as patched:
        patched.setattr("mara.assembly.imports.desk.reports_on", endless)
        reading = asyncio.create_task(desk.inspect(InspectionOrder(files=[PRICES])))
        assert await asyncio.to_thread(begun.wait, 30.0)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
    assert batches
    (report,) = await desk.inspect(InspectionOrder(files=[PRICES]))
    assert report["layout"] == "smard"


def test_the_draft_is_written_as_the_spec_that_the_command_line_reads() -> None:
    read = tomllib.loads(spec_text(draft_of(draft())))
    (site,) = read["site"]
    assert site["price"] == {"files": [PRICES], "layout": "smard", "point": "Germany/Luxembourg"}
    assert site["carbon"] == {"constant": 380.0, "renewable_share": 0.45}
    assert site["weather"] == {"constant": 14.0, "wet_bulb_c": 11.0}
    assert read["fx"] == {"usd_per": {"EUR": 1.08}}


def test_reserve_prices_are_written_by_their_names_as_files_or_constants() -> None:
    rrs = {"series": {"files": ["as.csv"], "layout": "ercot-dam-as", "point": "RRS", "key": {}}}
    reserves = [{"name": "rrs", "source": rrs}, {"name": "nonspin", "source": {"constant": 4.5}}]
    (site,) = tomllib.loads(spec_text(draft_of(draft(reserves=reserves))))["site"]
    assert site["reserve"] == {
        "rrs": {"files": ["as.csv"], "layout": "ercot-dam-as", "point": "RRS"},
        "nonspin": {"constant": 4.5},
    }


@pytest.mark.parametrize("text", ['a"b', "a\\b", "ü\u2028", "\x7f", "[x]\nid = 1"])
def test_no_text_of_a_form_breaks_out_of_its_value(text: str) -> None:
    given = draft(name=text)
    assert tomllib.loads(spec_text(draft_of(given)))["site"][0]["name"] == text.strip()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"lat": None}, "site 1 lat is empty: fill it in"),
        ({"lat": "north"}, "site 1 lat should be a valid number"),
        ({"lat": 95}, "lat should be less than or equal to 90"),
        ({"timezone": "Berlin"}, "IANA timezone"),
        ({"carbon": {"constant": None}}, "carbon"),
        ({"reserves": [{"name": "", "source": {"constant": 4}}]}, "site 1 reserves 1 name is empty: fill it in"),
        ({"reserves": [{"name": "RRS up", "source": {"constant": 4}}]}, "site 1 reserves 1 name should"),
        ({"reserves": 2 * [{"name": "rrs", "source": {"constant": 4}}]}, "has 'rrs' twice"),
        ({"reserves": [{"name": "rrs", "source": {}}]}, "reserve"),
        ({"price": {"series": {"files": ["../x.csv"], "layout": "smard"}}}, "import folder"),
        ({"price": {"series": {"files": ["/etc/passwd"], "layout": "smard"}}}, "import folder"),
    ],
)
async def test_a_draft_that_cannot_be_built_is_refused_with_its_field(
    desk: ImportDesk, change: dict[str, object], words: str
) -> None:
    given = draft(**change)
    with pytest.raises(CommandError) as refusal:
        await desk.spec_of(draft_of(given))
    assert words in str(refusal.value)
    assert "\n" not in str(refusal.value)


async def test_a_history_is_built_listed_read_deleted_and_brought_back(
    desk: ImportDesk, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_here(monkeypatch)
    noted: list[str] = []
    desk.write_notes_to(lambda actor, text: noted.append(f"{actor.name}: {text}"))
    await desk.build(await request(desk))
    status = desk.status()
    assert (status.state, status.reason, status.share) == ("done", "", 1.0)
    assert status.report is not None
    assert (status.report["out"], status.report["rows"]) == ("histories/berlin_spring", len(prices()))
    (card,) = [card for card in desk.histories() if not card.is_shipped]
    assert (card.name, card.step_minutes, card.sites) == ("berlin_spring", 60, ("Berlin",))
    assert card.licences == ("Bundesnetzagentur, SMARD.de: CC BY 4.0",)
    assert len(read_history(Path(desk.place_of(card))).energy_price_usd_per_mwh) == len(prices())
    entry = await desk.delete_history("berlin_spring")
    assert all(card.is_shipped for card in desk.histories())
    assert not (root / "berlin_spring.toml").exists()
    await desk.restore(entry)
    assert (root / "berlin_spring.toml").is_file()
    assert "berlin_spring" in {card.name for card in desk.histories()}
    assert [text.removeprefix(f"{Actor().name}: ") for text in noted] == [
        "history berlin_spring ordered to be built",
        "history berlin_spring deleted",
        "histories/berlin_spring brought back",
    ]


async def test_a_build_that_fails_says_why_and_leaves_nothing(
    desk: ImportDesk, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_here(monkeypatch)
    rows = prices()
    written(root, eu.smard_english([*rows[:100], *rows[103:]]))
    await desk.build(await request(desk))
    status = desk.status()
    assert status.state == "failed"
    assert status.reason.startswith(PRICES)
    assert files_in(root) == [PRICES]
    assert all(card.is_shipped for card in desk.histories())


async def test_a_cancelled_build_leaves_nothing_and_frees_its_name(desk: ImportDesk, root: Path) -> None:
    """The build runs in a process of its own, which is ended."""
    await desk.build(await request(desk))
    with pytest.raises(CommandError, match="berlin_spring is being built, one at a time: wait or cancel it"):
        await desk.build(await request(desk, "another"))
    await desk.cancel()
    assert desk.status().state == "cancelled"
    assert files_in(root) == [PRICES]
    await desk.cancel()  # harmless
    assert desk.status().state == "cancelled"


@pytest.mark.parametrize("name", ["", "../x", "Über", "a/b", "x" * 61, ".x", "four_markets_2023"])
async def test_names_that_cannot_be_kept_or_are_taken_are_refused(desk: ImportDesk, name: str) -> None:
    asked = await request(desk, name)
    with pytest.raises(CommandError):
        await desk.build(asked)
    assert desk.status() == BuildStatus()


async def test_what_comes_with_mara_cannot_be_deleted(desk: ImportDesk) -> None:
    with pytest.raises(CommandError, match="comes with Mara"):
        await desk.delete_history("four_markets_2023")
    with pytest.raises(CommandError, match="none of the histories built here"):
        await desk.delete_history("nonesuch")


async def test_shipped_hashprices_are_brought_into_the_folder(desk: ImportDesk, root: Path) -> None:
    text = await desk.spec_of(draft_of({**draft(), "bitcoin": {"shipped": "four_markets_2023"}}))
    (file,) = tomllib.loads(text)["bitcoin"]["files"]
    assert (root / file).is_file()
    with pytest.raises(CommandError, match="comes with Mara"):
        await desk.spec_of(draft_of({**draft(), "bitcoin": {"shipped": "../../etc"}}))


def test_every_shipped_history_is_described_with_its_licences() -> None:
    cards = {card.name: card for card in shipped_cards()}
    assert cards.keys() == {shipped.name for shipped in shipped_histories()}
    for card in cards.values():
        assert card.licences
        assert card.sites
        assert card.from_ < card.until
    four = cards["four_markets_2023"]
    assert (four.step_minutes, four.from_.isoformat(), four.until.isoformat()) == (
        60,
        "2023-01-01T00:00:00+00:00",
        "2024-01-01T00:00:00+00:00",
    )
    assert "ODbL 1.0" in four.licences


@pytest.mark.parametrize(
    ("layout", "point", "clock", "place"),
    [
        ("ercot-rtm-spp", "LZ_WEST", "America/Chicago", ("United States", "America/Chicago")),
        ("aemo-nemweb", "VIC1", "UTC+10:00", ("Australia", "Australia/Melbourne")),
        ("entsoe-gui-old", "BZN|DE-LU", "Europe/Brussels", ("Germany", "Europe/Berlin")),
        ("ember-hourly", "Norway", "UTC", ("Norway", "Europe/Oslo")),
        ("energi-data-service", "DK1", "UTC", ("Denmark", "Europe/Copenhagen")),
        ("gridstatus-frame", "DE", "UTC", ("", "")),
        ("entsoe-py-frame", "", "Europe/Madrid", ("", "Europe/Madrid")),
    ],
)
def test_a_market_suggests_where_its_sites_are(layout: str, point: str, clock: str, place: tuple[str, str]) -> None:
    assert place_of(layout, point, clock) == place


def test_a_builder_whose_process_dies_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[bool] = []
    builder = Builder(lambda _, is_done: ended.append(is_done))
    job = BuildJob(name="x", spec_file=tmp_path / "x.toml", out=tmp_path / "x")
    monkeypatch.setattr("mara.assembly.imports.builder.SpawnedWork.start", lambda self: self._on_silence(self))
    builder.start(job)
    assert (builder.status.state, ended) == ("failed", [False])
    assert "ended without a result" in builder.status.reason
