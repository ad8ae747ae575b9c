"""The root of the command tree, and its exit: one line for an error, and a code.

Each kind of error has a fixed exit code; a traceback is shown only with --debug.
"""

import signal
import sys
import threading
from collections.abc import Sequence
from importlib import import_module
from io import TextIOWrapper
from typing import Any, Final, Self

import typer
from typer.core import TyperGroup
from typer.main import get_group

import mara
from mara.cli.commands import COMMANDS
from mara.errors import EXIT_DONE, EXIT_OUR_FAULT, EXIT_USAGE, MaraError

INTERRUPTED = 130
"""Exit code of a program ended by Ctrl-C, by the convention of shells."""
AGAIN_S: Final = 0.5
"""Time after which an interrupt that was lost comes again [s]."""


class Interrupts:
    """Ctrl-C as an exception that comes again until it has ended the command.

    Native code that calls Python may drop an exception or make another of it, as modules of pandas do while they are
    imported, and a finalizer always drops it. The exception is left alone while anything cleans up after it.
    """

    def __init__(self) -> None:
        self.has_come = False
        self._is_over = False

    def __enter__(self) -> Self:
        is_ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler  # else ignored, or another's
        if is_ours and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, self._interrupt)
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """Let no interrupt come again; harmless when repeated."""
        self._is_over = True
        if self.has_come:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
        if signal.getsignal(signal.SIGINT) == self._interrupt:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def _interrupt(self, *_: object) -> None:
        if not self.has_come:
            signal.signal(signal.SIGALRM, self._interrupt_again)
            signal.setitimer(signal.ITIMER_REAL, AGAIN_S, AGAIN_S)
        self.has_come = True
        raise KeyboardInterrupt

    def _interrupt_again(self, *_: object) -> None:
        error = sys.exception()
        while isinstance(error, Exception):  # else it ends the command, a generator or a task
            error = error.__context__
        if error is None and not self._is_over:
            raise KeyboardInterrupt


class Commands(TyperGroup):
    """Command group that turns every failure into one line on stderr and an exit code.

    Modules of commands are imported when those are called. Until then a command is its line in the help.
    """

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        listed = {name: TyperGroup(name=name, help=command.about) for name, command in COMMANDS.items()}
        self.commands = {**listed, **self.commands}
        self._unread = set(COMMANDS)

    def main(self, args: Sequence[str] | None = None, *rest: Any, **options: Any) -> Any:
        """Run one command line and exit."""
        given = list(sys.argv[1:] if args is None else args)
        debug = "--debug" in given
        options["standalone_mode"] = False
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, TextIOWrapper):
                stream.reconfigure(errors="surrogateescape")  # file names that are not UTF-8 are written as they came
        interrupts = Interrupts()
        try:
            with interrupts:
                exit_code = super().main([word for word in given if word != "--debug"], *rest, **options)
        except KeyboardInterrupt:  # it may have come again as the command had ended already
            interrupts.end()
            exit_code = INTERRUPTED
        except Exception as error:
            is_fault = not isinstance(error, (typer.TyperException, BrokenPipeError))
            if debug and is_fault and not interrupts.has_come:
                raise
            exit_code = INTERRUPTED if interrupts.has_come else _told(error)
        if interrupts.has_come:
            exit_code = INTERRUPTED  # also where the command took it for an error, or ended in spite of it
        if exit_code == INTERRUPTED:
            complain("interrupted; what was stored is kept")
            eval("None")  # noqa: S307  `python -m` ends by the signal if the last text evaluated was interrupted
        sys.exit(exit_code if isinstance(exit_code, int) else EXIT_DONE)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command that the arguments name, after importing its module."""
        if args[0] in self._unread:
            import_module(COMMANDS[args[0]].module)
            self._unread.discard(args[0])
            self.commands = {**self.commands, **get_group(app).commands}
        return super().resolve_command(ctx, args)


def _told(error: Exception) -> int:
    """Print a failure in one line, and return the exit code."""
    if isinstance(error, typer.TyperException):
        return _explain(error)
    if isinstance(error, BrokenPipeError):
        sys.stderr.close()  # the reader of the output has gone
        return EXIT_DONE
    if isinstance(error, MaraError):
        complain(str(error))
        return error.exit_code
    complain(f"internal error, {type(error).__name__}: {error}; run again with --debug and report what it prints")
    return EXIT_OUR_FAULT


def _explain(error: typer.TyperException) -> int:
    """Print an error in the usage of a command, and return the exit code.

    A bare `mara` or `mara db` prints the help, which is the error's text.
    """
    text = error.format_message()
    if text.startswith("Usage:"):
        typer.echo(text)
        return EXIT_USAGE
    from pydantic import ValidationError

    context, option = getattr(error, "ctx", None), getattr(error, "param", None)
    if isinstance(error.__cause__, ValidationError) and option is not None:
        detail = error.__cause__.errors()[0]
        expected = detail["msg"].removeprefix("Input ").partition(", unable to")[0]
        name = option.opts[0] if option.opts[0].startswith("-") else option.opts[0].upper()
        text = f"{name} {_plain(expected, detail['input'])}, got {detail['input']!r}"
    stop = "" if text.endswith((".", "?")) else "."
    complain(f"{text}{stop} See `{context.command_path if context else 'mara'} --help`.")
    return EXIT_USAGE


def _plain(expected: str, came: object) -> str:
    """Phrase what was expected of a value, as a text that begins with "should".

    The library's own message for a choice would repeat the value that came.
    """
    choice = expected.removeprefix("Value error, ").removeprefix(f"{came!r} is not ").rstrip(".")
    return choice if choice.startswith("should") else f"should be {choice}"


def complain(text: str) -> None:
    """Write one line to stderr."""
    typer.echo("mara: " + " ".join(text.split()), err=True)


app = typer.Typer(
    name="mara",
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
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
