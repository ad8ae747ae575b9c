"""`mara` with a bug in the start of its runs, for `python -m tests.pages.faulty_start run`."""

from unittest.mock import patch

from pages.__main__ import main

if __name__ == "__main__":
    with patch("mara.bootstrap.open_run", side_effect=RuntimeError("a bug in the start")):
        main()
