"""`python -m bench.peers FILE`: measure beside peers, write figures to a file."""

import json
import sys
from dataclasses import asdict
from pathlib import Path

from bench.peers import program, step


def main() -> None:
    """Measure the step and the program, and write all figures as JSON.

    Peers that are missing or disagree are named on standard error.
    """
    figures = [*step.figures(), *program.figures()]
    Path(sys.argv[1]).write_text(json.dumps([asdict(figure) for figure in figures]), encoding="utf-8")


if __name__ == "__main__":
    main()
