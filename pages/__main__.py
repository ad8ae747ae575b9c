"""The console script `mara`: the engine's commands, and `run`, which starts the dashboard.

NiceGUI is imported by `run` alone, so that the other commands start without it.
"""

import atexit
import errno
import os
import socket
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Final

import typer

from mara.bootstrap import platform_of, set_aside
from mara.cli.commands import app as commands
from mara.errors import ConfigError
from mara.runtime.observe.log import open_log
from mara.settings import read_settings

SWITCH_INTERVAL_S: Final = 0.001
"""How soon a busy thread (a planner's, an advisor's) lets the loop of the ticks in; Python's own 5 ms, several times a
tick, add up to lateness that can be seen."""


def main() -> None:
    """Run the command that was asked for."""
    commands.command("run")(run)
    commands()


def run(
    *,
    host: Annotated[str | None, typer.Option(help="Address to listen on [default: 127.0.0.1].")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on [default: 8080].")] = None,
    speed: Annotated[float | None, typer.Option(help="Simulated seconds per real second [default: 300].")] = None,
    seed: Annotated[int | None, typer.Option(help="Same seed, same run [default: 7].")] = None,
    fleet: Annotated[str | None, typer.Option(help="A shipped fleet's name, or a TOML file.")] = None,
    history: Annotated[Path | None, typer.Option(help="History folder to replay; else a synthetic world.")] = None,
    optimizer: Annotated[str | None, typer.Option(help="Who plans.")] = None,
    native: Annotated[bool, typer.Option("--native", help="A window of its own; needs the extra 'native'.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Set the stored run aside and begin anew.")] = False,
    behind_proxy: Annotated[
        bool, typer.Option("--behind-proxy", help="A proxy in front speaks TLS, and says who asks.")
    ] = False,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Do not open a browser.")] = False,
) -> None:
    """Start the dashboard and the engine behind it."""
    options = {"host": host, "port": port, "speed": speed, "seed": seed, "fleet": fleet, "history": history}
    settings = read_settings(options={**options, "optimizer": optimizer, "behind_proxy": behind_proxy or None})
    refuse_busy_port(settings.host, settings.port)

    from mara.api.gateway.listener import raise_descriptor_limit
    from pages.server import serve
    from pages.serving.front_door import stand_guard
    from pages.window import refuse_missing_extra

    if native:
        refuse_missing_extra()
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    raise_descriptor_limit()
    with ExitStack() as ends:
        ends.enter_context(open_log(settings))
        atexit.register(ends.close)  # a closed window ends the process without coming back here
        platform = platform_of(settings)
        if fresh:
            aside = set_aside(settings)
            typer.echo("nothing was stored yet" if aside is None else f"the stored run was set aside as {aside}")
        entrance = stand_guard(settings, platform)
        is_wanted_anew = serve(
            platform,
            host=settings.host,
            port=settings.port,
            show=not no_browser,
            native=native,
            history=settings.history,
            root_path=settings.root_path,
            listening=entrance.listening,
        )
    if is_wanted_anew:
        begin_anew(sys.orig_argv[1:])


def begin_anew(arguments: Sequence[str]) -> None:
    """Become a new process that sets the run aside, with the arguments of this one: a server is started only once.

    Everything that this one held (port, database, log) must be closed.
    """
    more = [option for option in ("--fresh", "--no-browser") if option not in arguments]
    os.execv(sys.executable, [sys.executable, *arguments, *more])  # noqa: S606  ourselves, with our own arguments


def refuse_busy_port(host: str, port: int) -> None:
    """Raise ConfigError where nothing can listen: before the run is opened, and in one line instead of a trace."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        why = "is in use" if error.errno == errno.EADDRINUSE else f"cannot be listened on ({error.strerror})"
        raise ConfigError(f"{host}:{port} {why}; end what uses it, or choose another: --port {port + 1}") from error


if __name__ == "__main__":
    main()
