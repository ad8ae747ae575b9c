"""Users, their API tokens and sessions, and a hash-chained access log.

They are stored beside the ticks and outside the writer's lock, so that `mara user add` works while the engine runs.
Secrets are never stored: passwords are kept as argon2id hashes, tokens and sessions as digests.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import RLock
from typing import Any, Final, Self

from sqlalchemy import LargeBinary, Text, delete, insert, select, update
from sqlalchemy.engine import Connection, CursorResult
from sqlmodel import Field

from mara.errors import CommandError
from mara.store.access import access_log
from mara.store.backends.database import Database, database_of
from mara.store.schema.tables import BY_ROWID, Row, binary, key, table_of, whole, words

ID_LENGTH: Final = 12
"""Hexadecimal digits of a digest that name a token: 48 bits."""
MAX_LOG_READ: Final = 1_000
METER: Final = "meter"
"""Role of tokens that post telemetry and may do nothing else; no user has it."""
ROLES: Final = ("viewer", "operator", "admin")
"""Roles by rights: to look; to order and book too; to do everything."""
_RANKED: Final = (METER, *ROLES)


class UserRow(Row, table=True):
    """A user who may log in."""

    __tablename__ = "users"
    __table_args__ = BY_ROWID
    name: str = Field(primary_key=True, sa_type=Text)
    role: str = words()
    password_hash: str = words()


class Credential(Row):
    """Base of Token and Session: a credential stored as digest, deleted with its user."""

    digest: bytes = Field(primary_key=True, sa_type=LargeBinary)
    name: str = Field(sa_type=Text, foreign_key="users.name", ondelete="CASCADE")
    role: str = words()
    expires_epoch_s: int = whole()


class Token(Credential, table=True):
    """An API bearer token."""

    __tablename__ = "tokens"
    __table_args__ = BY_ROWID


class Session(Credential, table=True):
    """A logged-in browser session."""

    __tablename__ = "sessions"
    __table_args__ = BY_ROWID


class AccessEntry(Row, table=True):
    """A line of the access log; append-only, with the hash of the line before.

    `changes` holds digests of the changed users, tokens and sessions (`mara.store.access.access_log`); null for none.
    """

    __tablename__ = "access_log"
    __table_args__ = BY_ROWID
    number: int = key()
    at_epoch_s: int = whole()
    actor: str = words()
    address: str = words()
    action: str = words()
    previous_hash: bytes = binary()
    entry_hash: bytes = binary()
    changes: str | None = words(nullable=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A user without the password's hash."""

    name: str
    role: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessEvent:
    """A line of the access log."""

    at_epoch_s: int
    actor: str
    address: str
    action: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenEntry:
    """A token without its digest.

    Attributes:
        id: the beginning of its digest, which names it and lets nobody in.
    """

    id: str
    name: str
    role: str
    expires_epoch_s: int


