"""Imitated devices as tests use them, on the machine's own clock."""

from mara.runtime.clock import SystemClock
from mara.signals.imitations.limit_service import ImitatedService
from mara.signals.imitations.luxos_miner import ImitatedMiner
from mara.signals.imitations.modbus_controller import ImitatedController
from mara.signals.imitations.serving import serving

__all__ = ["CLOCK", "SECRET", "a_controller", "a_miner", "a_service", "serving"]

SECRET = "a secret of the two of us"
CLOCK = SystemClock()


def a_miner() -> ImitatedMiner:
    return ImitatedMiner(CLOCK.monotonic_s)


def a_controller() -> ImitatedController:
    return ImitatedController()


def a_service() -> ImitatedService:
    return ImitatedService(SECRET, CLOCK.now)
