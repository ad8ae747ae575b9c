"""Tools of the advisor: three that read a tick's problem, plan and linear program.

Every number in an answer is a fact of the ledger. Text that people have typed appears only under
`customer_typed_text`, cut short.

The JSON schemas of arguments are written out instead of made by pydantic's `model_json_schema`: they name the sites
of the fleet, strict schemas allow no numerical bounds, and their bytes are part of the prompt's version.
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
"""Most characters of a text that somebody typed; the rest is cut."""
MAX_TYPED_TEXTS: Final = 12
MAX_ASKED_MW: Final = 100_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A tool of the advisor: its name, description, schema and function.

    Attributes:
        schema: makes the strict JSON schema of the arguments for a number of sites.
    """

    name: str
    description: str
    schema: Callable[[int], dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolAnswer:
    """Answer of a tool, in plain JSON.

    An error says what was expected, so that the model can correct its call.
    """

    content: dict[str, Any]
    is_error: bool = False


class ToolSession:
    """Tools of one conversation, with the facts that it was told.

    Attributes:
        evaluator: evaluator of the tick that the conversation is about.
        ledger: facts told so far.
        names: each site's name by the key that the model knows it by.
    """

    def __init__(self, evaluator: PlanEvaluator) -> None:
        self.evaluator = evaluator
        self.ledger = FactLedger()
        self.names = {site_key(s): site.name for s, site in enumerate(evaluator.problem.config.fleet.sites)}

    @property
    def site_count(self) -> int:
        """Number of sites of the fleet."""
        return len(self.names)

    def overview(self) -> dict[str, Any]:
        """Return the facts that open a conversation; they are entry ``E0``."""
        return {"sites": list(self.names), "evidence": self.ledger.add(overview_facts(self.evaluator))}

    def answer(self, name: str, arguments: Mapping[str, Any]) -> ToolAnswer:
        """Answer a tool call; a fault of the call becomes an answer that explains it."""
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


def asked_of(rows: object, evaluator: PlanEvaluator) -> Floats:
    """Read rows of ``{site_id, workload, mw}`` as an allocation (S, 9) [MW].

    It is NaN in cells that are not named.

    Raises:
        ValueError: the rows name an unknown site or workload, a cell twice, or an impossible power.
    """
    asked = nothing_asked(evaluator)
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


def _get_site(session: ToolSession, arguments: Mapping[str, Any]) -> ToolAnswer:
    site = _site_of(arguments["site_id"], session.site_count)
    fleet, world = session.evaluator.problem.config.fleet, session.evaluator.problem.world
    facts = session.ledger.add(site_facts(session.evaluator, site))
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


def _evaluate_plan(session: ToolSession, arguments: Mapping[str, Any]) -> ToolAnswer:
    asked = asked_of(arguments["changes"], session.evaluator)
    projection = project(session.evaluator, asked)
    return ToolAnswer(content={"evidence": session.ledger.add(projection_facts(session.evaluator, projection))})


def _solve_what_if(session: ToolSession, arguments: Mapping[str, Any]) -> ToolAnswer:
    site, quantity, value = (
        _site_of(arguments["site_id"], session.site_count),
        arguments["quantity"],
        arguments["value"],
    )
    if quantity not in QUANTITIES:
        raise ValueError(f"there is no quantity {str(quantity)[:40]!r}: use {', '.join(QUANTITIES)}")
    least, most = QUANTITIES[quantity]
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise ValueError(f"{quantity} must be {least:g} to {most:g}, got {str(value)[:40]}")
    return ToolAnswer(
        content={"evidence": session.ledger.add(what_if_facts(session.evaluator, site, quantity, float(value)))}
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
    """Return the JSON schema of an allocation's rows."""
    row = {
        "site_id": {"type": "string", "enum": [site_key(s) for s in range(sites)]},
        "workload": {"type": "string", "enum": list(LOADS)},
        "mw": {"type": "number", "description": "IT megawatts, not negative"},
    }
    return {"type": "array", "items": object_schema(row)}


def object_schema(properties: dict[str, Any]) -> dict[str, Any]:
    """Return the JSON schema of an object with exactly these properties.

    Strict schemas require every property and allow no others.
    """
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
