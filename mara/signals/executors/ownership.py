"""Ownership of settings: those of the owner, of Mara, and of somebody else.

With many devices behind an executor this is judged one by one, and silent ones are judged when they answer again.
"""

from collections.abc import Callable, Collection, Sequence

from mara.errors import DeviceError
from mara.signals.executors.base import SILENT, DeviceState, Executor, heard, replaced, state_text
from mara.signals.executors.hold import Hold


def strangers(found: DeviceState, held: Hold, returned: Collection[str] = ()) -> DeviceState:
    """Settings that somebody else made: not even a broken-off write of Mara did.

    Args:
        returned: devices that did not answer before; one that comes back as its owner had it has started anew.
    """
    ours = {pair for state in held.ours for pair in state}
    ours |= {(name, value) for name, value in held.owners if name in returned}
    never_written = {name for name, value in held.owners if value == SILENT}
    return tuple(pair for pair in heard(found) if pair not in ours and pair[0] not in never_written)


def learned(owners: DeviceState, found: DeviceState) -> DeviceState:
    """Take in settings of the owner on devices that answer for the first time.

    They were never written.
    """
    said = dict(found)
    return tuple((name, said.get(name, value) if value == SILENT else value) for name, value in owners)


def found_states(found: DeviceState, states: Sequence[DeviceState]) -> tuple[DeviceState, ...]:
    """States that may stand, once some of the devices have told theirs."""
    said = dict(heard(found))
    return tuple(dict.fromkeys(replaced(state, said) for state in states))


def changes_to(wanted: DeviceState, found: DeviceState) -> DeviceState:
    """Settings that a write has to change; silent devices are not told."""
    return tuple(pair for pair in wanted if pair[1] != SILENT and pair not in found)


def silence_text(state: DeviceState) -> str:
    """Say how many devices do not answer; empty where all do."""
    count = sum(value == SILENT for _, value in state)
    return f"; {count} of {len(state)} do not answer" if count else ""


def released(executor: Executor, held: Hold, tell: Callable[[str], None]) -> str:
    """Bring held devices back, and say what was done.

    What somebody else has set is left alone.

    Args:
        tell: called with the state before, ahead of the write.

    Raises:
        DeviceError: some do not answer, or not with their owner's state; the others were brought back.
    """
    found = executor.read()
    strange = tuple(pair for pair in strangers(found, held) if pair not in held.owners)
    silent = {name for name, value in found if value == SILENT}
    wanted = tuple(pair for pair in held.owners if pair[0] not in silent and pair[0] not in dict(strange))
    changes = changes_to(wanted, found)
    if changes:
        tell(state_text(found))
        executor.apply(changes)
        after = executor.read()
        wrong = tuple(pair for pair in heard(after) if pair[0] in dict(changes) and pair not in changes)
        if wrong:
            raise DeviceError(f"{state_text(changes)} was to be restored, {state_text(wrong)} was read back")
        silent |= {name for name, value in after if value == SILENT and name in dict(changes)}
    owners = dict(held.owners)
    left = sorted({name for state in held.ours for name, value in state if name in silent and value != owners[name]})
    if left:
        raise DeviceError(f"{len(left)} do not answer and may still be limited, {left[0]} the first: see to their link")
    said = f"{state_text(changes)} restored" if changes else "already as its owner had it"
    if not strange:
        return said
    alone = f"left alone: somebody set {state_text(strange)}"
    return f"{said}, {alone}" if changes else alone
