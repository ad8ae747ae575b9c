"""The log of who came is one chain, however many processes write it at once."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mara.store import upkeep
from mara.store.people import People, Visit
from tests.store.databases import KINDS, url_of

WRITERS = 4
LINES_EACH = 10


@pytest.mark.parametrize("kind", KINDS)
def test_a_log_that_is_written_from_everywhere_has_every_line_once(tmp_path: Path, kind: str) -> None:
    url = url_of(tmp_path / f"m.{kind}")
    upkeep.make_ready(url)

    def write(writer: int) -> None:
        people = People.open(url)  # as another process would
        for number in range(LINES_EACH):
            people.note(Visit(at_epoch_s=number, actor=f"w{writer}", address="", action=f"line {number}"))
        people.close()

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(write, range(WRITERS)))
    people = People.open(url)
    lines = people.visits()
    people.close()
    assert len(lines) == len({(line.actor, line.action) for line in lines}) == WRITERS * LINES_EACH
    assert upkeep.check(url).findings == ()
