"""Registry of the providers that a live feed can ask, by public name."""

from typing import Final

from mara.errors import ConfigError
from mara.feeds.live.declaration import Provider
from mara.feeds.live.providers import americas, europe, openadr, pacific, surroundings
from mara.spelling import nearest

PROVIDERS: Final[tuple[Provider, ...]] = tuple(
    provider for part in (europe, americas, pacific, surroundings, openadr) for provider in part.PROVIDERS
)
_BY_ID: Final = {provider.id: provider for provider in PROVIDERS}


def provider_of(provider_id: str) -> Provider:
    """Look up a provider by its public name.

    Raises:
        ConfigError: no provider has this name; the message names the nearest.
    """
    found = _BY_ID.get(provider_id)
    if found is None:
        near = nearest(provider_id, tuple(_BY_ID), least_share=0.0)
        raise ConfigError(f"provider {provider_id!r} is not known, the nearest is {near}: see `mara feed providers`")
    return found


def provider_table() -> list[dict[str, object]]:
    """List the providers as plain values, for the command line and the documentation."""
    return [
        {
            "id": provider.id,
            "publisher": provider.publisher,
            "quantity": str(provider.quantity),
            "every_minutes": provider.every_minutes,
            "apart_s": provider.apart_s,
            "needs_key": provider.access is not None,
            "licence": provider.layouts[0].licence,
            "document": provider.document,
        }
        for provider in PROVIDERS
    ]
