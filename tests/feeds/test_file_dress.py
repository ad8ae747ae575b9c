"""History files saved by other programs are read alike, or refused with a reason."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from mara.errors import ConfigError, FeedInvalid
from mara.feeds.files.contract_file import read_contracts
from mara.feeds.files.fleet_file import read_fleet
from mara.feeds.files.history_file import read_history
from mara.feeds.files.history_fleet import fleet_of_history
from tests.feeds.history_text import HEADER, history_rows, write_history
from tests.feeds.test_contract_file import HOURLY, write

PLAIN = "\n".join([HEADER, *history_rows(24)]) + "\n"
SITES = """SITE_ID;Name;country;lat;lon;timezone;price_zone
 north ;Far North;Norway;69.6;18.9;Europe/Oslo;NO4 day-ahead
south; Far South;Chile;-53.2;-70.9;America/Punta_Arenas;real-time
"""


def spaced(text: str) -> str:
    return text.replace(",north,", ", north ,").replace(",south,", ",south ,")


@pytest.mark.parametrize(
    "content",
    [
        PLAIN.replace(",", ";").encode(),
        PLAIN.replace(",", "\t").encode(),
        b"\xef\xbb\xbf" + PLAIN.encode(),
        PLAIN.replace("\n", "\r\n").encode(),
        PLAIN.replace(HEADER, HEADER.upper()).encode(),
        PLAIN.replace(HEADER, HEADER.title()).encode(),
        spaced(PLAIN).encode(),
        gzip.compress(PLAIN.encode()),
    ],
    ids=["semicolons", "tabs", "mark", "crlf", "capitals", "title", "spaces", "gzip"],
)
@pytest.mark.parametrize("name", ["history.csv", "history.csv.gz"])
def test_rows_in_another_dress_are_read_as_the_same(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / "plain").mkdir()
    plain = read_history(write_history(tmp_path / "plain", history_rows(24)))
    dressed = write_history(tmp_path, [])
    (dressed / "history.csv").unlink()
    (dressed / name).write_bytes(content)
    read = read_history(dressed)
    assert read.site_ids == plain.site_ids
    assert np.array_equal(read.energy_price_usd_per_mwh, plain.energy_price_usd_per_mwh)


def test_sites_and_contracts_are_read_in_any_dress_too(tmp_path: Path) -> None:
    folder = write_history(tmp_path, history_rows(24))
    (folder / "sites.csv").write_text(SITES, encoding="utf-8")
    assert [site.name for site in fleet_of_history(read_history(folder)).sites] == ["Far North", "Far South"]
    header = "Contract_ID;TIER;power_mw;starts_at_utc;hours;Customer"
    path = write(tmp_path, "c1; premium ;2.5;2023-01-01T12:00:00+02:00;48; Ada ", header=header)
    (arrival,) = read_contracts(path, HOURLY).arrivals
    assert (arrival.start_tick, arrival.request.id, arrival.request.customer) == (10, "c1", "Ada")


def test_a_decimal_comma_is_named_as_the_cause(tmp_path: Path) -> None:
    rows = [row.replace(",", ";").replace(".0;", ",0;") for row in history_rows(24)]
    with pytest.raises(FeedInvalid, match=r"line 2: price_usd_per_mwh .*a decimal comma: write a point"):
        read_history(write_history(tmp_path, rows, header=HEADER.replace(",", ";")))


def test_a_file_in_utf_16_is_named_as_such(tmp_path: Path) -> None:
    write_history(tmp_path, [])
    (tmp_path / "history.csv").write_bytes(PLAIN.encode("utf-16"))
    with pytest.raises(FeedInvalid, match="it is UTF-16"):
        read_history(tmp_path)


def test_a_column_that_is_there_twice_in_other_letters_is_not_guessed(tmp_path: Path) -> None:
    header = HEADER.replace("renewable_share", "Price_USD_per_MWh")
    with pytest.raises(FeedInvalid, match="renewable_share is missing"):
        read_history(write_history(tmp_path, history_rows(24), header=header))


def test_a_fleet_file_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    shipped = Path(__file__).parents[2] / "mara/data/fleets/global_ten.toml"
    marked = tmp_path / "fleet.toml"
    marked.write_bytes(b"\xef\xbb\xbf" + shipped.read_bytes())
    assert read_fleet(str(marked)).site_ids == read_fleet("global_ten").site_ids
    marked.write_bytes(b"\xef\xbb\xbf[fleet")
    with pytest.raises(ConfigError, match="should be TOML"):
        read_fleet(str(marked))
