"""Requests to providers over HTTP: limited in time and size, and never redirected.

Keys are put in when a request is sent. No message, log line or record of a request holds one.
"""

import base64
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import quote
from zoneinfo import ZoneInfo

import httpx

import mara
from mara.errors import ConfigError
from mara.feeds.live.declaration import Access, Pass, Place, Provider, filled
from mara.feeds.live.sources import LiveSource

CONNECT_TIMEOUT_S: Final = 10.0
READ_TIMEOUT_S: Final = 20.0
MOST_TIME_S: Final = 60.0
"""Longest time for a whole answer; one that trickles would hold others up."""
MOST_BYTES: Final = 25_000_000
MOST_SHOWN: Final = 120
"""Characters of an answer that a message repeats."""
LEAST_SECRET: Final = 4
"""Characters from which on a part of a key is looked for in answers."""
NOT_FOUND: Final = 404
EXPIRES: Final = "expires_in"
"""Field of a login's answer that says how long its token lasts [s]."""

# its lines at INFO repeat whole addresses, and with them keys that are passed in a query
logging.getLogger("httpx").setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One request, without its key.

    Attributes:
        may_be_missing: no answer is expected yet, as for a day whose auction is still to come.
        method: of HTTP; empty for GET, or POST where there is a body.
    """

    url: str
    query: tuple[tuple[str, str], ...]
    body: str
    file_name: str
    may_be_missing: bool = False
    method: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The answer to a request, or the reason why there is none.

    Attributes:
        content: None where there is no answer.
        wait_s: time for which the provider said not to ask again; 0 where it said nothing.
    """

    content: bytes | None = None
    reason: str = ""
    wait_s: float = 0.0
    status: int = 0


def asks_of(source: LiveSource, at_s: float) -> tuple[Ask, ...]:
    """Build the requests of a source at an instant [UTC seconds].

    Raises:
        ConfigError: an address has an unknown placeholder.
    """
    provider = source.provider
    zone = UTC if provider.zone.startswith("UTC") else ZoneInfo(provider.zone)
    today = datetime.fromtimestamp(at_s, zone).replace(hour=0, minute=0, second=0, microsecond=0)
    begin, end = (today + timedelta(days=days) for days in (-provider.back_days, provider.ahead_days))
    in_utc = provider.zone == "UTC" or "%H%M" in json.dumps(provider.query)
    places: dict[str, Place] = {
        "point": source.table.point,
        "lat": source.lat_deg,
        "lon": source.lon_deg,
        "begin": begin.astimezone(UTC) if in_utc else begin,
        "end": end.astimezone(UTC) if in_utc else end,
        "day": today.date(),
    }
    return tuple(
        _ask(provider, {**places, "day": (today + timedelta(days=days)).date()}, may_be_missing=days > 0)
        for days in provider.days or (0,)
    )


def _ask(provider: Provider, places: Mapping[str, Place], *, may_be_missing: bool) -> Ask:
    return Ask(
        url=filled(provider.base + provider.path, places),
        query=tuple((name, filled(value, places)) for name, value in provider.query),
        body=provider.body,
        file_name=filled(provider.file_name, places),
        may_be_missing=may_be_missing,
    )


def keys_of(text: str) -> dict[str, str]:
    """Read the keys of providers: `provider=key`, with commas between them.

    Raises:
        ConfigError: a part has no `=`; the message repeats none of it.
    """
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if any("=" not in part for part in parts):
        raise ConfigError("MARA_FEED_KEYS should be provider=key, with commas between several: correct it")
    return {name.strip(): key.strip() for name, _, key in (part.partition("=") for part in parts)}


