"""Imitated NVIDIA GPUs behind a library in the place of the driver's.

It is compiled from `imitated_nvml.c`, and found as the real one is.
"""

import ctypes
import mmap
import os
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import count
from pathlib import Path
from typing import Final, overload

LIBRARY: Final = "libnvidia-ml.so.1"
SOURCE: Final = Path(__file__).with_name("imitated_nvml.c")
STATE: Final = "IMITATED_NVML"
PATH: Final = "LD_LIBRARY_PATH"
MOST_GPUS, MOST_KEPT, MOST_OUTSIDE = 8, 65_536, 16
FAULTS: Final = {"": 0, "silent": 1, "slow": 1, "refuse": 2, "ignore": 3, "reboot": 4, "lost": 5}
HEADER: Final = struct.Struct("3I")
UUID_SIZE: Final = 48
FIELDS: Final = ("fault", "persistence", "least", "most", "default", "limit", "usage", "kept_count", "outside_count")
GPU_SIZE: Final = UUID_SIZE + 4 * (len(FIELDS) + MOST_KEPT + MOST_OUTSIDE)
KILOWATT: Final = 1_000_000
"""Milliwatts of a kilowatt."""
numbers = count()


class _Number:
    """A number of the state in the file."""

    def __init__(self, name: str) -> None:
        self._at = UUID_SIZE + 4 * FIELDS.index(name)

    def __get__(self, gpu: "ImitatedGpu", _: type) -> int:
        return int(gpu.numbers(self._at, 1)[0])

    def __set__(self, gpu: "ImitatedGpu", value: int) -> None:
        struct.pack_into("I", gpu.memory, gpu.at + self._at, value)


class ImitatedGpu:
    """A GPU whose limit anybody may set, within its bounds; numbers are milliwatts."""

    persistence, least, most, default = _Number("persistence"), _Number("least"), _Number("most"), _Number("default")
    limit, usage = _Number("limit"), _Number("usage")
    fault_code, kept_count, outside_count = _Number("fault"), _Number("kept_count"), _Number("outside_count")

    def __init__(self, memory: mmap.mmap, index: int) -> None:
        self.memory = memory
        self.at = HEADER.size + index * GPU_SIZE
        self.uuid = f"GPU-{index:08d}"
        self.history = Kept(self)
        memory[self.at : self.at + len(self.uuid)] = self.uuid.encode()
        self.persistence, self.least, self.most = 1, 100 * KILOWATT, 1_000 * KILOWATT
        self.default = self.limit = self.usage = 700 * KILOWATT

    def numbers(self, at: int, number_count: int) -> tuple[int, ...]:
        return struct.unpack_from(f"{number_count}I", self.memory, self.at + at)

    @property
    def fault(self) -> str:
        return next(name for name, code in FAULTS.items() if code == self.fault_code)

    @fault.setter
    def fault(self, name: str) -> None:
        self.fault_code = FAULTS[name]

    @property
    def outside(self) -> list[int]:
        """Limits beyond its bounds that somebody tried to set."""
        return list(self.numbers(GPU_SIZE - 4 * MOST_OUTSIDE, min(self.outside_count, MOST_OUTSIDE)))


class Kept(Sequence[int]):
    """Limits that a GPU was set to, oldest first."""

    def __init__(self, gpu: ImitatedGpu) -> None:
        self._gpu = gpu

    def __len__(self) -> int:
        return self._gpu.kept_count

    @overload
    def __getitem__(self, index: int) -> int: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[int]: ...
    def __getitem__(self, index: int | slice) -> int | Sequence[int]:
        assert len(self) <= MOST_KEPT
        return self._gpu.numbers(UUID_SIZE + 4 * len(FIELDS), len(self))[index]

    def clear(self) -> None:
        self._gpu.kept_count = 0


class ImitatedDriver:
    """The driver of some GPUs, which may be loaded or not, and may hang as a whole."""

    def __init__(self, state: Path, gpu_count: int) -> None:
        self.state = state
        state.touch()
        os.truncate(state, HEADER.size + MOST_GPUS * GPU_SIZE)
        with state.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), 0)
        self.gpus = [ImitatedGpu(self._memory, index) for index in range(gpu_count)]
        self.load()

    def load(self, *, is_hanging: bool = False) -> None:
        HEADER.pack_into(self._memory, 0, 1, is_hanging, len(self.gpus))

    def unload(self) -> None:
        """Take the driver away; what hangs in it ends."""
        for gpu in self.gpus:
            gpu.fault = ""
        HEADER.pack_into(self._memory, 0, 0, 0, len(self.gpus))

    @contextmanager
    def loaded(self) -> Iterator[None]:
        self.load()
        try:
            yield
        finally:
            self.unload()


@cache
def library_folder() -> Path | None:
    """Compile the library, once in a process; None where nothing compiles it."""
    compiler = shutil.which("cc")
    if compiler is None or sys.platform != "linux":
        return None
    folder = Path(tempfile.gettempdir()) / f"mara-test-nvml-{os.getpid()}"
    folder.mkdir(exist_ok=True)
    words = [compiler, "-shared", "-fPIC", f"-Wl,-soname,{LIBRARY}", "-o", str(folder / LIBRARY), str(SOURCE)]
    subprocess.run(words, check=True)
    return folder


def reach_gpus(state: Path) -> None:
    """Have this process, and those that it starts, find the imitated library."""
    os.environ[STATE] = str(state)
    os.environ[PATH] = str(state.parent)
    ctypes.CDLL(str(state.parent / LIBRARY))  # a name that is loaded already is not looked for


@contextmanager
def imitated_gpus(gpu_count: int = 3) -> Iterator[ImitatedDriver]:
    """Put imitated GPUs in the place of this machine's own."""
    import pytest  # processes that only reach GPUs do without

    pytest.importorskip("pynvml", reason="the extra `nvml` is not installed")
    folder = library_folder()
    if folder is None:
        pytest.skip("the driver's library is imitated where there are Linux and a C compiler, cc")
    driver = ImitatedDriver(folder / f"gpus-{next(numbers)}", gpu_count)
    before = {name: os.environ.get(name) for name in (STATE, PATH)}
    reach_gpus(driver.state)
    try:
        yield driver
    finally:
        driver.unload()
        driver.state.unlink()
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
