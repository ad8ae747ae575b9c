"""Outlets of dispatch documents, and executors of real sites, from settings."""

import os
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from tempfile import gettempdir
from typing import Final

from mara.errors import ConfigError
from mara.runtime.signals.executor_desk import ExecutorSetup
from mara.settings import Settings
from mara.signals.broker import broker_of
from mara.signals.outlets.document_file import DocumentFile
from mara.signals.outlets.mailbox import Mailboxes, Outlet
from mara.signals.outlets.mqtt import MqttOutlet
from mara.signals.outlets.signed_webhook import SignedWebhook
from mara.store.backends.database import database_of
from mara.store.backends.sqlite_file import SqliteFile

LEAST_SECRET_LENGTH: Final = 16
"""Fewest characters of a secret that signs: shorter ones can be guessed."""


def outlets_of(settings: Settings, now: Callable[[], datetime]) -> Mailboxes:
    """Choose the destinations of dispatch documents; nothing is opened yet.

    Raises:
        ConfigError: a destination cannot be used.
    """
    makers: list[Callable[[], Outlet]] = []
    if settings.dispatch_file is not None:
        makers.append(partial(DocumentFile, _writable(settings.dispatch_file)))
    if settings.dispatch_webhook is not None:
        makers.append(partial(SignedWebhook, settings.dispatch_webhook, _signing_secret(settings), now))
    if settings.dispatch_mqtt is not None:
        makers.append(partial(MqttOutlet, broker_of(settings.dispatch_mqtt, "MARA_DISPATCH_MQTT")))
    return Mailboxes(tuple(makers))


def executor_setup_of(settings: Settings) -> ExecutorSetup | None:
    """Gather what executors need; None where no executors file is set.

    Raises:
        ConfigError: the database URL cannot be used.
    """
    if settings.executors is None:
        return None
    database = database_of(settings.database_url)
    beside = database.path if isinstance(database, SqliteFile) else Path("mara")
    return ExecutorSetup(
        specs=settings.executors,
        secret=settings.dispatch_secret.get_secret_value() if settings.dispatch_secret is not None else "",
        holds=beside.with_name(f"{beside.name}.holds").absolute(),
        locks=Path(gettempdir()) / f"mara-executors-{os.getuid()}",
    )


def _writable(path: Path) -> Path:
    if path.is_dir() or not path.parent.is_dir():
        raise ConfigError(
            f"MARA_DISPATCH_FILE should be a file in a folder that is there, came {path}: make the folder"
        )
    return path


def _signing_secret(settings: Settings) -> str:
    secret = settings.dispatch_secret.get_secret_value() if settings.dispatch_secret is not None else ""
    if len(secret) < LEAST_SECRET_LENGTH:
        raise ConfigError(
            f"MARA_DISPATCH_WEBHOOK needs MARA_DISPATCH_SECRET with at least {LEAST_SECRET_LENGTH} characters, by which"
            f" its receiver knows the sender, {len(secret)} came: set one that both know"
        )
    return secret