@dataclass(slots=True, kw_only=True)
class Asker:
    """Sends requests, and keeps the tokens of providers that want a login.

    Attributes:
        keys: keys by public name of the provider.
        passed_s: seconds that have passed since any instant, to limit an answer's time.
    """

    keys: Mapping[str, str]
    passed_s: Callable[[], float]
    transport: httpx.BaseTransport | None = None
    _client: httpx.Client | None = None
    _tokens: dict[str, tuple[float, str]] = field(default_factory=dict)

    def ask(self, provider: Provider, ask: Ask) -> Answer:
        """Send one request."""
        headers: dict[str, str] = {"accept": "*/*"}
        query = list(ask.query)
        if provider.access is not None:
            refusal = self._let_in(provider, provider.access, headers, query)
            if refusal is not None:
                return refusal
        if ask.body:
            headers["content-type"] = "application/json"
        method = ask.method or ("POST" if ask.body else "GET")
        answer = self._sent(method, ask.url, headers, query, ask.body.encode())
        if answer.status in {401, 403}:
            self._tokens.pop(provider.id, None)
        return answer

    def is_repeated_in(self, content: bytes) -> bool:
        """Tell whether an answer repeats a key or a token, and may not be quoted."""
        given = [part for key in self.keys.values() for part in (key, *key.split(":")[1:], key.partition(":")[2])]
        secrets = {one for one in (*given, *(token for _, token in self._tokens.values())) if len(one) >= LEAST_SECRET}
        return any(form.encode() in content for one in secrets for form in (one, quote(one, safe="")))

    def close(self) -> None:
        """Close the connections; harmless when repeated."""
        if self._client is not None:
            self._client.close()
        self._client = None

    def _let_in(
        self, provider: Provider, access: Access, headers: dict[str, str], query: list[tuple[str, str]]
    ) -> Answer | None:
        """Put a provider's key into a request; return the reason where there is none."""
        key = self.keys.get(provider.id, "")
        if not key:
            return Answer(reason=f"{provider.id} needs a key, there is none: add {provider.id}=… to MARA_FEED_KEYS")
        if access.by is Pass.HEADER:
            headers[access.name] = key
        elif access.by is Pass.QUERY:
            query.append((access.name, key))
        else:
            token = self._token(provider, access, key)
            if isinstance(token, Answer):
                return token
            headers["authorization"] = f"Bearer {token}"
            if access.second_name:
                headers[access.second_name] = key.rpartition(":")[2]
        return None

    def _token(self, provider: Provider, access: Access, key: str) -> str | Answer:
        until_s, token = self._tokens.get(provider.id, (0.0, ""))
        if token and self.passed_s() < until_s:
            return token
        user, _, rest = key.partition(":")
        password = rest.rpartition(":")[0] if access.second_name else rest
        if not user or not password:
            parts = "user:password" + (":key" if access.second_name else "")
            return Answer(reason=f"{provider.id} should have {parts} in MARA_FEED_KEYS: correct it")
        if access.by is Pass.BASIC_LOGIN:
            basic = base64.b64encode(f"{user}:{password}".encode()).decode()
            answer = self._sent("GET", access.login, {"authorization": f"Basic {basic}"}, [], b"")
        else:
            names = ("client_id", "client_secret") if access.by is Pass.CLIENT_LOGIN else ("username", "password")
            form = str(httpx.QueryParams([*access.form, *zip(names, (user, password), strict=True)]))
            headers = {"content-type": "application/x-www-form-urlencoded"}
            answer = self._sent("POST", access.login, headers, [], form.encode())
        if answer.content is None:
            return Answer(reason=f"the login of {provider.id} failed: {answer.reason}", wait_s=answer.wait_s)
        given, lasts = _field_of(answer.content, access.token), _field_of(answer.content, EXPIRES)
        if not isinstance(given, str) or not given:
            return Answer(reason=f"the login of {provider.id} should give {access.token}, gave none: check the key")
        told_s = float(lasts) if isinstance(lasts, int | float) and access.by is Pass.CLIENT_LOGIN else access.lasts_s
        self._tokens[provider.id] = (self.passed_s() + min(told_s, access.lasts_s), given)
        return given

    def _sent(
        self, method: str, url: str, headers: dict[str, str], query: list[tuple[str, str]], body: bytes
    ) -> Answer:
        if self._client is None:
            timeout = httpx.Timeout(READ_TIMEOUT_S, connect=CONNECT_TIMEOUT_S)
            agent = {"user-agent": f"mara/{mara.__version__}"}
            self._client = httpx.Client(
                timeout=timeout, headers=agent, transport=self.transport, follow_redirects=False
            )
        began_s = self.passed_s()
        try:
            with self._client.stream(
                method, url, params=httpx.QueryParams(tuple(query)) if query else None, headers=headers, content=body
            ) as response:
                content = b""
                for piece in response.iter_bytes():
                    content += piece
                    if len(content) > MOST_BYTES:
                        return Answer(reason=f"the answer should have at most {MOST_BYTES:,} bytes, has more")
                    if self.passed_s() - began_s > MOST_TIME_S:
                        return Answer(reason=f"the answer should come within {MOST_TIME_S:g} s, did not")
                return _judged(response, content, is_shown=not self.is_repeated_in(content))
        except httpx.TimeoutException:
            return Answer(reason=f"no answer within {READ_TIMEOUT_S:g} s")
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            return Answer(reason=f"no connection ({type(error).__name__})")


def _judged(response: httpx.Response, content: bytes, *, is_shown: bool) -> Answer:
    """Judge an answer by its status alone; what it holds is read later.

    Args:
        is_shown: whether the reason of a refusal may repeat what came.
    """
    if response.is_success and content:
        return Answer(content=content, status=response.status_code)
    if response.is_success:
        return Answer(reason="the answer is empty", status=response.status_code)
    wait_s = _wait_s(response.headers.get("retry-after", ""), response.headers.get("date", ""))
    said = " ".join(content[:2_000].decode("utf-8", errors="replace").split())[:MOST_SHOWN]
    reason = f"HTTP {response.status_code}" + (f", asked to wait {wait_s:g} s" if wait_s else "")
    # a refusal may repeat the key that came with the request, or a part of it
    is_told = is_shown and response.status_code not in {401, 403} and said and not said.startswith("<")
    shown = f" ({said})" if is_told else ""
    return Answer(reason=reason + shown, wait_s=wait_s, status=response.status_code)


def _wait_s(retry_after: str, now: str) -> float:
    """Read the header `Retry-After`: seconds, or an instant."""
    if retry_after.strip().isdigit():
        return float(retry_after)
    try:
        return max((parsedate_to_datetime(retry_after) - parsedate_to_datetime(now)).total_seconds(), 0.0)
    except (ValueError, TypeError):
        return 0.0


def _field_of(content: bytes, name: str) -> object:
    try:
        document = json.loads(content)
    except ValueError:
        return None
    return document.get(name) if isinstance(document, dict) else None