class UserStore:
    """Users, tokens and sessions of a database, for use from any thread.

    Every call is one short transaction.

    Raises, from every method: StoreError, the write failed and nothing was stored.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._engine = database.editor()
        self._one_at_a_time = RLock()

    @classmethod
    def open(cls, url: str) -> Self:
        """Open the users of a database that `maintenance.make_ready` has prepared.

        Raises:
            ConfigError: `url` is not the URL of a database.
        """
        return cls(database_of(url))

    def close(self) -> None:
        """Close the connection; harmless when repeated."""
        self._engine.dispose()

    def add(self, user: User, password_hash: str, *, by: AccessEvent) -> None:
        """Add a user.

        Raises:
            CommandError: there is a user of that name already.
        """
        with self._change(by) as connection:
            if _user_in(connection, user.name) is not None:
                raise CommandError(f"there is a user {user.name} already: choose another name, or remove that one")
            values = {"name": user.name, "role": user.role, "password_hash": password_hash}
            connection.execute(insert(UserRow).values(**values))

    def remove(self, name: str, *, by: AccessEvent) -> None:
        """Remove a user with all tokens and sessions.

        Raises:
            CommandError: there is no user of that name.
        """
        with self._change(by) as connection:
            _require(connection.execute(delete(UserRow).where(_USER.name == name)), name)

    def set_password(self, name: str, password_hash: str, *, by: AccessEvent) -> None:
        """Change a user's password, and end all their sessions; tokens stay.

        Raises:
            CommandError: there is no user of that name.
        """
        with self._change(by) as connection:
            _require(
                connection.execute(update(UserRow).where(_USER.name == name).values(password_hash=password_hash)), name
            )
            connection.execute(delete(Session).where(_columns(Session).name == name))

    def set_role(self, user: User, *, by: AccessEvent) -> None:
        """Change a user's role, and end all sessions and the tokens of a higher role.

        Raises:
            CommandError: there is no user of that name.
        """
        more = _RANKED[_RANKED.index(user.role) + 1 :]
        token = _columns(Token)
        with self._change(by) as connection:
            _require(
                connection.execute(update(UserRow).where(_USER.name == user.name).values(role=user.role)), user.name
            )
            connection.execute(delete(Session).where(_columns(Session).name == user.name))
            connection.execute(delete(Token).where(token.name == user.name, token.role.in_(more)))

    def tokens(self, name: str | None = None) -> tuple[TokenEntry, ...]:
        """List the tokens of a user, or of all, by name and expiry."""
        token = _columns(Token)
        asked = select(token.digest, token.name, token.role, token.expires_epoch_s)
        if name is not None:
            asked = asked.where(token.name == name)
        with self._transaction() as connection:
            found = connection.execute(asked.order_by(token.name, token.expires_epoch_s))
            return tuple(
                TokenEntry(id=_id_of(row.digest), name=row.name, role=row.role, expires_epoch_s=row.expires_epoch_s)
                for row in found
            )

    def revoke(self, entry: TokenEntry, *, by: AccessEvent) -> None:
        """Revoke a token.

        Raises:
            CommandError: the token does not exist any more.
        """
        token = _columns(Token)
        with self._change(by) as connection:
            digests = connection.execute(select(token.digest).where(token.name == entry.name)).scalars()
            wanted = [bytes(digest) for digest in digests if _id_of(digest) == entry.id]
            if not wanted:
                raise CommandError(f"there is no token {entry.id}: `mara user token list` names them")
            connection.execute(delete(Token).where(token.digest.in_(wanted)))

    def all(self) -> tuple[User, ...]:
        """List all users by name."""
        with self._transaction() as connection:
            found = connection.execute(select(_USER.name, _USER.role).order_by(_USER.name))
            return tuple(User(name=row.name, role=row.role) for row in found)

    def credentials(self, name: str) -> tuple[User, str] | None:
        """Find a user with the password's hash."""
        with self._transaction() as connection:
            row = connection.execute(select(_USER.role, _USER.password_hash).where(_USER.name == name)).one_or_none()
        return None if row is None else (User(name=name, role=row.role), row.password_hash)

    def issue(
        self, kind: type[Token] | type[Session], digest: bytes, user: User, *, until: int, by: AccessEvent
    ) -> None:
        """Issue a token or session, and delete expired ones.

        Args:
            digest: digest of the secret that its bearer presents.
            user: the user and role that its bearer acts as.
            until: expiry [epoch s].

        Raises:
            CommandError: there is no such user, or not in that role or a higher one.
        """
        table = _columns(kind)
        with self._change(by) as connection:
            stored = _user_in(connection, user.name)
            if stored is None:
                raise CommandError(f"there is no user {user.name}: `mara user list` names them")
            if _RANKED.index(user.role) > _RANKED.index(stored.role):
                raise CommandError(f"{user.name} is {stored.role}: a token for {user.role} would be more than that")
            connection.execute(delete(kind).where(table.expires_epoch_s <= by.at_epoch_s))
            values = {"digest": digest, "name": user.name, "role": user.role, "expires_epoch_s": until}
            connection.execute(insert(kind).values(**values))

    def bearer(self, kind: type[Token] | type[Session], digest: bytes, now_epoch_s: int) -> User | None:
        """Find the bearer of an unexpired token or session; None if there is none.

        The bearer has the user's present role, but with a token none above the token's.
        """
        table = _columns(kind)
        roles = (table.role.label("credential_role"), _USER.role.label("user_role"))
        asked = select(table.name, *roles).where(
            table.name == _USER.name, table.digest == digest, table.expires_epoch_s > now_epoch_s
        )
        with self._transaction() as connection:
            row = connection.execute(asked).one_or_none()
        if row is None:
            return None
        lower = min(row.credential_role, row.user_role, key=_RANKED.index)
        return User(name=row.name, role=lower if kind is Token else row.user_role)

    def end(self, kind: type[Token] | type[Session], digest: bytes, *, by: AccessEvent) -> None:
        """Delete a token or session."""
        with self._change(by) as connection:
            connection.execute(delete(kind).where(_columns(kind).digest == digest))

    def note(self, event: AccessEvent) -> None:
        """Write a line of the log that changes nothing else, such as a refused login."""
        with self._transaction() as connection:
            _write_line(connection, event, None)

    def access_events(self, limit: int = MAX_LOG_READ) -> tuple[AccessEvent, ...]:
        """List the newest lines of the log, newest first."""
        asked = select(_ENTRY.at_epoch_s, _ENTRY.actor, _ENTRY.address, _ENTRY.action)
        newest = asked.order_by(_ENTRY.number.desc()).limit(min(limit, MAX_LOG_READ))
        with self._transaction() as connection:
            return tuple(AccessEvent(**row) for row in connection.execute(newest).mappings())

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        with self._one_at_a_time, self._database.answering("users"), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def _change(self, by: AccessEvent) -> Iterator[Connection]:
        """Open a transaction that ends with a line of the log."""
        with self._transaction() as connection:
            before = access_log.row_digests(connection)
            yield connection
            _write_line(connection, by, access_log.changes_text(before, access_log.row_digests(connection)))


