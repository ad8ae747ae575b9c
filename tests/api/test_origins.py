"""Requests that are refused by Host and Origin, before any login is checked."""

import pytest

from mara.api.security.origins import Origins

OURS = "127.0.0.1:8080"


def server(**changes: object) -> Origins:
    fields: dict[str, object] = {
        "host": "127.0.0.1", "scheme": "http", "allowed_hosts": (), "is_open": False
    } | changes  # fmt: skip
    return Origins.of(**fields)  # type: ignore[arg-type]


def asked(kind: str = "http", method: str = "GET", *, origins: Origins | None = None, **headers: str) -> int | None:
    """Return the status that refuses the request; None when it is admitted."""
    sent = {"host": OURS} | {name.replace("_", "-"): value for name, value in headers.items()}
    raw = [(name.encode(), value.encode()) for name, value in sent.items()]
    refusal = (origins or server()).refusal(kind, method, raw)
    return None if refusal is None else refusal.status


@pytest.mark.parametrize("port", ["", ":8080", ":9000"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST", "[::1]"])
def test_a_loopback_server_goes_by_the_names_of_this_machine_at_any_port_of_a_tunnel(host: str, port: str) -> None:
    assert asked(host=host + port) is None


@pytest.mark.parametrize(
    "host", ["evil.example:8080", "mara.evil.example", "127.0.0.1.evil.example", "192.168.1.5", "[::2]", "[::1", ""]
)
@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_a_name_that_is_not_ours_is_misdirected(kind: str, host: str) -> None:
    assert asked(kind, host=host, origin=f"http://{host}") == 421


def test_two_host_headers_are_refused() -> None:
    assert server().refusal("http", "GET", [(b"host", OURS.encode()), (b"host", b"evil.example")]) is not None


def test_a_script_without_browser_headers_may_change_things_on_loopback() -> None:
    assert asked(method="POST") is None


def test_a_script_without_browser_headers_may_not_where_others_reach_the_server() -> None:
    assert asked(method="POST", origins=server(is_open=True)) == 403


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://127.0.0.1:8080", "http://127.0.0.1:80801"])
@pytest.mark.parametrize(("kind", "method"), [("http", "POST"), ("http", "DELETE"), ("websocket", "GET")])
def test_a_page_of_another_origin_may_not_act(kind: str, method: str, origin: str) -> None:
    assert asked(kind, method, origin=origin) == 403


def test_our_own_page_may_act() -> None:
    assert asked(method="POST", origin=f"http://{OURS}", sec_fetch_site="same-origin") is None
    assert asked("websocket", origin=f"http://{OURS}") is None


def test_a_form_of_ours_whose_origin_the_browser_keeps_to_itself_may_act() -> None:
    assert asked(method="POST", origin="null", sec_fetch_site="same-origin") is None
    assert asked(method="POST", origin="null", sec_fetch_site="cross-site") == 403
    assert asked("websocket", origin="null", sec_fetch_site="same-origin") == 403


def test_a_websocket_without_an_origin_is_refused_and_with_a_bearer_token_it_is_not() -> None:
    assert asked("websocket") == 403
    assert asked("websocket", authorization="Bearer mara_x") is None


def test_a_browser_that_says_the_page_is_of_another_site_is_believed_over_its_origin() -> None:
    assert asked(method="POST", origin=f"http://{OURS}", sec_fetch_site="cross-site") == 403


@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_a_page_of_the_same_site_is_not_a_page_of_ours(kind: str) -> None:
    """Another port or name of a domain is `same-site` for browsers, foreign for Mara."""
    ours = f"http://{OURS}"
    assert asked(kind, "POST", origin=ours, sec_fetch_site="same-site") == 403
    assert asked(kind, "POST", sec_fetch_site="same-site") == 403
    assert asked(kind, "POST", origin="null", sec_fetch_site="same-site") == 403
    assert asked(kind, "POST", origin="null", sec_fetch_site="none") == 403
    assert asked("http", "GET", sec_fetch_site="same-site", sec_fetch_mode="cors") == 403
    assert asked(kind, "POST", origin=ours, sec_fetch_site="same-origin") is None


def test_another_site_may_link_here_but_not_load_from_here() -> None:
    assert asked(sec_fetch_site="cross-site", sec_fetch_mode="navigate") is None
    assert asked(sec_fetch_site="cross-site", sec_fetch_mode="no-cors") == 403


def test_behind_a_proxy_the_announced_name_is_answered_over_https_only() -> None:
    origins = server(host="127.0.0.1", scheme="https", allowed_hosts=("Mara.example.org",), is_open=True)
    assert asked(origins=origins, host="mara.example.org") is None
    assert asked("websocket", origins=origins, host="mara.example.org", origin="https://mara.example.org") is None
    assert asked("websocket", origins=origins, host="mara.example.org", origin="http://mara.example.org") == 403


def test_a_server_goes_by_its_address_at_any_port() -> None:
    here = server(host="10.0.0.5", scheme="https", is_open=True)
    assert [asked(origins=here, host=host) for host in ("10.0.0.5", "10.0.0.5:8443", "10.0.0.6")] == [None, None, 421]


def test_an_allowed_name_holds_for_any_port_and_one_with_a_port_for_that_alone() -> None:
    here = server(allowed_hosts=("mara.example.org", "other.example:8443"), is_open=True)
    assert asked(origins=here, host="mara.example.org:8443") is None
    assert asked(origins=here, host="MARA.example.org") is None
    assert asked(origins=here, host="other.example:8443") is None
    assert asked(origins=here, host="other.example") == 421


def test_a_server_on_all_addresses_goes_by_those_of_its_certificate_and_by_any_number() -> None:
    here = server(
        host="0.0.0.0", scheme="https", is_open=True, certified=("mara.example.org", "*.fleet.example", "2001:db8::7")
    )
    named = ("mara.example.org:8443", "a.fleet.example", "192.168.1.5:8080", "[2001:db8::7]:8080", "[::9]")
    assert [asked(origins=here, host=host) for host in named] == [None] * 5
    for host in ("evil.example", "fleet.example", "a.b.fleet.example", "0x7f.1", "127.1"):
        assert asked(origins=here, host=host) == 421


def test_whoever_asks_by_another_name_is_told_exactly_what_to_set() -> None:
    here = server(allowed_hosts=("mara.example.org",))
    refusal = here.refusal("http", "GET", [(b"host", b"Desk.example:8080")])
    assert refusal is not None
    assert refusal.detail.endswith("start it with MARA_ALLOWED_HOSTS=mara.example.org,desk.example")
    strange = here.refusal("http", "GET", [(b"host", b"<script>")])
    assert strange is not None
    assert "<" not in strange.detail


def test_a_page_at_another_port_of_this_machine_may_not_act() -> None:
    assert asked(method="POST", origin="http://127.0.0.1:3000") == 403
    assert asked("websocket", host="localhost:9000", origin="http://localhost:8080") == 403


@pytest.mark.parametrize("kind", ["iframe", "frame", "embed", "object"])
@pytest.mark.parametrize("site", ["cross-site", "same-site", "same-origin"])
def test_no_page_is_built_for_a_frame(kind: str, site: str) -> None:
    assert asked(sec_fetch_site=site, sec_fetch_mode="navigate", sec_fetch_dest=kind) == 403
