"""The declaration of a provider: what is asked for, how often, and how it answers."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Final

from mara.errors import ConfigError
from mara.feeds.markets.declaration import Layout, Quantity

Place = str | float | date | datetime
"""Value of a placeholder in an address."""
PLACES: Final = ("point", "lat", "lon", "begin", "end", "day")
"""Names of the placeholders, written as `{point}` or `{begin:%Y-%m-%d}`."""
_PLACE: Final = re.compile(r"\{(?P<name>[a-z]+)(?::(?P<form>[^{}]*))?\}")


class Pass(StrEnum):
    """The way in which a provider is given a key."""

    HEADER = "header"
    QUERY = "query"
    BASIC_LOGIN = "basic-login"
    FORM_LOGIN = "form-login"
    CLIENT_LOGIN = "client-login"


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Way in which a provider recognises its users.

    Attributes:
        name: header or query parameter that carries the key.
        login: address that gives a token for a user and a password.
        token: field of its answer that holds the token.
        lasts_s: longest time for which a token is used; shorter where its answer says so.
        form: further fields of the login form.
        second_name: header of a further key, the third part of `user:password:key`.
    """

    by: Pass
    name: str = ""
    login: str = ""
    token: str = ""
    lasts_s: float = 1_500.0
    form: tuple[tuple[str, str], ...] = ()
    second_name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """A publisher's interface, and the layouts that its answers are in.

    Attributes:
        id: public name, as a SPEC has it.
        base: address of the interface, which `url` of a source replaces.
        path: what follows it; like `query` and `body` it may have placeholders.
        body: JSON that is posted; empty for a GET.
        file_name: name that the answer would have as a file.
        back_days, ahead_days: days around the present that `begin` and `end` stand for.
        zone: whose midnights `begin`, `end` and `day` are.
        days: days from today on that are asked for one by one, as `day`; empty for one request.
        every_minutes: pace of asking.
        apart_s: least time between two requests to the provider.
        late_after_minutes: usual time from the end of a value to the next; later it is stale.
        access: None where no key is needed.
        is_told_by_events: values come with the events of a VTN, nobody else is asked.
        document: address of the publisher's description.
    """

    id: str
    publisher: str
    base: str
    path: str
    quantity: Quantity
    layouts: tuple[Layout, ...]
    query: tuple[tuple[str, str], ...] = ()
    body: str = ""
    file_name: str = "answer.json"
    back_days: int = 1
    ahead_days: int = 2
    zone: str = "UTC"
    days: tuple[int, ...] = ()
    every_minutes: float = 15.0
    apart_s: float = 2.0
    late_after_minutes: float = 90.0
    access: Access | None = None
    is_told_by_events: bool = False
    document: str = ""


def filled(text: str, places: Mapping[str, Place]) -> str:
    """Replace the placeholders of an address.

    Raises:
        ConfigError: a placeholder is unknown.
    """

    def one(found: re.Match[str]) -> str:
        name, form = found["name"], found["form"]
        if name not in places:
            raise ConfigError(f"{{{name}}} should be one of {', '.join(PLACES)}: correct the address {text!r}")
        value = places[name]
        return value.strftime(form or "%Y-%m-%d") if isinstance(value, date) else str(value)

    return _PLACE.sub(one, text)
