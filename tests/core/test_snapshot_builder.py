"""Snapshots of settled ticks."""

from mara.core.commands import Outage
from mara.core.contract import Tier
from mara.core.plan import Plan
from mara.core.snapshot_builder import snapshot_of
from mara.core.step import advance
from tests.builders import EAST, WEST, config, contract, observation, step, world

OF = config()


def test_a_snapshot_says_when_an_ordered_outage_ends_and_nothing_of_one_that_nobody_ordered() -> None:
    plan = step(OF)
    seen = observation(OF, up=[0.0, 1.0, 1.0])
    done = advance(world(OF), seen, plan, OF, (Outage(site_id="east", duration_ticks=3),))
    shown = snapshot_of(done, Plan(optimizer="rules", made_tick=0, steps=(plan,)), (), OF, "run")
    ends = {site.id: (site.status, site.outage_ends_tick) for site in shown.sites}
    assert ends == {"west": ("down", 0), "north": ("running", 0), "east": ("down", 3)}


def test_off_by_plan_is_told_from_stranded_and_below_target_from_broken() -> None:
    contracts = (
        contract("rests", Tier.FLEXIBLE, 2.0, ticks=1_000),
        contract("fell", Tier.STANDARD, 1.0, ticks=1_000),
        contract("runs", Tier.PREMIUM, 1.0, ticks=2_000),
        contract("broke", Tier.PREMIUM, 1.0, ticks=100),
        contract("spare", Tier.SPOT, 1.0),
    )
    state = world(OF, contracts, at=[WEST, EAST, WEST, WEST, WEST], bad=[0, 0, 1, 1, 0])
    plan = step(OF, contracts=[[2, 0, 0, 0], [0] * 4, [0, 1, 0, 0]])
    done = advance(state, observation(OF, up=[1.0, 1.0, 0.0]), plan, OF)
    shown = snapshot_of(done, Plan(optimizer="rules", made_tick=0, steps=(plan,)), (), OF, "run")
    states = {c.id: (c.served, c.is_resting, c.is_stranded, c.is_on_target) for c in shown.contracts}
    assert states == {
        "rests": (False, True, False, False),
        "fell": (False, False, True, False),
        "runs": (True, False, False, False),
        "broke": (True, False, False, False),
        "spare": (False, False, False, True),
    }
    counts = {t.tier: (t.contracts_count, t.on_target_count, t.broken_count) for t in shown.tiers}
    assert counts == {"premium": (2, 0, 1), "standard": (1, 0, 0), "flexible": (1, 0, 0), "spot": (1, None, 0)}