def _write_line(connection: Connection, by: AccessEvent, changes: str | None) -> None:
    """Write the next line of the log, in the transaction that it describes."""
    if connection.dialect.name == "postgresql":  # in SQLite the transaction has begun with the write lock
        connection.exec_driver_sql("LOCK TABLE access_log IN EXCLUSIVE MODE")
    last = connection.execute(
        select(_ENTRY.number, _ENTRY.entry_hash).order_by(_ENTRY.number.desc()).limit(1)
    ).one_or_none()
    number, previous = (0, b"") if last is None else (int(last.number) + 1, bytes(last.entry_hash))
    line = {
        "number": number,
        "at_epoch_s": by.at_epoch_s,
        "actor": by.actor,
        "address": by.address,
        "action": by.action,
    }
    hashes = {"previous_hash": previous, "entry_hash": access_log.line_hash(previous, tuple(line.values()), changes)}
    connection.execute(insert(AccessEntry).values(**line, **hashes, changes=changes))


def _require(changed: CursorResult[Any], name: str) -> None:
    if not changed.rowcount:
        raise CommandError(f"there is no user {name}: `mara user list` names them")


def _id_of(digest: bytes) -> str:
    """The name of a token: the beginning of its digest."""
    return bytes(digest).hex()[:ID_LENGTH]


def _user_in(connection: Connection, name: str) -> User | None:
    role = connection.execute(select(_USER.role).where(_USER.name == name)).scalar_one_or_none()
    return None if role is None else User(name=name, role=role)


def _columns(kind: type[Token] | type[Session]) -> Any:
    return table_of(kind).c


_USER: Final = table_of(UserRow).c
_ENTRY: Final = table_of(AccessEntry).c
