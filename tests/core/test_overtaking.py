"""Orders that overtake the tick lower a site's targets: machines in their order, contracts from the last."""

import pytest

from mara.core.dispatch_document import ContractTarget, GroupTarget, SiteTarget
from mara.core.overtaking import Overtaking, lowered


def group(name: str, power_mw: float, order: int, kind: str = "miner") -> GroupTarget:
    return GroupTarget(
        group=name,
        kind="rack" if kind == "rack" else "miner",
        power_mw=power_mw,
        units_on_count=100,
        not_before=None,
        order_number=order,
    )


SITE = SiteTarget(
    site_id="oslo",
    mode="act",
    site_power_mw=12.0,
    site_limit_mw=None,
    groups=(group("hydro_miner", 3.0, 2), group("air_miner", 3.0, 1), group("gpu", 4.0, 3, "rack")),
    contracts=(ContractTarget(contract_id="a", power_mw=2.0), ContractTarget(contract_id="b", power_mw=2.0)),
    reserve_mw=1.0,
    reasons=(),
)
"""10 MW of machines at a PUE of 1.2."""


@pytest.mark.parametrize(
    ("limit_mw", "groups_mw", "units", "contracts"),
    [
        (12.0, [3.0, 3.0, 4.0], [100, 100, 100], ["a", "b"]),
        (9.6, [1.0, 3.0, 4.0], [34, 100, 100], ["a", "b"]),  # 2.4 MW less at the meter, 2 MW of machines
        (3.6, [0.0, 0.0, 3.0], [0, 0, 75], ["a"]),
        (0.0, [0.0, 0.0, 0.0], [0, 0, 0], []),
    ],
)
def test_the_least_efficient_machines_give_way_first(
    limit_mw: float, groups_mw: list[float], units: list[int], contracts: list[str]
) -> None:
    site = lowered(SITE, Overtaking(site_id="oslo", limit_mw=limit_mw, reason="smoke"))
    assert [one.power_mw for one in site.groups] == pytest.approx(groups_mw)
    assert [one.units_on_count for one in site.groups] == units
    assert [one.contract_id for one in site.contracts] == contracts
    assert (site.site_power_mw, site.site_limit_mw, site.reasons) == (limit_mw, limit_mw, ("smoke",))
    assert site.is_urgent


def test_a_target_below_the_limit_stays_and_so_does_a_stricter_limit() -> None:
    own = lowered(SITE, Overtaking(site_id="oslo", limit_mw=5.0, reason="first"))
    again = lowered(own, Overtaking(site_id="oslo", limit_mw=8.0, reason="second"))
    assert (again.site_power_mw, again.site_limit_mw) == (5.0, 5.0)
    assert again.groups == own.groups
