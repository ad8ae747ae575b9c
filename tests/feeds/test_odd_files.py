"""Files that are not tables are refused before they fill the memory."""

import gzip
import tracemalloc
from pathlib import Path

import pytest

from mara.errors import MaraError
from mara.feeds.files.csv_table import CsvTable
from mara.feeds.files.fleet_file import read_fleet

MOST_MB = 20.0


def read(path: Path) -> int:
    return sum(map(len, CsvTable(path=path, columns=("a", "b"), key_count=1).blocks()))


def test_a_line_without_an_end_is_refused_before_it_is_read_whole(tmp_path: Path) -> None:
    endless = tmp_path / "history.csv.gz"
    with gzip.open(endless, "wb", compresslevel=1) as file:
        file.write(b"a,b\n")
        for _ in range(64):
            file.write(bytes(1_000_000))
    tracemalloc.start()
    with pytest.raises(MaraError, match="lines of up to"):
        read(endless)
    peak_mb = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    assert peak_mb < MOST_MB


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/stdin", "/"])
def test_a_device_is_no_fleet_and_no_table(device: str) -> None:
    with pytest.raises(MaraError, match="should be a file"):
        read_fleet(device)
    with pytest.raises(MaraError, match="should be a file"):
        read(Path(device))


def test_a_link_to_a_device_is_one(tmp_path: Path) -> None:
    fleet = tmp_path / "fleet.toml"
    fleet.symlink_to("/dev/zero")
    with pytest.raises(MaraError, match="should be a file"):
        read_fleet(str(fleet))
