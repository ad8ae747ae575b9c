"""What an advisor may ask: three read-only tools over a tick's problem, the plan in force and the linear program.

Nothing here knows who asks. Every number in an answer is a fact of the evidence ledger; text that people have typed
appears nowhere but under `customer_typed_text`, cut short.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any, Final

import numpy as np

from mara.core.arrays import Floats
from mara.core.world import World
from mara.errors import PlanError
from mara.optimizers.advisor.evaluator import LOADS, PlanEvaluator, nothing_asked, project
from mara.optimizers.advisor.fact_ledger import FactLedger
from mara.optimizers.advisor.facts import (
    QUANTITIES,
    overview_facts,
    projection_facts,
    site_facts,
    site_key,
    what_if_facts,
)

MAX_TYPED_LENGTH: Final = 80
"""Characters of one text that somebody typed."""
MAX_TYPED_TEXTS: Final = 12
MAX_ASKED_MW: Final = 100_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """One thing that can be asked. `schema` is strict JSON schema, for a fleet of so many sites."""

    name: str
    description: str
    schema: Callable[[int], dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolAnswer:
    """Plain JSON; an error says what was expected, so that the asker can correct itself."""

    content: dict[str, Any]
    is_error: bool = False


class ToolSession:
    """A bench, and the evidence that one conversation has gathered at it."""

    def __init__(self, bench: PlanEvaluator) -> None:
        self.bench = bench
        self.evidence = FactLedger()
        self.names = {site_key(s): site.name for s, site in enumerate(bench.problem.config.fleet.sites)}

    @property
    def site_count(self) -> int:
        return len(self.names)

    def overview(self) -> dict[str, Any]:
        """What a conversation begins with, evidence ``E0``."""
        return {"sites": list(self.names), "evidence": self.evidence.add(overview_facts(self.bench))}

    def answer(self, name: str, arguments: Mapping[str, Any]) -> ToolAnswer:
        """What a tool says; whatever is wrong with the call is said in words."""
        tool = _ANSWERS.get(name)
        if tool is None:
            return _error(f"there is no tool {name!r}: use {', '.join(_ANSWERS)}")
        try:
            return tool(self, arguments)
        except KeyError as error:
            return _error(f"{error} is missing: the arguments follow the schema of {name}")
        except (TypeError, ValueError) as error:
            return _error(str(error))
        except PlanError as error:
            return _error(f"the program has no answer: {error}")


def asked_of(rows: object, bench: PlanEvaluator) -> Floats:
    """Rows of ``{site_id, workload, mw}`` as an allocation (S, 9), NaN where nothing is asked.

    Raises:
        ValueError: a site or workload that does not exist, a cell named twice, or a power that cannot be.
    """
    asked = nothing_asked(bench)
    if not isinstance(rows, list | tuple):
        raise ValueError("an allocation is a list of {site_id, workload, mw}")
    for row in rows:
        site, load, mw = _site_of(row["site_id"], len(asked)), row["workload"], row["mw"]
        if load not in LOADS:
            raise ValueError(f"there is no workload {str(load)[:40]!r}: use {', '.join(LOADS)}")
        if isinstance(mw, bool) or not isinstance(mw, int | float) or not (isfinite(mw) and 0.0 <= mw <= MAX_ASKED_MW):
            raise ValueError(f"mw must be 0 to {MAX_ASKED_MW:g}, got {str(mw)[:40]}")
        if not np.isnan(asked[site, LOADS.index(load)]):
            raise ValueError(f"{row['site_id']} {load} is named twice")
        asked[site, LOADS.index(load)] = mw
    return asked


def _get_site(inquiry: ToolSession, arguments: Mapping[str, Any]) -> ToolAnswer:
    site = _site_of(arguments["site_id"], inquiry.site_count)
    fleet, world = inquiry.bench.problem.config.fleet, inquiry.bench.problem.world
    facts = inquiry.evidence.add(site_facts(inquiry.bench, site))
    typed = [fleet.sites[site].name, *_customers(world, site), *(e.reason for e in world.exclusions)]
    return ToolAnswer(
        content={
            "site_id": arguments["site_id"],
            "timezone": fleet.sites[site].timezone,
            "cooling": fleet.sites[site].cooling.value,
            "evidence": facts,
            "customer_typed_text": [_cut(text) for text in typed[:MAX_TYPED_TEXTS]],
        }
    )


def _evaluate_plan(inquiry: ToolSession, arguments: Mapping[str, Any]) -> ToolAnswer:
    asked = asked_of(arguments["changes"], inquiry.bench)
    projection = project(inquiry.bench, asked)
    return ToolAnswer(content={"evidence": inquiry.evidence.add(projection_facts(inquiry.bench, projection))})


def _solve_what_if(inquiry: ToolSession, arguments: Mapping[str, Any]) -> ToolAnswer:
    site, quantity, value = (
        _site_of(arguments["site_id"], inquiry.site_count),
        arguments["quantity"],
        arguments["value"],
    )
    if quantity not in QUANTITIES:
        raise ValueError(f"there is no quantity {str(quantity)[:40]!r}: use {', '.join(QUANTITIES)}")
    least, most = QUANTITIES[quantity]
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise ValueError(f"{quantity} must be {least:g} to {most:g}, got {str(value)[:40]}")
    return ToolAnswer(
        content={"evidence": inquiry.evidence.add(what_if_facts(inquiry.bench, site, quantity, float(value)))}
    )


def _site_of(site_id: object, sites: int) -> int:
    known = [site_key(s) for s in range(sites)]
    if site_id not in known:
        raise ValueError(f"there is no site {str(site_id)[:40]!r}: use {known[0]} to {known[-1]}")
    return known.index(str(site_id))


def _customers(world: World, site: int) -> list[str]:
    here = np.flatnonzero(world.accounts.site == site).tolist()
    return list(dict.fromkeys(world.book.contracts[i].customer for i in here))


def _cut(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text)[:MAX_TYPED_LENGTH]


def _error(message: str) -> ToolAnswer:
    return ToolAnswer(content={"error": message}, is_error=True)


def rows_schema(sites: int) -> dict[str, Any]:
    """The schema of an allocation."""
    row = {
        "site_id": {"type": "string", "enum": [site_key(s) for s in range(sites)]},
        "workload": {"type": "string", "enum": list(LOADS)},
        "mw": {"type": "number", "description": "IT megawatts, not negative"},
    }
    return {"type": "array", "items": object_schema(row)}


def object_schema(properties: dict[str, Any]) -> dict[str, Any]:
    """JSON schema of an object with these properties, all of them and no other: strict schemas ask for both."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _site_schema(sites: int) -> dict[str, Any]:
    return object_schema({"site_id": {"type": "string", "enum": [site_key(s) for s in range(sites)]}})


