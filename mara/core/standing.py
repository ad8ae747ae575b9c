"""Standing of contracts beside their promises, and the search for some of them."""

from dataclasses import dataclass
from typing import Final, Literal

from mara.core.contract import Tier
from mara.core.history import ContractRow
from mara.core.snapshot import ContractSnapshot

Standing = Literal["", "live", "waiting", "off", "danger", "broken", "ended"]
DANGER_SHARE: Final = 0.75
"""Share of the error budget used from which on a contract is in danger."""
BEST_EFFORT: Final = Tier.SPOT.name.lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractSearch:
    """Contracts that are wanted: by standing, tier, and text; an empty one admits all.

    Attributes:
        text: part of the customer or of the contract's id, in any case.
    """

    standing: Standing = ""
    tier: str = ""
    text: str = ""

    def finds(self, contract: ContractSnapshot | ContractRow, standings: tuple[str, ...]) -> bool:
        """Return whether a contract of these standings is among the wanted."""
        if (self.standing and self.standing not in standings) or (self.tier and self.tier != contract.tier):
            return False
        return self.text.strip().lower() in f"{contract.id} {contract.customer}".lower()


def standings_of(contract: ContractSnapshot | ContractRow) -> tuple[str, ...]:
    """Return all standings of a contract that a search may ask for."""
    if isinstance(contract, ContractRow):
        return ("ended",) if contract.state == "ended" else ("live", contract.state)
    return ("live", state_of(contract), *(() if contract.served else ("off",)))


def state_of(contract: ContractSnapshot) -> str:
    """Judge a live contract against its promise: fine, danger or broken."""
    if contract.tier == BEST_EFFORT:
        return "fine"
    if contract.bad_ticks > contract.budget_ticks:
        return "broken"
    used = contract.bad_ticks / contract.budget_ticks if contract.budget_ticks else 0.0
    return "danger" if used >= DANGER_SHARE or contract.burn_rate_share > 1.0 else "fine"
