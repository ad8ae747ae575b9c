"""The commands `notices`: list announcements, and take one back."""

import asyncio
import sys
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

import typer

from mara.api.routes.json_values import json_value
from mara.assembly.runs import open_run
from mara.cli.app import app
from mara.cli.options import moment_of
from mara.cli.report import show
from mara.core.commands import Receipt
from mara.core.fleet import site_index
from mara.errors import CommandError, ConfigError
from mara.runtime.actor import ACTOR, Actor
from mara.runtime.published_state import StatePublisher
from mara.runtime.tick.order_book import OrderBook
from mara.runtime.tick.site_maintenance import retraction_of
from mara.settings import read_settings
from mara.store.read import promises
from mara.store.read.read_model import ReadModel

ANSWER_S = 30.0
"""Time [s] that a server has to confirm an order."""

notices = typer.Typer(
    no_args_is_help=True,
    help="Announcements of maintenance: list them, or take one back.",
    rich_markup_mode=None,
)
app.add_typer(notices, name="notices")


@notices.command("list")
def list_announced(
    *, as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False
) -> None:
    """List what is announced and not over; the stored run is only read."""
    reading = ReadModel.open(read_settings().database_url)
    try:
        found = promises.exclusions_ahead(reading)
    finally:
        reading.close()
    if as_json:
        show({"announced": [json_value(asdict(one)) for one in found]}, as_json=True)
        return
    for one in found:
        span = f"{one.row.starts_at:%Y-%m-%d %H:%M} to {one.row.ends_at:%Y-%m-%d %H:%M} UTC"
        site = f"site {one.row.site_id}  " if one.row.site_id else ""
        typer.echo(f"{span}  {site}contract {one.contract_id or 'all'}  {one.row.reason}  by {one.row.author}")
    if not found:
        typer.echo("nothing is announced")


@notices.command()
def retract(
    *,
    site: Annotated[str, typer.Option(help="Take back the maintenance of this site, for all its contracts.")] = "",
    contract: Annotated[str, typer.Option(help="Take back what was announced to this one contract alone.")] = "",
    begins: Annotated[str, typer.Option(help="Its begin as it was announced, ISO 8601, UTC unless it names a zone.")],
    server: Annotated[str, typer.Option(help="Address of the Mara that runs it; left out: none runs it now.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Take back an announcement: from the next tick on, its ticks count again.

    A run that a server holds is ordered over its API: the token is asked for, or read as a line from standard input
    without a terminal; an empty one is none. A run that stands keeps the order for its next tick.
    """
    begins_at = moment_of(begins, "--begins")
    assert begins_at is not None
    if server:
        body = {"action": "retract", "site_id": site, "contract_id": contract, "from": begins_at.isoformat()}
        done = _asked_of(server, body)
    else:
        receipt = asyncio.run(_ordered(site, contract, begins_at))
        done = {"done": "taken back: these ticks count", "tick": receipt.tick, "orders": list(receipt.numbers)}
    show(done, as_json=as_json)


async def _ordered(site: str, contract: str, begins_at: datetime) -> Receipt:
    """Store the order in a run that no server holds."""
    store, engine = open_run(read_settings())
    ACTOR.set(Actor(name="shell"))
    orders = OrderBook(StatePublisher())
    try:
        await orders.open(store, engine.config, lambda: (engine.world, None))
        sites = engine.config.fleet.sites
        site_id = sites[site_index(sites, site)].id if site else ""
        receipt = await orders.order(retraction_of(site_id, contract, begins_at, engine.config.grid))
        await orders.close()
    finally:
        store.close()
    return receipt


def _asked_of(server: str, body: dict[str, str]) -> dict[str, Any]:
    """Order over the API of a running Mara, in the name of a token's user.

    Raises:
        ConfigError: nobody answers there.
        CommandError: it refuses.
    """
    import httpx  # takes long to import

    token = _token()
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        answer = httpx.post(f"{server.rstrip('/')}/api/control", json=body, headers=headers, timeout=ANSWER_S)
        said = answer.json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise ConfigError(
            f"--server should be the address of a running Mara, such as http://127.0.0.1:8080; {server[:100]} does "
            f"not answer as one ({error}): look whether it runs"
        ) from error
    if not isinstance(said, dict) or answer.is_error:
        raise CommandError(str(said.get("detail", said) if isinstance(said, dict) else said)[:500])
    return said


def _token() -> str:
    if sys.stdin.isatty():
        return str(typer.prompt("Token", hide_input=True, default="", show_default=False)).strip()
    return sys.stdin.readline().strip()
