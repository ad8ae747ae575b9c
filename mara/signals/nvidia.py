"""Calls to the driver of this machine's NVIDIA GPUs, which may hang.

A call is made in a thread of its own, because one that hangs in the driver cannot be ended; a GPU has one at a time.
The library comes with the extra `nvml`, and is opened for each call: it then finds a driver that was loaded anew.
Source: https://docs.nvidia.com/deploy/nvml-api/
"""

from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from contextlib import suppress
from threading import Lock, Thread
from typing import Annotated, Any, Final, TypeAlias, TypeVar

from pydantic import AfterValidator, Field

from mara.errors import DeviceError

TIMEOUT_S: Final = 3.0
"""Longest time for a call, from opening the library to the answer."""
GRACE_S: Final = 0.5
"""Time that an earlier call is given to end; it has hung before."""
NO_SUCH: Final = frozenset({2, 6})
"""Codes for a GPU that is not there: an argument that is none, and nothing found."""
FAULTS: Final = {
    2: "did not take the value: see that nobody else changes what it takes",
    3: "refused: it can neither be limited nor tell its power: leave it out of gpus",
    4: "refused: Mara may not set power limits: run it as root",
    9: "does not answer: the NVIDIA driver is not loaded: load it, and see nvidia-smi",
    12: "does not answer: libnvidia-ml.so.1 is not there: install the NVIDIA driver",
    13: "does not answer: the NVIDIA driver is too old for the library: install a newer one",
    15: "does not answer: the GPU is lost, as after a fault: see dmesg, reset it or restart the machine",
    16: "does not answer: the GPU has to be reset: nvidia-smi --gpu-reset",
    18: "does not answer: driver and library are of different versions: restart the machine",
}
"""Words for the return codes of the library, section 2.2 of the source."""

MW_PER_MILLIWATT: Final = 1e-9
MOST_GPUS: Final = 64

Answer = TypeVar("Answer")
Call: TypeAlias = Callable[[Any, Any], Answer]
"""Asks the library about the GPU of a handle."""


def _each_once(gpus: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(gpus)) < len(gpus) or len({gpu.isdigit() for gpu in gpus}) > 1:
        raise ValueError("should name each once, all by UUID or all by index")
    return gpus


Gpus: TypeAlias = Annotated[
    tuple[Annotated[str, Field(pattern=r"^(GPU-[0-9A-Fa-f]+(-[0-9A-Fa-f]+)*|[0-9]{1,2})$")], ...],
    Field(min_length=1, max_length=MOST_GPUS, strict=False),
    AfterValidator(_each_once),
]
"""GPUs by their UUIDs or indexes, as `nvidia-smi -L` lists them."""

_UNDER_WAY: Final[dict[str, "Future[Any]"]] = {}
_ONE_AT_A_TIME: Final = Lock()


def answers_of(calls: Mapping[str, Call[Answer]]) -> dict[str, Answer | DeviceError]:
    """Make a call for each GPU, all at the same time; one that hangs delays no other.

    Args:
        calls: by the UUID of a GPU, or its index.
    """
    begun = {gpu: call for gpu in calls if (call := _begun(gpu, calls[gpu])) is not None}
    late = [gpu for gpu in calls if gpu not in begun]
    wait([_UNDER_WAY[gpu] for gpu in late], GRACE_S)
    begun |= {gpu: call for gpu in late if (call := _begun(gpu, calls[gpu])) is not None}
    wait(begun.values(), TIMEOUT_S)
    return {gpu: _outcome(gpu, begun.get(gpu)) for gpu in calls}


def _begun(gpu: str, call: Call[Answer]) -> "Future[Answer | DeviceError] | None":
    """Begin a call; None where an earlier one for the GPU has not ended."""
    with _ONE_AT_A_TIME:
        earlier = _UNDER_WAY.get(gpu)
        if earlier is not None and not earlier.done():
            return None
        answer: Future[Answer | DeviceError] = Future()
        _UNDER_WAY[gpu] = answer
    # Of the kind that the end of a process does not wait for.
    thread = Thread(target=_make, args=(answer, gpu, call), name=f"mara-nvml-{gpu}", daemon=True)
    try:
        thread.start()
    except RuntimeError as error:  # the machine has no thread left
        answer.set_result(DeviceError(f"{_name(gpu)} does not answer: {error}"))
    return answer


def _make(answer: "Future[Answer | DeviceError]", gpu: str, call: Call[Answer]) -> None:
    """Make a call, which always ends with an answer.

    One without would block all later ones.
    """
    try:
        answer.set_result(_answer(gpu, call))
    finally:
        if not answer.done():
            answer.set_result(DeviceError(f"{_name(gpu)} does not answer: Mara's call to it failed, see the log"))


def _answer(gpu: str, call: Call[Answer]) -> Answer | DeviceError:
    import pynvml

    try:
        pynvml.nvmlInit()
        try:
            return call(pynvml, _found(pynvml, gpu))
        finally:
            with suppress(pynvml.NVMLError):  # what counts was said before
                pynvml.nvmlShutdown()
    except pynvml.NVMLError as error:
        return DeviceError(f"{_name(gpu)} {FAULTS.get(error.value, f'does not answer: NVML says {error}')}")
    except DeviceError as error:
        return error


def _found(library: Any, gpu: str) -> Any:
    try:
        if gpu.isdigit():
            return library.nvmlDeviceGetHandleByIndex(int(gpu))
        return library.nvmlDeviceGetHandleByUUID(gpu)
    except library.NVMLError as error:
        if error.value in NO_SUCH:
            raise DeviceError(f"{_name(gpu)} is not in this machine: nvidia-smi -L lists those that are") from error
        raise


def _outcome(gpu: str, answer: "Future[Answer | DeviceError] | None") -> Answer | DeviceError:
    if answer is None:
        return DeviceError(f"{_name(gpu)} does not answer: an earlier call hangs in the driver still: see dmesg")
    if not answer.done():
        return DeviceError(f"{_name(gpu)} does not answer within {TIMEOUT_S:g} s: see dmesg for the driver's faults")
    return answer.result()


def _name(gpu: str) -> str:
    return f"GPU {gpu}" if gpu.isdigit() else gpu
