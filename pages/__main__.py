"""Console script `mara`: the engine's commands, and `run` for the dashboard.

Only `run` imports NiceGUI and what it serves, so that the other commands start faster.
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

from mara.cli.app import app as commands
from mara.errors import ConfigError
from pages.serving.window import refuse_missing_extra

SWITCH_INTERVAL_S: Final = 0.001
"""Time after which a busy thread yields the interpreter to the event loop.

Python's own 5 ms, several times a tick, would add up to ticks that are visibly late.
"""
DayAhead = Annotated[str | None, typer.Option(help="Positions bought day-ahead: none or planned [default: none].")]


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
    day_ahead: DayAhead = None,
    native: Annotated[bool, typer.Option("--native", help="A window of its own; needs the extra 'native'.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Set the stored run aside and begin anew.")] = False,
    behind_proxy: Annotated[
        bool, typer.Option("--behind-proxy", help="A proxy in front speaks TLS, and says who asks.")
    ] = False,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Do not open a browser.")] = False,
) -> None:
    """Start the dashboard and the engine behind it."""
    from mara.api.gateway.exposure import refuse_exposure
    from mara.settings import read_settings

    options = {"host": host, "port": port, "speed": speed, "seed": seed, "fleet": fleet, "history": history}
    planning = {"optimizer": optimizer, "day_ahead_position": day_ahead}
    settings = read_settings(options={**options, **planning, "behind_proxy": behind_proxy or None})
    refuse_busy_port(settings.host, settings.port)
    if native:
        refuse_missing_extra()
    refuse_exposure(settings)

    from mara.api.gateway.listener import raise_descriptor_limit
    from mara.bootstrap import import_desk_of, platform_of, set_aside
    from mara.runtime.observe.log import open_log
    from pages.server import serve
    from pages.serving.middleware import add_middleware

    sys.setswitchinterval(SWITCH_INTERVAL_S)
    raise_descriptor_limit()
    with ExitStack() as ends:
        ends.enter_context(open_log(settings))
        atexit.register(ends.close)  # closing the window ends the process without returning here
        platform = platform_of(settings)
        if fresh:
            aside = set_aside(settings)
            typer.echo("nothing was stored yet" if aside is None else f"the stored run was set aside as {aside}")
        desk = import_desk_of(settings)
        security = add_middleware(settings, platform, desk)
        is_wanted_anew = serve(
            platform,
            host=settings.host,
            port=settings.port,
            show=not no_browser,
            native=native,
            history=settings.history,
            desk=desk,
            root_path=settings.root_path,
            server_options=security.server_options,
        )
    if is_wanted_anew:
        begin_anew(sys.orig_argv[1:])


def begin_anew(arguments: Sequence[str]) -> None:
    """Replace this process by one that renames the stored run and begins anew.

    It gets the same arguments. A server cannot be started twice in a process. Port, database and log have to be
    closed before.
    """
    more = [option for option in ("--fresh", "--no-browser") if option not in arguments]
    os.execv(sys.executable, [sys.executable, *arguments, *more])  # noqa: S606  this program, with its own arguments


def refuse_busy_port(host: str, port: int) -> None:
    """Refuse a port that cannot be listened on, before the run is opened.

    Raises:
        ConfigError: the port is in use, or not available to this user.
    """
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
