"""Maintenance that is announced by the clock takes the ticks that lie within it, and no others."""

from datetime import timedelta

import pytest

from mara.api.changes import span_of
from mara.api.inputs import MaintenanceInput
from tests.ui.snapshots import snapshot_at


@pytest.mark.parametrize(
    ("from_minutes", "to_minutes", "span"),
    [
        (10.0, 20.0, (290, 292)),
        (8.0, 20.0, (290, 292)),
        (10.0, 24.9, (290, 292)),
        (11.0, 14.0, (291, 290)),
    ],
)
def test_a_tick_is_excused_only_where_all_of_it_was_announced(
    from_minutes: float, to_minutes: float, span: tuple[int, int]
) -> None:
    snapshot = snapshot_at(288)
    assert snapshot.tick_minutes == 5
    times = {
        name: (snapshot.at + timedelta(minutes=minutes)).isoformat()
        for name, minutes in (("from", from_minutes), ("to", to_minutes))
    }
    asked = MaintenanceInput.model_validate({"action": "maintenance", "site_id": "oslo", **times})
    assert span_of(asked, snapshot) == span
