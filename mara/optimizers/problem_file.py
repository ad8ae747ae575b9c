"""Problem files in JSON, read strictly.

Input is strict, because a wrong number would give a wrong plan without any error.

All arrays are row-major.
"""

import json
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import numpy as np

from mara.core.arrays import Floats
from mara.core.contract import PROMISED_TIER_COUNT, TIER_COUNT
from mara.core.fleet import MINER_COUNT, RACK_KIND_COUNT, RACKS
from mara.errors import FeedInvalid, PlanRejected
from mara.optimizers.lp.case import WORKLOAD_COUNT, LpCase, check
from mara.optimizers.problem_contract import OPTIONAL, contract_of
from mara.optimizers.problem_numbers import listed, numbers_of, said

PROBLEMS: Final = Path(str(files("mara"))) / "data" / "problems"
MAX_FILE_BYTES: Final = 256 * 1024 * 1024
MAX_STEPS: Final = 2_016
"""Most steps of a problem: a week of five-minute steps."""

SHAPES: Final[dict[str, str]] = {
    "dt_h": "",
    "price": "HS",
    "carbon_t_per_mwh": "HS",
    "pue": "HSK",
    "grid_limit_mw": "S",
    "available_mw": "SK",
    "hedge_mw": "S",
    "mining_value_usd_per_mwh": "HM",
    "token_value_usd_per_mwh": "I",
    "token_per_mwh": "I",
    "token_demand": "H",
    "demand_mw": "GH",
    "budget_mwh": "P",
    "rate_usd_per_mwh": "G",
    "credit_usd_per_mwh": "P",
    "migration_usd_per_mw": "P",
    "restart_usd_per_mw": "",
    "sellback_spread": "",
    "carbon_price_usd_per_t": "",
    "served_now_mw": "SP",
    "miners_now_mw": "S",
}
"""Axes of every field but `sites`.

H steps, S sites, K workloads, G tiers, P promised tiers, M miners, I inference racks.
"""
ANY_SIGN: Final = frozenset(
    {"price", "mining_value_usd_per_mwh", "token_value_usd_per_mwh", "rate_usd_per_mwh", "carbon_price_usd_per_t"}
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FiledProblem:
    """A problem read from a file, with one region and without goodwill."""

    site_ids: tuple[str, ...]
    case: LpCase


def shipped_problems() -> dict[str, Path]:
    """Return the files of the problems that come with Mara, by name."""
    return {path.stem: path for path in sorted(PROBLEMS.glob("*.json"))}


def read_problem(path: Path) -> FiledProblem:
    """Read a problem: a file, or else the shipped one of that name.

    Raises:
        FeedInvalid: the file is missing or not JSON, or a field is missing, unknown, repeated, of wrong shape, not
            finite or out of range; the message names file and field.
    """
    shipped = shipped_problems()
    if path.name == str(path) and not path.exists():
        path = shipped.get(str(path), path)
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise FeedInvalid(f"{path} has {size:,} bytes, at most {MAX_FILE_BYTES:,} are read: plan fewer steps")
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise FeedInvalid(
            f"{path} cannot be read as text ({error}): name a JSON file with a problem, or one that comes with Mara: "
            f"{', '.join(shipped)}"
        ) from error
    try:
        return problem_of(text)
    except FeedInvalid as error:
        raise FeedInvalid(f"{path}: {error}") from error


def problem_of(text: str) -> FiledProblem:
    """Read a problem from a text.

    Raises:
        FeedInvalid: as `read_problem`, without the file's name.
    """
    try:
        plain = json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise FeedInvalid(f"one JSON object is expected: {error}") from error
    if not isinstance(plain, dict):
        raise FeedInvalid(f"one JSON object is expected, got {said(plain)}")
    _check_names(plain)
    site_ids = _site_ids(plain["sites"])
    steps = len(plain["token_demand"]) if isinstance(plain["token_demand"], list) else 0
    if not 1 <= steps <= MAX_STEPS:
        raise FeedInvalid(f"token_demand must be a list of 1 to {MAX_STEPS:,} steps, got {said(plain['token_demand'])}")
    lengths = {"H": steps, "S": len(site_ids), "K": WORKLOAD_COUNT, "G": TIER_COUNT}
    lengths |= {"P": PROMISED_TIER_COUNT, "M": MINER_COUNT, "I": RACK_KIND_COUNT}
    numbers = {
        name: numbers_of(name, plain[name], tuple(lengths[letter] for letter in letters))
        for name, letters in SHAPES.items()
    }
    _check_ranges(numbers, site_ids)
    case = replace(
        _case(numbers, steps, len(site_ids)),
        power_contract=contract_of(plain, lengths) if OPTIONAL & plain.keys() else None,
    )
    try:
        check(case)
    except PlanRejected as error:
        raise FeedInvalid(str(error)) from error
    return FiledProblem(site_ids=site_ids, case=case)


def _case(given: dict[str, Floats], steps: int, sites: int) -> LpCase:
    demand = given["demand_mw"].T.copy()
    value = given["token_value_usd_per_mwh"]
    # Files may count single tokens, billions to a megawatt-hour; a solver needs numbers of the magnitude of megawatts.
    tokens_unit = float(given["token_per_mwh"].max()) or 1.0
    most_mw = float(given["available_mw"][:, RACKS].sum())
    return LpCase(
        dt_h=np.full(steps, float(given["dt_h"])),
        price_usd_per_mwh=given["price"],
        carbon_t_per_mwh=given["carbon_t_per_mwh"],
        pue=given["pue"],
        grid_limit_mw=given["grid_limit_mw"],
        hedge_mw=given["hedge_mw"],
        available_mw=np.tile(given["available_mw"], (steps, 1, 1)),
        mining_value_usd_per_mwh=given["mining_value_usd_per_mwh"],
        token_value_usd_per_mwh=np.tile(value, (steps, 1, sites, 1)),
        tokens_per_mwh=given["token_per_mwh"] / tokens_unit,
        demand_tokens_per_h=np.minimum(given["token_demand"][:, None] / tokens_unit, 2.0 * most_mw + 1.0),
        demand_mw=demand,
        budget_mwh=given["budget_mwh"],
        # The demand itself limits the power scheduled off; an equal bound on it would hide the dual price of demand.
        shed_limit_mw=2.0 * demand[:, :PROMISED_TIER_COUNT] + 1.0,
        rate_usd_per_mwh=given["rate_usd_per_mwh"],
        credit_usd_per_mwh=given["credit_usd_per_mwh"],
        migration_usd_per_mw=given["migration_usd_per_mw"],
        restart_usd_per_mw=float(given["restart_usd_per_mw"]),
        sellback_spread_share=float(given["sellback_spread"]),
        carbon_price_usd_per_t=float(given["carbon_price_usd_per_t"]),
        served_now_mw=given["served_now_mw"],
        miners_now_mw=given["miners_now_mw"],
    )


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise FeedInvalid(f"{name} stands there twice: keep one")
        found[name] = value
    return found


def _check_names(plain: dict[str, Any]) -> None:
    known = {"sites", *SHAPES}
    missing, unknown = sorted(known - plain.keys()), sorted(plain.keys() - known - OPTIONAL)
    if missing:
        raise FeedInvalid(f"{listed(missing)} missing: a problem needs every field")
    if unknown:
        raise FeedInvalid(
            f"{listed(unknown)} unknown: the fields are sites, {', '.join(SHAPES)}, "
            f"and those that may be left out {', '.join(sorted(OPTIONAL))}"
        )


def _site_ids(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or not all(isinstance(item, str) and item for item in value):
        raise FeedInvalid(f"sites must be a list of at least one id, got {said(value)}")
    if len(set(value)) != len(value):
        raise FeedInvalid("sites must be different ids, got one of them twice")
    return tuple(value)


def _check_ranges(numbers: dict[str, Floats], site_ids: tuple[str, ...]) -> None:
    for name, array in numbers.items():
        least = float(array.min())
        if name == "dt_h" and least <= 0.0:
            raise FeedInvalid(f"dt_h must be positive, got {least:g}")
        if name == "pue" and least < 1.0:
            raise FeedInvalid(f"pue must be at least 1, got {least:g}")
        if name not in ANY_SIGN and least < 0.0:
            raise FeedInvalid(f"{name} must not be negative, got {least:g}")
    over = np.nonzero(numbers["hedge_mw"] > numbers["grid_limit_mw"])[0]
    if len(over):
        s = int(over[0])
        hedge, limit = numbers["hedge_mw"][s], numbers["grid_limit_mw"][s]
        raise FeedInvalid(
            f"hedge_mw must not exceed grid_limit_mw, got {hedge:g} over {limit:g} at {site_ids[s]}: hedge less"
        )
