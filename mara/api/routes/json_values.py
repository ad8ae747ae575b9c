"""JSON of the core's plain values, for the API, the command line and the tools."""

from dataclasses import asdict
from datetime import datetime
from math import isfinite
from typing import Any

from mara.core.quote import Quote


def plain_of(quote: Quote) -> dict[str, Any]:
    """Convert a quote to JSON values, with the derived `is_offered` and `bad_ticks`."""
    plain = json_value(asdict(quote))
    assert isinstance(plain, dict)
    if quote.risk is not None:
        plain["risk"]["bad_ticks"] = quote.risk.bad_ticks
    return {**plain, "is_offered": not quote.refusal}


def json_value(value: Any) -> Any:
    """Convert a plain value to one of JSON's.

    Times become ISO 8601 texts, tuples lists, NaN and infinity null.
    """
    match value:
        case datetime():
            return value.isoformat()
        case dict():
            return {key: json_value(held) for key, held in value.items()}
        case tuple() | list():
            return [json_value(held) for held in value]
        case float() if not isfinite(value):
            return None
        case _:
            return value
