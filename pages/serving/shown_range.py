"""Time range that the address of a page asks for."""

from typing import Final

from nicegui import Client

from components.time_range.chart_range import ChartRange, range_of
from mara.errors import CommandError

BAD_REQUEST: Final = 400


def shown_range(client: Client) -> tuple[ChartRange, str]:
    """Return the range that a page's address asks for, or the newest day and why not."""
    try:
        return range_of(client.request.query_params), ""
    except CommandError as refusal:
        client.status_code = BAD_REQUEST
        reason = str(refusal)
        return ChartRange(), reason[:1].upper() + reason[1:]
