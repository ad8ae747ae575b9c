"""Who may log in: users, their API tokens and sessions, and a chained log of who came, who was refused, who was made.

Beside the ticks and not under the writer's lock: `mara user add` works while the engine runs. Secrets are never kept:
passwords as argon2id, tokens and sessions as digests.
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
from mara.store.schema.tables import BY_ROWID, Row, binary, key, whole, words

ID_LENGTH: Final = 12
"""Letters of a digest that name a token: 48 bits."""
MAX_LOG_READ: Final = 1_000
ROLES: Final = ("viewer", "operator", "admin")
"""Each may what those before it may: look; order, book and steer; everything."""


class UserRow(Row, table=True):
    """Somebody who may log in."""

    __tablename__ = "users"
    __table_args__ = BY_ROWID
    name: str = Field(primary_key=True, sa_type=Text)
    role: str = words()
    password_hash: str = words()


class Credential(Row):
    """What lets somebody in who brings the text that `digest` is of; it goes with its user."""

    digest: bytes = Field(primary_key=True, sa_type=LargeBinary)
    name: str = Field(sa_type=Text, foreign_key="users.name", ondelete="CASCADE")
    role: str = words()
    expires_epoch_s: int = whole()


class Token(Credential, table=True):
    """A bearer token of the API."""

    __tablename__ = "tokens"
    __table_args__ = BY_ROWID


class Session(Credential, table=True):
    """A browser that has logged in."""

    __tablename__ = "sessions"
    __table_args__ = BY_ROWID


class AccessEntry(Row, table=True):
    """A line of the log: append-only, each with the hash of the one before.

    `changes` is what became of users, tokens and sessions, see `mara.store.access.access_log`; null where nothing did.
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
    """A user as others may see one."""

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
class Issue:
    """A token as others may see one.

    Attributes:
        id: the beginning of its digest: names it, and lets nobody in.
    """

    id: str
    name: str
    role: str
    expires_epoch_s: int


