"""Dispatch documents for tests, of the first ticks of a small run."""

from functools import cache

from mara.core.dispatch_document import DispatchDocument, Mode, document_of
from mara.core.world import first_world
from tests.store.runs import small_charter, steps

RUN = "r-1"


@cache
def document_at(tick: int, *modes: tuple[str, Mode]) -> DispatchDocument:
    """Make the document of a tick of the small run, with sites in the given modes."""
    config = small_charter()
    *_, (step, plan, _) = steps(config, first_world(config), tick + 1)
    return document_of(step, plan, config, RUN, dict(modes))
