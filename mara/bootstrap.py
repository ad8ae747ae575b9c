"""Construction of the live platform from its parts, as the settings say.

This is the only module that imports all parts.
"""

from contextlib import suppress
from pathlib import Path
from typing import Final

from mara.assembly.imports.desk import ImportDesk
from mara.assembly.imports.folder import BYTES_PER_MB, ImportFolder
from mara.assembly.listening import Listening
from mara.assembly.runs import open_run, outside_of, planner_of, reload_run
from mara.assembly.signals import executor_setup_of, outlets_of
from mara.errors import FeedError
from mara.optimizers.registry import refuse_unknown_optimizer
from mara.runtime.advisor.config import advisor_config_of
from mara.runtime.advisor.scheduler import AdvisorScheduler
from mara.runtime.clock import SystemClock
from mara.runtime.live.planner import Planner
from mara.runtime.live.platform import Platform
from mara.runtime.live.supervisor import RetryPolicy
from mara.runtime.observe.alert_targets import targets_of
from mara.runtime.published_state import StatePublisher
from mara.runtime.tick.engine import TickEngine
from mara.settings import Settings
from mara.store import maintenance
from mara.store.backends.database import database_of
from mara.store.backends.sqlite_file import SqliteFile
from mara.store.store import Store

IMPORTS: Final = "imports"
"""Name of the import folder beside the database's file."""


def platform_of(settings: Settings, retry: RetryPolicy | None = None) -> Platform:
    """Build the live platform; nothing is opened before it is started.

    Raises:
        ConfigError: there is no such optimizer, or alerts cannot be sent to one of their targets.
    """
    refuse_unknown_optimizer(settings.optimizer)
    clock, config = SystemClock(), advisor_config_of(settings)
    advisor = AdvisorScheduler(config, clock)

    def planned(engine: TickEngine) -> tuple[TickEngine, Planner]:
        with suppress(FeedError):  # drawn in advance, for it takes long; a failure is reported with the first tick
            engine.read_feed()
        return engine, planner_of(settings, engine, advisor if config.client is not None else None, clock)

    listening = Listening(settings, clock) if settings.is_live else None

    def start() -> tuple[Store, TickEngine, Planner]:
        if listening is None:
            store, engine = open_run(settings, settings.plan_deadline_s)
            return (store, *planned(engine))
        listening.open()
        try:
            store, engine = open_run(settings, settings.plan_deadline_s, listening.memory)
        except BaseException:
            listening.close()
            raise
        return (store, *planned(engine))

    def reload(store: Store) -> tuple[TickEngine, Planner]:
        return planned(reload_run(settings, store, None if listening is None else listening.memory))

    return Platform(
        start,
        StatePublisher(),
        clock,
        settings.pace,
        advisor,
        reload,
        retry=retry,
        outlets=outlets_of(settings, clock.now),
        executors=executor_setup_of(settings),
        meters=settings.meters,
        listener=listening,
        look_back=lambda: outside_of(settings, only_looks=True).feed,
        targets=targets_of(settings.alert_addresses),
    )


def set_aside(settings: Settings) -> str | None:
    """Rename the stored run's database, and create an empty one in its place.

    Returns the new path of the old one; None where nothing was stored.

    Raises:
        StoreRefused: another process writes the database, or it cannot be renamed.
    """
    return maintenance.init(settings.database_url, force=True)


def import_desk_of(settings: Settings) -> ImportDesk:
    """Build the desk for market files, in the folder that the settings name.

    Raises:
        ConfigError: not the URL of a database.
    """
    database = database_file_of(settings)
    beside = None if database is None else database.parent / IMPORTS
    root = settings.import_folder or beside
    folder = ImportFolder(
        root=None if root is None else root.resolve(), most_bytes=settings.import_max_mb * BYTES_PER_MB
    )
    return ImportDesk(folder, SystemClock())


def database_file_of(settings: Settings) -> Path | None:
    """Return the path of the run's database file; None for a database on a server.

    Raises:
        ConfigError: the setting is not the URL of a database.
    """
    database = database_of(settings.database_url)
    return database.path if isinstance(database, SqliteFile) else None
