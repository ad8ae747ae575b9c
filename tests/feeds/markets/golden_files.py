"""Writer of the golden files, run after a layout was added or corrected.

Usage: `python -m tests.feeds.markets.golden_files`.

The expected rows come from plain stepping through UTC, never from the readers.
"""

from pathlib import Path

from tests.feeds.markets.cases import CASES, Case

GOLDEN = Path(__file__).parent / "golden"
EXPECTED = "expected.csv"


def write(case: Case) -> None:
    folder = GOLDEN / case.folder
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in case.write(case.rows).items():
        (folder / name).write_bytes(content)
    lines = [",".join(["begin_utc", "end_utc", *case.expect])]
    lines += [
        ",".join(
            [f"{row.begin:%Y-%m-%dT%H:%MZ}", f"{row.end:%Y-%m-%dT%H:%MZ}"]
            + [f"{value(row):.10g}" for value in case.expect.values()]
        )
        for row in case.rows
    ]
    (folder / EXPECTED).write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    for one in CASES:
        write(one)
