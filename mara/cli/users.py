"""Who may log in, and with which tokens: user add, list, remove, token."""

import sys
from enum import StrEnum
from typing import Annotated

import typer

from mara.api.secrets import digest_of, hash_of, new_token
from mara.bootstrap import people_of
from mara.cli.app import app
from mara.errors import ConfigError
from mara.runtime.clock import SystemClock
from mara.settings import Settings, read_settings
from mara.store.people import ROLES, Person, Token, Visit

MAX_TOKEN_DAYS = 3_650
SECONDS_PER_DAY = 86_400
MAX_NAME_LENGTH = 64


class Role(StrEnum):
    """What somebody may: look; order, book and steer; everything."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"


class Scope(StrEnum):
    """What a token may, of what its user may."""

    READ = "read"
    TRADE = "trade"
    ADMIN = "admin"


ROLE_OF_SCOPE = dict(zip(Scope, ROLES, strict=True))

Name = Annotated[str, typer.Argument(help="Letters, digits, dot, dash and underscore.")]

user = typer.Typer(no_args_is_help=True, help="Who may log in.", rich_markup_mode=None)
app.add_typer(user, name="user")


@user.command()
def add(name: Name, *, role: Annotated[Role, typer.Option(help="viewer, operator or admin.")] = Role.VIEWER) -> None:
    """Make a user; asks for the password.

    Where nobody types, it is read as a line from standard input.
    """
    settings = read_settings()
    if not (
        0 < len(name) <= MAX_NAME_LENGTH and name.isascii() and name.replace(".", "a").replace("-", "a").isidentifier()
    ):
        raise ConfigError(
            f"a user's name has up to {MAX_NAME_LENGTH} letters, digits, dots, dashes and underscores, a letter first, "
            f"came {name[:MAX_NAME_LENGTH]!r}: choose another"
        )
    password_hash = hash_of(_password())
    people = people_of(settings)
    try:
        people.add(Person(name=name, role=role.value), password_hash, by=_visit(f"added {role.value} {name}"))
    finally:
        people.close()
    typer.echo(f"{name} may log in as {role.value}")


@user.command("list")
def list_all() -> None:
    """Name every user and role."""
    people = people_of(read_settings())
    try:
        found = people.all()
    finally:
        people.close()
    for person in found:
        typer.echo(f"{person.name}  {person.role}")
    if not found:
        typer.echo("no users yet: `mara user add NAME --role admin` makes one")


@user.command()
def remove(name: Name) -> None:
    """Remove a user, with all tokens and sessions."""
    people = people_of(read_settings())
    try:
        people.remove(name, by=_visit(f"removed {name}"))
    finally:
        people.close()
    typer.echo(f"{name} may no longer log in; what is open ends within a minute")


@user.command()
def token(
    name: Name,
    *,
    scope: Annotated[Scope, typer.Option(help="read, trade or admin.")] = Scope.READ,
    days: Annotated[int, typer.Option(min=1, max=MAX_TOKEN_DAYS, help="How long it is good for.")] = 90,
) -> None:
    """Make a bearer token of the API; it is printed once and not kept."""
    settings, secret = read_settings(), new_token()
    people = people_of(settings)
    try:
        visit = _visit(f"issued a {scope.value} token for {name}")
        until = visit.at_epoch_s + days * SECONDS_PER_DAY
        person = Person(name=name, role=ROLE_OF_SCOPE[scope])
        people.issue(Token, digest_of(secret, _key(settings)), person, until=until, by=visit)
    finally:
        people.close()
    typer.echo(secret)


def _key(settings: Settings) -> str:
    return settings.storage_secret.get_secret_value() if settings.storage_secret is not None else ""


def _password() -> str:
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\n")


def _visit(action: str) -> Visit:
    return Visit(at_epoch_s=int(SystemClock().now().timestamp()), actor="shell", address="", action=action)
