"""Executor for miners of firmwares that pyasic-rs knows, which pause and resume.

The library comes with the extra `asic`. Each miner is asked what it supports before anything is told; pools, fans and
tuning stay as they are. It takes a miner that does not tell for one that mines, and any with LuxOS.
Source: https://github.com/256foundation/asic-rs
"""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from mara.errors import DeviceError
from mara.signals.executors.switched import OFF, RUNNING, SwitchedUnits

TIMEOUT_S: Final = 10.0
"""Longest time for a miner, from its identification to its answer."""
UNTOLD: Final = "LuxOS"
"""Firmware of which the library never tells whether it sleeps."""
Account = tuple[str, str]
"""User and password of the miners."""


def asic_miners(
    hosts: Sequence[str], unit_power_mw: float, account: Account | None, monotonic_s: Callable[[], float]
) -> SwitchedUnits:
    """Reach miners of one kind at a site by their IP addresses."""
    return SwitchedUnits("asic", hosts, unit_power_mw, partial(_told, account), monotonic_s)


def _told(account: Account | None, host: str, wanted: str | None) -> str:
    """Tell a miner to pause or resume, or ask which it does.

    Raises:
        DeviceError: there is no answer, or it is a refusal.
    """
    try:
        return asyncio.run(_within(_answered(account, host, wanted)))
    except TimeoutError as error:
        raise DeviceError(f"{host} does not answer within {TIMEOUT_S:g} s") from error
    except (OSError, ValueError, RuntimeError) as error:
        raise DeviceError(f"{host} does not answer ({type(error).__name__})") from error


async def _within(answer: Any) -> str:
    async with asyncio.timeout(TIMEOUT_S):
        return str(await answer)


async def _answered(account: Account | None, host: str, wanted: str | None) -> str:
    from pyasic_rs.factory import MinerFactory

    miner = await MinerFactory().get_miner(host)
    if miner is None:
        raise DeviceError(f"{host} does not answer as a miner that pyasic-rs knows: see that it runs")
    if miner.firmware == UNTOLD:
        raise DeviceError(f"{host} runs {UNTOLD}, of which pyasic-rs never tells whether it sleeps: name it as luxos")
    if account is not None:
        miner.set_auth(*account)
    if wanted is not None:
        if not (miner.supports_pause and miner.supports_resume):
            kind = f"{miner.make} {miner.model}, {miner.firmware}"
            raise DeviceError(f"{host} ({kind[:80]}) cannot be paused: leave it out of the hosts")
        if not await (miner.pause() if wanted == OFF else miner.resume()):
            raise DeviceError(f"{host} refused to {'pause' if wanted == OFF else 'resume'}: see to its account")
        return wanted
    if not await miner.get_is_mining():
        return OFF
    if await miner.get_hashrate() is None:
        raise DeviceError(f"{host} does not tell its hashrate, nor so whether it mines: see to its account")
    return RUNNING
