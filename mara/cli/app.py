"""The command tree and its manners: one line for an error, a fixed exit code, a traceback only with --debug."""

import sys
from collections.abc import Sequence
from typing import Any

import typer
from typer.core import TyperGroup

import mara
from mara.errors import EXIT_DONE, EXIT_OUR_FAULT, EXIT_USAGE, MaraError

INTERRUPTED = 130
"""What a shell expects of a program ended by Ctrl-C."""


class Commands(TyperGroup):
    """Turns every failure into one line on stderr and an exit code."""

    def main(self, args: Sequence[str] | None = None, *rest: Any, **options: Any) -> Any:
        """Run one command line and exit."""
        given = list(sys.argv[1:] if args is None else args)
        debug = "--debug" in given
        options["standalone_mode"] = False
        try:
            result = super().main([word for word in given if word != "--debug"], *rest, **options)
        except typer.Exit as end:
            if end.exit_code == INTERRUPTED:
                _complain("interrupted; what was stored is kept")
            sys.exit(end.exit_code)
        except typer.TyperException as error:
            text = error.format_message()
            # A bare `mara` or `mara db` asks for the help, which is this text.
            if text.startswith("Usage:"):
                typer.echo(text)
            else:
                _complain(f"{text} See `mara --help`.")
            sys.exit(EXIT_USAGE)
        except BrokenPipeError:
            sys.stderr.close()  # nobody is listening any more
            sys.exit(EXIT_DONE)
        except MaraError as error:
            if debug:
                raise
            _complain(str(error))
            sys.exit(error.exit_code)
        except Exception as error:
            if debug:
                raise
            _complain(
                f"internal error, {type(error).__name__}: {error}; run again with --debug and report what it prints"
            )
            sys.exit(EXIT_OUR_FAULT)
        sys.exit(result if isinstance(result, int) else EXIT_DONE)


def _complain(text: str) -> None:
    typer.echo("mara: " + " ".join(text.split()), err=True)


app = typer.Typer(
    name="mara",
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="SLA-smart energy arbitrage for flexible compute. Settings come from MARA_* variables, see the README.",
    epilog="--debug, anywhere on the line, shows the traceback of an error.",
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"mara {mara.__version__}")
        raise typer.Exit


@app.callback()
def common(
    *, version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version.")
) -> None:
    """SLA-smart energy arbitrage for flexible compute."""
    del version
