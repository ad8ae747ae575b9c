"""The commands `user`: add, list, password, role, remove, token."""

import sys
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from mara.api.security.credentials import digest_of, hash_of, new_token
from mara.assembly.people import people_of
from mara.cli.app import app
from mara.core.units import SECONDS_PER_DAY
from mara.errors import CommandError, ConfigError
from mara.runtime.clock import SystemClock
from mara.settings import Settings, read_settings
from mara.store.access.users import METER, ROLES, AccessEvent, Token, User, UserStore

MAX_TOKEN_DAYS = 3_650
MAX_NAME_LENGTH = 64
MAKE = "make"


class Role(StrEnum):
    """Roles of users: viewer reads, operator orders and books too, admin does all."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"


class Scope(StrEnum):
    """Scopes of tokens, each within the role of its user."""

    READ = "read"
    TRADE = "trade"
    ADMIN = "admin"
    TELEMETRY = "telemetry"


ROLE_OF_SCOPE = dict(zip(Scope, (*ROLES, METER), strict=True))
SCOPE_OF_ROLE = {role: scope for scope, role in ROLE_OF_SCOPE.items()}

Name = Annotated[str, typer.Argument(help="Letters, digits, dot, dash and underscore.")]

user = typer.Typer(no_args_is_help=True, help="Who may log in.", rich_markup_mode=None)
app.add_typer(user, name="user")


@user.command()
def add(name: Name, *, role: Annotated[Role, typer.Option(help="viewer, operator or admin.")] = Role.VIEWER) -> None:
    """Add a user; asks for the password.

    Without a terminal, it is read as a line from standard input.
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
        people.add(User(name=name, role=role.value), password_hash, by=_visit(f"added {role.value} {name}"))
    finally:
        people.close()
    typer.echo(f"{name} may log in as {role.value}")


@user.command("list")
def list_all() -> None:
    """List all users with their roles."""
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
def password(name: Name) -> None:
    """Change a user's password; asks for it. All sessions of the user end."""
    people = people_of(read_settings())
    try:
        _demand(people, name)
        people.set_password(name, hash_of(_password()), by=_visit(f"changed the password of {name}"))
    finally:
        people.close()
    typer.echo(f"{name} logs in with the new password; open sessions end within a minute, tokens stay good")


@user.command()
def role(name: Name, role: Annotated[Role, typer.Argument(help="viewer, operator or admin.")]) -> None:
    """Change a user's role.

    All sessions of the user end, and tokens of a higher role.
    """
    people = people_of(read_settings())
    try:
        people.set_role(User(name=name, role=role.value), by=_visit(f"made {name} {role.value}"))
    finally:
        people.close()
    typer.echo(f"{name} is {role.value}; open sessions, and tokens that are for more, end within a minute")


class TokenWords(TyperGroup):
    """Command group in which `mara user token NAME` makes a token for a user.

    A word that names no subcommand is taken for a user's name.
    """

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command that the arguments name, `make` for a user's name."""
        return super().resolve_command(ctx, args if args[0] in self.commands else [MAKE, *args])

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the arguments; options before the name are those of `make`."""
        is_making = bool(args) and args[0] not in (*self.commands, *ctx.help_option_names)
        return super().parse_args(ctx, [MAKE, *args] if is_making else args)


token = typer.Typer(
    cls=TokenWords,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Bearer tokens of the API: `mara user token NAME --scope trade` makes one.",
)
user.add_typer(token, name="token")


@token.command(MAKE)
def make(
    name: Name,
    *,
    scope: Annotated[Scope, typer.Option(help="read, trade, admin, or telemetry alone.")] = Scope.READ,
    days: Annotated[int, typer.Option(min=1, max=MAX_TOKEN_DAYS, help="How long it is good for.")] = 90,
) -> None:
    """Make a token; it is printed once and not stored. `make` may be left out."""
    settings, secret = read_settings(), new_token()
    people = people_of(settings)
    try:
        visit = _visit(f"issued a {scope.value} token for {name}")
        until = visit.at_epoch_s + days * SECONDS_PER_DAY
        person = User(name=name, role=ROLE_OF_SCOPE[scope])
        people.issue(Token, digest_of(secret, _key(settings)), person, until=until, by=visit)
    finally:
        people.close()
    typer.echo(secret)


@token.command("list")
def list_tokens(name: Annotated[str | None, typer.Argument(help="Of this user alone.")] = None) -> None:
    """List tokens: id, user, scope and last day of each."""
    people = people_of(read_settings())
    try:
        if name is not None:
            _demand(people, name)
        found = people.tokens(name)
    finally:
        people.close()
    now_epoch_s = _visit("").at_epoch_s
    for one in found:
        until = datetime.fromtimestamp(one.expires_epoch_s, UTC)
        state = "expired" if one.expires_epoch_s <= now_epoch_s else "good until"
        typer.echo(f"{one.id}  {one.name}  {SCOPE_OF_ROLE[one.role]}  {state} {until:%Y-%m-%d %H:%M} UTC")
    if not found:
        typer.echo("no tokens: `mara user token NAME --scope read` makes one")


@token.command()
def revoke(id: Annotated[str, typer.Argument(help="As `mara user token list` names it.")]) -> None:  # noqa: A002
    """Revoke a token."""
    people = people_of(read_settings())
    try:
        found = [one for one in people.tokens() if one.id == id.strip().lower()]
        if not found:
            raise CommandError(f"there is no token {id[:MAX_NAME_LENGTH]}: `mara user token list` names them")
        people.revoke(found[0], by=_visit(f"revoked token {found[0].id} of {found[0].name}"))
    finally:
        people.close()
    typer.echo(f"token {found[0].id} of {found[0].name} is good for nothing within a minute")


def _demand(people: UserStore, name: str) -> None:
    if all(person.name != name for person in people.all()):
        raise CommandError(f"there is no user {name}: `mara user list` names them")


def _key(settings: Settings) -> str:
    return settings.storage_secret.get_secret_value() if settings.storage_secret is not None else ""


def _password() -> str:
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\n")


def _visit(action: str) -> AccessEvent:
    return AccessEvent(at_epoch_s=int(SystemClock().now().timestamp()), actor="shell", address="", action=action)