def _changes_schema(sites: int) -> dict[str, Any]:
    return object_schema({"changes": rows_schema(sites)})


def _what_if_schema(sites: int) -> dict[str, Any]:
    bounds = "; ".join(f"{name} {least:g} to {most:g}" for name, (least, most) in QUANTITIES.items())
    return object_schema(
        {
            "site_id": {"type": "string", "enum": [site_key(s) for s in range(sites)]},
            "quantity": {"type": "string", "enum": list(QUANTITIES)},
            "value": {"type": "number", "description": f"Bounds: {bounds}"},
        }
    )


TOOLS: Final = (
    Tool(
        name="get_site",
        description="One site now: price, carbon, weather, machines, what runs there, break-even prices of its miners, "
        "and what one more megawatt would be worth. Read-only.",
        schema=_site_schema,
    ),
    Tool(
        name="evaluate_plan",
        description="What an allocation for the coming hour would come to: how far it must be moved to be feasible, "
        "what it earns, and every difference to the plan in force. Cells that are not named are chosen by the linear "
        "program; without any, this is the program's own best. Read-only.",
        schema=_changes_schema,
    ),
    Tool(
        name="solve_what_if",
        description="How the optimum would answer if one number of one site were different in this hour. Read-only.",
        schema=_what_if_schema,
    ),
)
_ANSWERS: Final[Mapping[str, Callable[[ToolSession, Mapping[str, Any]], ToolAnswer]]] = {
    "get_site": _get_site,
    "evaluate_plan": _evaluate_plan,
    "solve_what_if": _solve_what_if,
}