class UserStore:
    """Users, tokens and sessions of a database; every call is one short transaction, from any thread.

    Raises, from every method: StoreError, the disk refused and nothing was stored.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._engine = database.editor()
        self._one_at_a_time = RLock()

    @classmethod
    def open(cls, url: str) -> Self:
        """Of the database at `url`, which `upkeep.make_ready` has seen to.

        Raises:
            ConfigError: not the URL of a database.
        """
        return cls(database_of(url))

    def close(self) -> None:
        """Let go of the connection; harmless when repeated."""
        self._engine.dispose()

    def add(self, person: User, password_hash: str, *, by: AccessEvent) -> None:
        """Make a user.

        Raises:
            CommandError: there is one of that name.
        """
        with self._change(by) as connection:
            if _person_in(connection, person.name) is not None:
                raise CommandError(f"there is a user {person.name} already: choose another name, or remove that one")
            values = {"name": person.name, "role": person.role, "password_hash": password_hash}
            connection.execute(insert(UserRow).values(**values))

    def remove(self, name: str, *, by: AccessEvent) -> None:
        """Remove a user, with all tokens and sessions.

        Raises:
            CommandError: there is none of that name.
        """
        with self._change(by) as connection:
            _require(connection.execute(delete(UserRow).where(_USER.name == name)), name)

    def set_password(self, name: str, password_hash: str, *, by: AccessEvent) -> None:
        """Give a user another password; all their sessions end, tokens stay.

        Raises:
            CommandError: there is none of that name.
        """
        with self._change(by) as connection:
            _require(
                connection.execute(update(UserRow).where(_USER.name == name).values(password_hash=password_hash)), name
            )
            connection.execute(delete(Session).where(_columns(Session).name == name))

    def set_role(self, person: User, *, by: AccessEvent) -> None:
        """Give a user another role; all their sessions end, and tokens that are for more than it.

        Raises:
            CommandError: there is none of that name.
        """
        more = ROLES[ROLES.index(person.role) + 1 :]
        token = _columns(Token)
        with self._change(by) as connection:
            _require(
                connection.execute(update(UserRow).where(_USER.name == person.name).values(role=person.role)),
                person.name,
            )
            connection.execute(delete(Session).where(_columns(Session).name == person.name))
            connection.execute(delete(Token).where(token.name == person.name, token.role.in_(more)))

    def tokens(self, name: str | None = None) -> tuple[Issue, ...]:
        """Tokens of a user, or of all, by name and end."""
        token = _columns(Token)
        asked = select(token.digest, token.name, token.role, token.expires_epoch_s)
        if name is not None:
            asked = asked.where(token.name == name)
        with self._transaction() as connection:
            found = connection.execute(asked.order_by(token.name, token.expires_epoch_s))
            return tuple(
                Issue(id=bytes(digest).hex()[:ID_LENGTH], name=whose, role=role, expires_epoch_s=until)
                for digest, whose, role, until in found
            )

    def revoke(self, issue: Issue, *, by: AccessEvent) -> None:
        """Take a token back.

        Raises:
            CommandError: it is gone already.
        """
        token = _columns(Token)
        with self._change(by) as connection:
            digests = [
                bytes(row[0]) for row in connection.execute(select(token.digest).where(token.name == issue.name))
            ]
            wanted = [digest for digest in digests if digest.hex()[:ID_LENGTH] == issue.id]
            if not wanted:
                raise CommandError(f"there is no token {issue.id}: `mara user token list` names them")
            connection.execute(delete(Token).where(token.digest.in_(wanted)))

    def all(self) -> tuple[User, ...]:
        """Every user by name."""
        with self._transaction() as connection:
            found = connection.execute(select(_USER.name, _USER.role).order_by(_USER.name))
            return tuple(User(name=name, role=role) for name, role in found)

    def credentials(self, name: str) -> tuple[User, str] | None:
        """A user and the password's hash."""
        with self._transaction() as connection:
            row = connection.execute(select(_USER.role, _USER.password_hash).where(_USER.name == name)).one_or_none()
        return None if row is None else (User(name=name, role=row[0]), row[1])

    def issue(
        self, kind: type[Token] | type[Session], digest: bytes, person: User, *, until: int, by: AccessEvent
    ) -> None:
        """Let the bearer of what `digest` is of act as `person` up to an epoch second; expired ones are swept out.

        Raises:
            CommandError: there is no such user, or not in that role or a higher one.
        """
        table = _columns(kind)
        with self._change(by) as connection:
            stored = _person_in(connection, person.name)
            if stored is None:
                raise CommandError(f"there is no user {person.name}: `mara user list` names them")
            if ROLES.index(person.role) > ROLES.index(stored.role):
                raise CommandError(f"{person.name} is {stored.role}: a token for {person.role} would be more than that")
            connection.execute(delete(kind).where(table.expires_epoch_s <= by.at_epoch_s))
            values = {"digest": digest, "name": person.name, "role": person.role, "expires_epoch_s": until}
            connection.execute(insert(kind).values(**values))

    def bearer(self, kind: type[Token] | type[Session], digest: bytes, now_epoch_s: int) -> User | None:
        """Who holds what `digest` is of, while it has not expired: in the role that the user has now, and a token's
        bearer in no higher one than the token's.
        """
        table = _columns(kind)
        asked = select(table.name, table.role, _USER.role).where(
            table.name == _USER.name, table.digest == digest, table.expires_epoch_s > now_epoch_s
        )
        with self._transaction() as connection:
            row = connection.execute(asked).one_or_none()
        if row is None:
            return None
        name, issued, present = row
        return User(name=name, role=min(issued, present, key=ROLES.index) if kind is Token else present)

    def end(self, kind: type[Token] | type[Session], digest: bytes, *, by: AccessEvent) -> None:
        """Take back a token or session."""
        with self._change(by) as connection:
            connection.execute(delete(kind).where(_columns(kind).digest == digest))

    def note(self, visit: AccessEvent) -> None:
        """Write a line of the log alone, such as a refused login."""
        with self._transaction() as connection:
            _write_line(connection, visit, None)

    def visits(self, limit: int = MAX_LOG_READ) -> tuple[AccessEvent, ...]:
        """The newest lines of the log, the newest first."""
        asked = select(_ENTRY.at_epoch_s, _ENTRY.actor, _ENTRY.address, _ENTRY.action)
        with self._transaction() as connection:
            found = connection.execute(asked.order_by(_ENTRY.number.desc()).limit(min(limit, MAX_LOG_READ)))
            return tuple(
                AccessEvent(at_epoch_s=at, actor=who, address=where, action=what) for at, who, where, what in found
            )

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        with self._one_at_a_time, self._database.answering("users"), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def _change(self, by: AccessEvent) -> Iterator[Connection]:
        """A transaction that ends with a line of the log: both are stored, or neither."""
        with self._transaction() as connection:
            before = access_log.standing(connection)
            yield connection
            _write_line(connection, by, access_log.changes_text(before, access_log.standing(connection)))


def _write_line(connection: Connection, by: AccessEvent, changes: str | None) -> None:
    """The next line of the log, in the transaction of what it tells of."""
    if connection.dialect.name == "postgresql":  # a file takes its write lock when the transaction begins
        connection.exec_driver_sql("LOCK TABLE access_log IN EXCLUSIVE MODE")
    last = connection.execute(
        select(_ENTRY.number, _ENTRY.entry_hash).order_by(_ENTRY.number.desc()).limit(1)
    ).one_or_none()
    number, previous = (0, b"") if last is None else (int(last[0]) + 1, bytes(last[1]))
    line = (number, by.at_epoch_s, by.actor, by.address, by.action)
    hashes = {"previous_hash": previous, "entry_hash": access_log.line_hash(previous, line, changes)}
    names = ("number", "at_epoch_s", "actor", "address", "action")
    connection.execute(insert(AccessEntry).values(**dict(zip(names, line, strict=True)), **hashes, changes=changes))


def _require(changed: CursorResult[Any], name: str) -> None:
    if not changed.rowcount:
        raise CommandError(f"there is no user {name}: `mara user list` names them")


def _person_in(connection: Connection, name: str) -> User | None:
    role = connection.execute(select(_USER.role).where(_USER.name == name)).scalar_one_or_none()
    return None if role is None else User(name=name, role=role)


def _columns(kind: type[Token] | type[Session]) -> Any:
    return kind.__table__.c  # type: ignore[union-attr]  # SQLModel hides it


_USER: Final = UserRow.__table__.c  # type: ignore[attr-defined]  # SQLModel hides it
_ENTRY: Final = AccessEntry.__table__.c  # type: ignore[attr-defined]
