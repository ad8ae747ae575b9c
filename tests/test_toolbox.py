"""Tools over a stored run report what is stored, and change nothing.

Wrong questions are refused.
"""

import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from mara.assembly.runs import open_run
from mara.errors import StoreRefused
from mara.runtime.tick.engine import simulate
from mara.settings import Settings, read_settings
from mara.toolbox import MOST_TEXT_CHARACTERS, TYPED, TYPED_FIELDS, Toolbox

TICKS = 40


def settings_for(folder: Path) -> Settings:
    return read_settings(options={"database_url": f"sqlite:///{folder / 'mara.db'}", "optimizer": "rules"})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("toolbox")
    store, engine = open_run(settings_for(folder))
    simulate(engine, store, TICKS)
    store.close()
    return folder


@pytest.fixture
def toolbox(folder: Path) -> Iterator[Toolbox]:
    box = Toolbox(settings_for(folder))
    yield box
    box.close()


def said(toolbox: Toolbox, name: str, **arguments: Any) -> dict[str, Any]:
    found = toolbox.answer(name, arguments)
    assert not found.is_error, found.content
    text = json.dumps(found.content, allow_nan=False)
    whole: dict[str, Any] = json.loads(text)
    return whole


def refused(toolbox: Toolbox, name: str, **arguments: Any) -> str:
    found = toolbox.answer(name, arguments)
    assert found.is_error, found.content
    message = found.content["error"]
    assert isinstance(message, str)
    return message


def test_every_tool_offers_a_schema_that_its_refusals_keep(toolbox: Toolbox) -> None:
    offered = {tool.name: tool for tool in toolbox.offered()}
    assert list(offered) == [
        "get_snapshot",
        "list_contracts",
        "history",
        "why",
        "quote",
        "get_site",
        "evaluate_plan",
        "solve_what_if",
    ]
    for tool in offered.values():
        jsonschema.Draft202012Validator.check_schema(tool.schema)
        assert tool.schema["type"] == "object"
        assert tool.schema["additionalProperties"] is False
        assert tool.about
        assert toolbox.answer(tool.name, {"surprise": 1}).is_error


def test_the_snapshot_is_the_last_stored_tick_with_both_names_of_each_site(toolbox: Toolbox) -> None:
    found = said(toolbox, "get_snapshot")
    assert found["tick"] == TICKS - 1
    assert (found["sites"][4]["id"], found["sites"][4]["key"]) == ("texas", "s05")
    assert found["plan"]["optimizer"] == "rules"
    assert "contracts" not in found
    total = sum(site["profit_usd_per_h"] for site in found["sites"])
    assert total == pytest.approx(found["profit_usd_per_h"])


def test_history_of_the_fleet_adds_up_to_the_snapshots_total(toolbox: Toolbox) -> None:
    found = said(toolbox, "history", metric="profit_usd_per_h", max_points=400)
    total_usd = sum(point["mean"] for point in found["points"]) * found["bucket_minutes"] / 60
    assert total_usd == pytest.approx(said(toolbox, "get_snapshot")["profit_total_usd"])
    one = said(toolbox, "history", metric="site_power_mw", site_id="oslo", to="2025-07-01T01:00Z")
    assert len(one["points"]) == 12


def test_contracts_questions_and_quotes_are_answered(toolbox: Toolbox) -> None:
    rows = said(toolbox, "list_contracts", state="live", limit=5)["contracts"]
    assert len(rows) == 5
    why = said(toolbox, "why", question="Why is Texas off?")
    assert why["is_answered"]
    assert why["site_id"] == "texas"
    quote = said(toolbox, "quote", tier="flexible", power_mw=1, hours=24)
    assert quote["price_usd_per_mwh"] >= quote["marginal_cost_usd_per_mwh"]


def test_the_bench_speaks_of_the_tick_after_the_last_stored_one(toolbox: Toolbox) -> None:
    site = said(toolbox, "get_site", site_id="s05")
    assert site["tick"] == TICKS
    assert any(ref.startswith("E0.") for ref in site["evidence"])
    best = said(toolbox, "evaluate_plan", changes=[])
    assert best["evidence"]["E1.regret_usd_per_h"] >= 0.0
    dear = said(toolbox, "solve_what_if", site_id="s05", quantity="price_usd_per_mwh", value=500)
    assert any(ref.startswith("E2.") for ref in dear["evidence"])


