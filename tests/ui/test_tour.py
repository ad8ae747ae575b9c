"""The tour ends with the world, the moment and the plan that the screens show."""

from dataclasses import replace

from components.help.tour import WORLDS, looking_at
from tests.ui.snapshots import snapshot_at


def test_the_last_step_names_world_tick_plan_and_whether_anything_real_is_switched() -> None:
    snapshot = snapshot_at(1_300)
    here = dict(looking_at(snapshot))
    assert here["World"] == f"{WORLDS['synthetic']} Its fleet: global-ten, 10 sites. Nothing real is switched."
    assert here["Moment"].startswith("Tick 1\u202f300 of 5 minutes, 5 Jul 2025 12:20 UTC")
    assert here["Plan"].startswith("By Linear program, made at tick ")
    armed = replace(snapshot, plays="live", sites=tuple(replace(site, mode="act") for site in snapshot.sites))
    assert dict(looking_at(armed))["World"].endswith("10 sites are armed: their devices follow the plan.")
    assert dict(looking_at(None))["Moment"] == "No tick has been settled yet."
