"""Dispatch documents of stored ticks, made again from the stored inputs."""

from mara.core.dispatch_document import MODES, DispatchDocument, Mode, document_of
from mara.core.plan import Plan
from mara.core.step import Step
from mara.errors import CommandError
from mara.runtime.replay_check import replayed
from mara.store.read.optimizations import optimizations
from mara.store.read.read_model import ReadModel
from mara.store.read.signal_list import modes_in


def document_at(reading: ReadModel, tick: int | None) -> DispatchDocument:
    """Make the document of a stored tick again; None is the newest.

    Raises:
        CommandError: the tick is not stored.
        StoreError: its inputs have been pruned, or other rules made it than this program's.
    """
    run, end = reading.run(), reading.next_tick()
    if end == 0:
        raise CommandError("no tick has been stored yet: run `mara simulate` or `mara run` first")
    wanted = end - 1 if tick is None else tick
    if not 0 <= wanted < end:
        raise CommandError(f"no tick {wanted} is stored, the newest is {end - 1}: ask for one from 0 to {end - 1}")
    step = replayed(reading, run.run_id, wanted).step
    told = modes_in(reading, wanted)
    modes: dict[str, Mode] = {site_id: mode for site_id in told for mode in MODES if told[site_id] == mode}
    return document_of(step, plan_behind(reading, step), run.config, run.run_id, modes)


def plan_behind(reading: ReadModel, step: Step) -> Plan:
    """Describe the stored plan that a tick followed; an unchanged plan is stored once."""
    found = optimizations(reading, 1, before=step.tick + 1)
    if not found:
        return Plan(optimizer=reading.run().optimizer, made_tick=step.tick, steps=(step.plan,))
    (plan,) = found
    return Plan(
        optimizer=plan.optimizer,
        made_tick=plan.made_tick,
        steps=(step.plan,),
        objective_usd=plan.objective_usd,
        bound_usd=plan.bound_usd,
    )
