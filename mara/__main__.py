"""`python -m mara`: the headless commands, without the dashboard."""

from mara.cli.app import app

if __name__ == "__main__":
    app()
