"""Users of a run, opened from settings."""

from mara.settings import Settings
from mara.store import maintenance
from mara.store.access.users import UserStore


def people_of(settings: Settings) -> UserStore:
    """Open the users of the run's database.

    The database is created or upgraded first if needed.

    Raises:
        ConfigError, StoreError: the database cannot be used.
    """
    maintenance.make_ready(settings.database_url)
    return UserStore.open(settings.database_url)
