"""Attacks by other sites are refused, and stored texts are shown as text only."""

import http.server
import json
import re
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Dialog, Page, expect

from tests.browser.conftest import FLAGS, Visit, arrive, running_app
from tests.servers import ROOT

pytestmark = pytest.mark.browser

ANSWER_TIMEOUT_S = 60
TIME_TO_RUN_MS = 150
"""Time for a text to run as a script, once it is shown."""
PAYLOADS = (
    "<img src=x onerror=pwned=1>",
    "<script>window.pwned=1</script>",
    '"><svg onload=pwned=1>',
    "';window.pwned=1;//",
    "`${window.pwned=1}`",
    "{{constructor.constructor('window.pwned=1')()}}",
    "<iframe srcdoc='<script>parent.pwned=1</script>'>",
    "<a href='javascript:window.pwned=1'>a</a>",
    "</script><script>window.pwned=1</script>",
    "<details open ontoggle=pwned=1>",
)
"""Ten ways to make text run as a script, in each of four places where users type."""


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real run whose names, countries, customers and announcements contain attacks."""
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "fleet.toml").write_text(hostile_fleet(), encoding="utf-8")
    words = ["pages", "run", "--no-browser", "--optimizer", "rules", "--fleet", "fleet.toml", "--port"]
    with running_app(words, folder=folder) as (address, _):
        for payload in PAYLOADS:
            quote = ordered(address, "quotes", {"tier": "flexible", "power_mw": 0.2, "hours": 400, "customer": payload})
            ordered(address, "commitments", {"quote_id": quote["id"]})
        ordered(address, "control", {"action": "step", "ticks": 3})
        announce_everywhere(address)
        ordered(address, "control", {"action": "outage", "site_id": "oslo", "ticks": 50})
        ordered(address, "control", {"action": "step", "ticks": 3})
        yield address


def hostile_fleet() -> str:
    """The default fleet under hostile names, in TOML's literals of several lines.

    Such literals take every payload as it is.
    """
    text = (ROOT / "mara" / "data" / "fleets" / "global_ten.toml").read_text(encoding="utf-8")
    for key in ("name", "country"):
        payloads = iter(PAYLOADS)
        text = re.sub(
            rf'(?m)^(\[\[site\]\]\n(?:.+\n)*?){key} = ".*"$',
            lambda found, key=key, payloads=payloads: f"{found[1]}{key} = '''{next(payloads)} '''",  # type: ignore[misc]
            text,
        )
    assert text.count("pwned") == 2 * len(PAYLOADS)
    return text


def announce_everywhere(address: str) -> None:
    """Announce maintenance with a hostile reason at each site where contracts run."""
    snapshot = asked(address, "snapshot")
    sites = sorted({contract["site_id"] for contract in snapshot["contracts"] if contract["site_id"]})
    month = snapshot["at"][:8]
    for site_id, payload in zip(sites, PAYLOADS, strict=False):
        order = {"action": "maintenance", "site_id": site_id, "reason": payload}
        ordered(address, "control", order | {"from": f"{month}05T00:00:00Z", "to": f"{month}05T01:00:00Z"})


def asked(address: str, path: str) -> Any:
    with urllib.request.urlopen(f"{address}/api/{path}", timeout=ANSWER_TIMEOUT_S) as answer:
        return json.load(answer)


def ordered(address: str, path: str, body: dict[str, object]) -> Any:
    request = urllib.request.Request(
        f"{address}/api/{path}", json.dumps(body).encode(), {"content-type": "application/json"}, method="POST"
    )
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_TIMEOUT_S) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise AssertionError(error.read().decode()) from error


def test_forty_stored_texts_run_nowhere(tab: Visit, hostile: str) -> None:
    sites = [site["id"] for site in asked(hostile, "sites")]
    live = asked(hostile, "commitments?state=live")
    contracts = {row["id"]: row["customer"] for row in live if "pwned" in row["customer"]}
    assert set(contracts.values()) == set(PAYLOADS)
    visited = arrive(tab, hostile)
    page = visited.page
    dialogs: list[str] = []

    def dismiss(dialog: Dialog) -> None:
        dialogs.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", dismiss)
    page.wait_for_selector("path.site")
    for marker in page.locator("path.site").all():
        marker.hover(force=True)
        page.wait_for_timeout(50)
    assert page.evaluate("window.pwned") is None, "what a marker shows is text"
    places = ["/", "/optimizer", "/backtest", "/help", *(f"/sites/{site}" for site in sites)]
    for place in [*places, "/sla", f"/sla?contract={next(iter(contracts))}"]:
        page.goto(hostile + place)
        page.wait_for_selector("html[data-engine]")
        page.wait_for_timeout(TIME_TO_RUN_MS)
        assert page.evaluate("window.pwned") is None, place
    look_at_contracts(page, contracts)
    assert not dialogs
    # No handler was even tried: one that the policy stopped would have logged an error.
    assert not [line for line in visited.complaints if "Content Security Policy" in line]
    assert "pwned" in page.content(), "the texts are there, as text"
    page.remove_listener("dialog", dismiss)


def look_at_contracts(page: Page, contracts: Mapping[str, str]) -> None:
    """Look at the sheet of each contract; the first is open, the others are opened from the table."""
    sheet = page.locator("dialog.contract-sheet[open]")
    for place, (contract_id, customer) in enumerate(contracts.items()):
        if place:
            page.keyboard.press("Escape")
            page.locator(f".row-button[title$='({contract_id})']").click()
        expect(sheet.locator("#contract-title")).to_contain_text(customer)
        page.wait_for_timeout(TIME_TO_RUN_MS)
        assert page.evaluate("window.pwned") is None, contract_id


def test_a_name_that_was_made_to_point_here_is_misdirected(browser: Browser, chromium_path: str, hostile: str) -> None:
    port = hostile.rpartition(":")[2]
    started = browser.browser_type.launch(
        executable_path=chromium_path, args=[*FLAGS, "--host-resolver-rules=MAP evil.example 127.0.0.1"]
    )
    answer = started.new_page().goto(f"http://evil.example:{port}/")
    assert answer is not None
    assert answer.status == 421
    started.close()


@pytest.fixture
def another_site(tmp_path: Path) -> Iterator[str]:
    """Serve a page of another origin on this machine."""

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>another site</title>")

        def log_message(self, *words: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://localhost:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_a_page_of_another_site_steers_nothing_and_reads_nothing(
    browser: Browser, hostile: str, another_site: str
) -> None:
    ordered(hostile, "control", {"action": "pause"})
    before = asked(hostile, "ready")["state"]
    page = browser.new_page()
    page.goto(another_site)
    for body_type in ("text/plain", "application/json", "application/x-www-form-urlencoded"):
        told = page.evaluate(
            """([address, type]) => fetch(address + '/api/control', {
                 method: 'POST', mode: type === 'application/json' ? 'cors' : 'no-cors',
                 headers: {'content-type': type}, body: '{"action":"resume"}'}).then(a => a.type, e => 'refused')""",
            [hostile, body_type],
        )
        assert told in {"opaque", "refused"}
    read = "address => fetch(address + '/api/snapshot').then(a => a.text(), e => 'refused')"
    assert page.evaluate(read, hostile) == "refused"
    assert asked(hostile, "ready")["state"] == before == "paused"
    page.close()


def test_a_websocket_of_another_site_is_not_opened_and_one_of_ours_is(
    browser: Browser, hostile: str, another_site: str
) -> None:
    open_socket = """address => new Promise(done => {
        const path = '/_nicegui_ws/socket.io/?EIO=4&transport=websocket'
        const socket = new WebSocket(address.replace('http', 'ws') + path)
        socket.onmessage = () => done('opened'); socket.onerror = () => done('refused') })"""
    page = browser.new_page()
    page.goto(another_site)
    assert page.evaluate(open_socket, hostile) == "refused"
    page.goto(f"{hostile}/help")
    assert page.evaluate(open_socket, hostile) == "opened"
    page.close()


GRANTED = {"'self'", "'unsafe-eval'"}
"""Sources of scripts that the policy allows beside the nonce.

NiceGUI evaluates what its server sends, and Vue compiles templates.
"""


def test_the_dashboard_works_under_its_policy(tab: Visit, hostile: str) -> None:
    page = tab.page
    answer = page.goto(hostile)
    assert answer is not None
    policy = answer.headers["content-security-policy"].split("; ")
    scripts = next(part.split()[1:] for part in policy if part.startswith("script-src "))
    assert {source for source in scripts if not source.startswith("'nonce-")} == GRANTED
    assert len(scripts) == len(GRANTED) + 1
    page.wait_for_selector("path.site")
    page.wait_for_selector(".live-table tbody tr", state="attached")
    page.wait_for_selector(".line-chart .main-svg", state="attached")
    assert not [line for line in tab.complaints if "Content Security" in line]
