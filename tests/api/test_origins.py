"""Which requests are answered at all, before anybody asks who sent them."""

import pytest

from mara.api.origins import Origins

OURS = "127.0.0.1:8080"


def server(**changes: object) -> Origins:
    fields: dict[str, object] = {
        "host": "127.0.0.1", "port": 8080, "scheme": "http", "allowed_hosts": (), "is_open": False
    } | changes  # fmt: skip
    return Origins.of(**fields)  # type: ignore[arg-type]


def asked(kind: str = "http", method: str = "GET", *, origins: Origins | None = None, **headers: str) -> int | None:
    """The status that refuses the request; None when it is let through."""
    sent = {"host": OURS} | {name.replace("_", "-"): value for name, value in headers.items()}
    raw = [(name.encode(), value.encode()) for name, value in sent.items()]
    refusal = (origins or server()).refusal(kind, method, raw)
    return None if refusal is None else refusal.status


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost:8080", "LOCALHOST:8080", "[::1]:8080"])
def test_a_loopback_server_goes_by_the_names_of_this_machine(host: str) -> None:
    assert asked(host=host) is None


@pytest.mark.parametrize("host", ["evil.example:8080", "127.0.0.1", "127.0.0.1:9000", "mara.evil.example", ""])
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
    """Another port of this host, or another name of its domain: `same-site` for browsers, somebody else for us."""
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


def test_on_its_default_port_a_server_goes_by_its_bare_name() -> None:
    assert asked(origins=server(host="10.0.0.5", port=443, scheme="https", is_open=True), host="10.0.0.5") is None
