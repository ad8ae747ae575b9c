"""What the outside is shown of a step."""

from mara.core.commands import Outage
from mara.core.picture import snapshot_of
from mara.core.plan import Plan
from mara.core.step import advance
from tests.builders import charter, observation, step, world

OF = charter()


def test_a_snapshot_says_when_an_ordered_outage_ends_and_nothing_of_one_that_nobody_ordered() -> None:
    plan = step(OF)
    seen = observation(OF, up=[0.0, 1.0, 1.0])
    done = advance(world(OF), seen, plan, OF, (Outage(site_id="east", duration_ticks=3),))
    shown = snapshot_of(done, Plan(optimizer="rules", made_tick=0, steps=(plan,)), (), OF, "run")
    ends = {site.id: (site.status, site.outage_ends_tick) for site in shown.sites}
    assert ends == {"west": ("down", 0), "north": ("running", 0), "east": ("down", 3)}
