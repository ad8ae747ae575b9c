"""Report of figures and targets: a table for people, flat JSON for programs."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

RESULTS: Final = Path(__file__).with_name("results.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A measured number under its public name `group.case.metric`.

    Without a target it is for information only.
    """

    name: str
    value: float
    target: float | None = None
    better: Literal["more", "less"] = "more"
    note: str = ""

    @property
    def verdict(self) -> str:
        if self.target is None:
            return ""
        met = self.value >= self.target if self.better == "more" else self.value <= self.target
        return "met" if met else "MISSED"


def write(figures: Iterable[Figure], path: Path = RESULTS) -> None:
    """Write all figures as one flat JSON object, by name."""
    flat = {figure.name: float(f"{figure.value:.6g}") for figure in figures}
    path.write_text(json.dumps(flat, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def header() -> str:
    """Format the header of the table."""
    return f"{'figure':58s} {'target':>14s} {'measured':>12s}  verdict  note"


def line(figure: Figure) -> str:
    """Format the figure's row of the table."""
    sign = "≥" if figure.better == "more" else "≤"
    target = f"{sign} {_text(figure.target)}" if figure.target is not None else ""
    return f"{figure.name:58s} {target:>14s} {_text(figure.value):>12s}  {figure.verdict:7s}  {figure.note}".rstrip()


def _text(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.4g}"
