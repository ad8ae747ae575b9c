"""`python -m mara`: the headless commands, without the dashboard."""

from mara.cli.commands import app

if __name__ == "__main__":
    app()
