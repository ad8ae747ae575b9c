"""A search for contracts by standing, tier and text finds live and ended ones."""

from dataclasses import replace

import pytest

from mara.core.standing import ContractSearch, standings_of
from tests.ui.quotes import contract_row
from tests.ui.snapshots import snapshot_at

LIVE = replace(
    snapshot_at(288).contracts[9], customer="Fjord Labs", served=False, bad_ticks=0, budget_ticks=4, burn_rate_share=0.5
)


@pytest.mark.parametrize(
    ("bad_ticks", "burn_rate_share", "standings"),
    [
        (0, 0.5, ("live", "fine", "off")),
        (3, 0.5, ("live", "danger", "off")),
        (0, 1.5, ("live", "danger", "off")),
        (5, 0.5, ("live", "broken", "off")),
    ],
)
def test_a_live_contract_stands_where_its_budget_and_its_burn_rate_put_it(
    bad_ticks: int, burn_rate_share: float, standings: tuple[str, ...]
) -> None:
    assert standings_of(replace(LIVE, bad_ticks=bad_ticks, burn_rate_share=burn_rate_share)) == standings


def test_best_effort_is_never_in_danger_and_stored_contracts_wait_or_have_ended() -> None:
    assert standings_of(replace(LIVE, tier="spot", bad_ticks=99, served=True)) == ("live", "fine")
    ended = contract_row(0, 288, is_live=False)
    assert standings_of(replace(ended, state="ended")) == ("ended",)
    assert standings_of(replace(ended, state="waiting")) == ("live", "waiting")


@pytest.mark.parametrize(
    ("search", "found"),
    [
        (ContractSearch(), True),
        (ContractSearch(standing="off", tier=LIVE.tier, text=" fjord "), True),
        (ContractSearch(text=LIVE.id.upper()), True),
        (ContractSearch(standing="broken"), False),
        (ContractSearch(tier="spot"), False),
        (ContractSearch(text="nobody"), False),
    ],
)
def test_a_search_asks_for_all_of_its_parts(search: ContractSearch, found: bool) -> None:
    assert search.finds(LIVE, standings_of(LIVE)) is found
