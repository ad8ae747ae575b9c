"""`python -m bench.peers FILE`: measure the step and the program beside their peers, write the figures to a file."""

import json
import sys
from dataclasses import asdict
from pathlib import Path

from bench.peers import program, step


def main() -> None:
    """Measure and write; peers that are missing or disagree are told on standard error."""
    figures = [*step.figures(), *program.figures()]
    Path(sys.argv[1]).write_text(json.dumps([asdict(figure) for figure in figures]), encoding="utf-8")


if __name__ == "__main__":
    main()
