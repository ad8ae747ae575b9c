"""The comparison with peers: their results equal Mara's, and they may be missing."""

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.lp_cases import cases_of
from bench.peers import __main__ as side_by_side_run
from bench.peers import program, step
from bench.peers.side_by_side import agrees, peer_of
from bench.report import Figure
from bench.timing import Work, alternately, ready
from bench.worlds import tape_of
from mara.optimizers.lp.case import LpCase
from mara.optimizers.lp.model import model_of

pytestmark = pytest.mark.usefixtures("only_new_garbage")

ADAPTERS = {name: f"{name}_program" for name in program.PEERS} | {"vessim": "vessim_sites"}


@pytest.fixture
def nothing_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, module in ADAPTERS.items():
        monkeypatch.setitem(sys.modules, name, None)
        monkeypatch.delitem(sys.modules, f"bench.peers.{module}", raising=False)


@pytest.fixture(scope="module")
def ordinary() -> LpCase:
    (case,) = cases_of(10, 3)
    return program.published(case)


@pytest.fixture(scope="module")
def scarce(ordinary: LpCase) -> LpCase:
    """Racks for two thirds of the contracts, and some Premium without a reserve."""
    return replace(
        ordinary,
        available_mw=0.5 * ordinary.available_mw,
        grid_limit_mw=0.4 * ordinary.grid_limit_mw,
        unbacked_mw=np.array([0.0, 1.0, 2.0]),
    )


def test_works_are_timed_in_turns_after_a_round_that_is_not() -> None:
    calls: list[str] = []

    def prepared() -> Work:
        calls.append("prepare")
        return lambda: calls.append("b")

    took = alternately({"a": ready(lambda: calls.append("a")), "b": prepared}, repetitions=2)
    assert calls == ["a", "prepare", "b"] * 3
    assert all(0.0 <= timed.best_s <= timed.median_s for timed in took.values())


@pytest.mark.parametrize(("theirs", "is_compared"), [(1e6, True), (1e6 + 0.9, True), (1e6 + 1.1, False)])
def test_a_result_that_differs_by_more_than_a_millionth_refuses_the_comparison(
    theirs: float, is_compared: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    assert agrees("other", "profit in USD", lambda: theirs, 1e6) is is_compared
    assert len(capsys.readouterr().err.splitlines()) == (not is_compared)


def test_a_peer_that_raises_is_told_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    def broken() -> float:
        raise TypeError("unexpected keyword\nmore of it")

    assert not agrees("other", "profit in USD", broken, 1e6)
    assert capsys.readouterr().err == "peers: other is not compared with: TypeError: unexpected keyword\n"


@pytest.mark.parametrize("case_name", ["ordinary", "scarce"])
@pytest.mark.parametrize("name", program.PEERS)
def test_a_peer_states_our_program_and_finds_our_optimum(
    name: str, case_name: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip(name, reason=f"{name} is not installed: make bench installs it where it can")
    monkeypatch.setattr(program, "PEERS", (name,))
    case: LpCase = request.getfixturevalue(case_name)
    assert [found for found, _ in program.comparable(case, model_of(case))] == [name]


@pytest.mark.parametrize("name", program.PEERS)
def test_a_peer_with_another_optimum_is_not_compared_with(
    name: str, scarce: LpCase, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip(name, reason=f"{name} is not installed: make bench installs it where it can")
    monkeypatch.setattr(program, "PEERS", (name,))
    ours = model_of(replace(scarce, grid_limit_mw=0.9 * scarce.grid_limit_mw))
    assert not list(program.comparable(scarce, ours))
    assert f"{name} is not compared with: its profit" in capsys.readouterr().err


def test_vessim_imports_the_energy_that_our_sites_draw() -> None:
    pytest.importorskip("vessim", reason="vessim is not installed: make bench installs it where it can")
    vessim = peer_of("vessim", "vessim_sites")
    assert vessim is not None
    works = step.vessim_works(vessim, tape_of(10, 5, 12))
    assert works is not None
    for prepare in works.values():
        prepare()()


def test_what_vessim_is_given_is_all_that_the_sites_draw() -> None:
    drawn = step.drawn_of(tape_of(10, 5, 12))
    assert drawn.workload_mw.shape == (12, 10, 5)
    assert drawn.workload_mw.sum() / 12 == pytest.approx(drawn.energy_mwh, rel=1e-9)


@pytest.mark.usefixtures("nothing_installed")
def test_a_peer_that_is_not_installed_is_told_in_one_line_and_leaves_no_figure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(program, "HOURS", 1)
    assert [*step.figures(), *program.figures()] == []
    lines = capsys.readouterr().err.splitlines()
    assert [line.split()[1] for line in lines] == ["vessim", *program.PEERS]
    assert all("make bench installs it where it can" in line for line in lines)


def test_figures_of_the_process_apart_are_read_as_they_were_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def one(name: str) -> Iterator[Figure]:
        yield Figure(name=name, value=1.5, target=1.0, better="less", note="a note")

    monkeypatch.setattr(step, "figures", lambda: one("step.a.b"))
    monkeypatch.setattr(program, "figures", lambda: one("lp.a.b"))
    monkeypatch.setattr(sys, "argv", ["bench.peers", str(tmp_path / "figures.json")])
    side_by_side_run.main()
    written = json.loads((tmp_path / "figures.json").read_text(encoding="utf-8"))
    assert [Figure(**figure) for figure in written] == [*one("step.a.b"), *one("lp.a.b")]


def test_a_whole_simulation_is_prepared_anew_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step, "SIMULATED_TICKS", 2)
    prepare = step.simulations(tmp_path)["simulate_rules"]
    for _ in range(2):
        prepare()()
    assert len(list(tmp_path.glob("*.db"))) == 2