@pytest.mark.parametrize("named", ["texas", "Texas USA", "TEXAS", "s05"])
def test_every_tool_takes_a_site_by_id_name_or_key(toolbox: Toolbox, named: str) -> None:
    schemas = {tool.name: tool.schema for tool in toolbox.offered()}
    change = {"site_id": named, "workload": "air_miner", "mw": 0}
    for tool, arguments in (
        ("get_site", {"site_id": named}),
        ("solve_what_if", {"site_id": named, "quantity": "price_usd_per_mwh", "value": 500}),
        ("evaluate_plan", {"changes": [change]}),
    ):
        jsonschema.validate(arguments, schemas[tool])
        said(toolbox, tool, **arguments)
    if named != "s05":
        assert said(toolbox, "history", metric="pue", site_id=named)["site_id"] == "texas"


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("history", {"metric": "happiness"}, "metric: Input should be"),
        ("history", {"metric": "pue", "from": "yesterday"}, "from must be an instant"),
        ("history", {"metric": "pue", "from": "2025-07-01"}, "time zone"),
        ("history", {"metric": "pue", "site_id": "atlantis"}, "atlantis"),
        ("history", {"metric": "pue", "max_points": 10**9}, "max_points"),
        ("list_contracts", {"limit": 0}, "limit"),
        ("list_contracts", {"limit": "5"}, "limit"),
        ("why", {}, "question: Field required"),
        ("why", {"question": "x" * 301}, "at most 300"),
        ("quote", {"tier": "golden", "power_mw": 1, "hours": 1}, "tier"),
        ("quote", {"tier": "spot", "power_mw": float("nan"), "hours": 1}, "power_mw"),
        ("history", {"metric": "pue", "from": "2025-07-02T00:00Z", "to": "2025-07-01T00:00Z"}, "ends after it begins"),
        ("get_site", {"site_id": "atlantis"}, "no site 'atlantis': ask for one of iceland,"),
        ("evaluate_plan", {"changes": [{"site_id": "s11", "workload": "gpu", "mw": 0}]}, "no site 's11'"),
        ("solve_what_if", {"site_id": "s01", "quantity": "price_usd_per_mwh", "value": 1e9}, "must be"),
        ("book", {"tier": "spot"}, "there is no tool 'book'"),
    ],
)
def test_a_wrong_call_is_answered_in_words(toolbox: Toolbox, name: str, arguments: dict[str, Any], words: str) -> None:
    assert words in refused(toolbox, name, **arguments)


def texts_outside(value: Any) -> list[str]:
    if isinstance(value, dict):
        assert not TYPED_FIELDS & value.keys()
        return [text for key, held in value.items() if key != TYPED for text in texts_outside(held)]
    if isinstance(value, list):
        return [text for held in value for text in texts_outside(held)]
    return [value] if isinstance(value, str) else []


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("get_snapshot", {}),
        ("list_contracts", {}),
        ("why", {"question": "why is Texas off?"}),
        ("quote", {"tier": "spot", "power_mw": 1, "hours": 4}),
        ("get_site", {"site_id": "s05"}),
    ],
)
def test_names_that_people_typed_stand_apart(toolbox: Toolbox, name: str, arguments: dict[str, Any]) -> None:
    customers = {row[TYPED]["customer"] for row in said(toolbox, "list_contracts")["contracts"]}
    outside = " ".join(texts_outside(said(toolbox, name, **arguments)))
    assert "Texas USA" not in outside
    assert not any(customer in outside for customer in customers)


def test_a_long_text_is_cut(toolbox: Toolbox) -> None:
    for text in said(toolbox, "why", question="hello " * 40)[TYPED].values():
        assert all(len(one) <= MOST_TEXT_CHARACTERS for one in ([text] if isinstance(text, str) else text))


def test_nothing_that_is_asked_changes_the_database(folder: Path, toolbox: Toolbox) -> None:
    def content() -> str:
        return sha256((folder / "mara.db").read_bytes()).hexdigest()

    before = content()
    for tool in ("get_snapshot", "list_contracts"):
        said(toolbox, tool)
    said(toolbox, "quote", tier="premium", power_mw=2, hours=24)
    said(toolbox, "evaluate_plan", changes=[{"site_id": "s05", "workload": "air_miner", "mw": 0}])
    assert content() == before


def test_answers_follow_a_run_that_goes_on_beside(tmp_path: Path) -> None:
    store, engine = open_run(settings_for(tmp_path))
    simulate(engine, store, 3)
    box = Toolbox(settings_for(tmp_path))
    assert said(box, "get_snapshot")["tick"] == 2
    assert said(box, "get_site", site_id="s01")["tick"] == 3
    simulate(engine, store, 2)
    assert said(box, "get_snapshot")["tick"] == 4
    assert said(box, "get_site", site_id="s01")["tick"] == 5
    box.close()
    store.close()


def test_without_a_run_there_are_no_tools(tmp_path: Path) -> None:
    with pytest.raises(StoreRefused, match="there is none"):
        Toolbox(settings_for(tmp_path))


def test_a_run_without_a_tick_says_so(tmp_path: Path) -> None:
    store, _ = open_run(settings_for(tmp_path))
    store.close()
    box = Toolbox(settings_for(tmp_path))
    assert "no tick yet" in refused(box, "get_snapshot")
    assert "no plan is in force" in refused(box, "get_site", site_id="s01")
    box.close()
