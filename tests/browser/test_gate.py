"""The gate with a real browser: TLS, login, a dashboard over wss, rights, and log."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from playwright.sync_api import Browser, Page, expect

from mara.api.security.credentials import hash_of
from mara.assembly.people import people_of
from mara.settings import Settings
from mara.store.access.users import AccessEvent, User
from tests.browser.conftest import HOLD_BREATH, PATIENCE_MS, SEEN_THE_TOUR, picture, running_app

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PASSWORD = "correct horse battery"
BY = AccessEvent(at_epoch_s=0, actor="test", address="", action="prepared")


@dataclass(frozen=True)
class Guarded:
    """A server that requires a login."""

    address: str
    database: Path

    def asked(self, query: str) -> list[tuple[str, ...]]:
        with closing(sqlite3.connect(self.database)) as connection:
            return connection.execute(query).fetchall()


def certified(folder: Path) -> tuple[Path, Path]:
    """Make a self-signed certificate and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    chain, secret = folder / "cert.pem", folder / "key.pem"
    chain.write_bytes(certificate.public_bytes(pem))
    secret.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    )
    return chain, secret


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    folder = tmp_path_factory.mktemp("guarded")
    people = people_of(Settings(database_url=f"sqlite:///{folder / 'mara.db'}"))
    for name, role in (("ada", "operator"), ("vic", "viewer")):
        people.add(User(name=name, role=role), hash_of(PASSWORD), by=BY)
    people.close()
    chain, secret = certified(folder)
    settings = {"MARA_AUTH": "on", "MARA_TLS_CERT": str(chain), "MARA_TLS_KEY": str(secret)}
    words = ["pages", "run", "--no-browser", "--optimizer", "rules", "--port"]
    with running_app(words, folder, settings=settings) as (address, _):
        yield Guarded(address, folder / "mara.db")


@contextmanager
def opened(browser: Browser, address: str, scheme: str = "dark") -> Iterator[Page]:
    """Open a page in a browser that trusts the certificate, without a login."""
    context = browser.new_context(
        ignore_https_errors=True,
        color_scheme=scheme,  # type: ignore[arg-type]
        viewport={"width": 1280, "height": 800},
    )
    context.add_init_script(SEEN_THE_TOUR + HOLD_BREATH)
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    page.goto(address)
    yield page
    context.close()


def log_in(page: Page, name: str, password: str = PASSWORD) -> None:
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()


def wait_until_drawn(page: Page) -> None:
    page.wait_for_selector("path.site")
    expect(page.locator(".chip:not(.mode-chip)")).to_have_text("Running")


def test_the_login_says_what_was_wrong_and_leads_to_a_dashboard_that_lives_over_wss(
    browser: Browser, guarded: Guarded
) -> None:
    for scheme in ("dark", "light"):
        with opened(browser, guarded.address, scheme) as page:
            assert page.url == f"{guarded.address}/login?next=/"
            picture(page, f"login-{scheme}-1280x800")
    with opened(browser, f"{guarded.address}/sla") as page:
        sockets: list[str] = []
        page.on("websocket", lambda socket: sockets.append(socket.url))
        log_in(page, "ada", "wrong wrong wrong")
        expect(page.get_by_role("alert")).to_have_text("Name and password do not fit together.")
        log_in(page, "ada")
        page.wait_for_url(f"{guarded.address}/sla")
        page.get_by_role("link", name="Overview", exact=True).click()
        wait_until_drawn(page)
        clock = page.get_by_label("Time of the fleet")
        expect(clock).not_to_have_text(clock.inner_text())
        assert sockets
        assert all(url.startswith("wss://127.0.0.1") for url in sockets)
        picture(page, "guarded-dark-1280x800")


def test_a_viewer_looks_and_an_operator_acts_under_their_own_name(browser: Browser, guarded: Guarded) -> None:
    with opened(browser, guarded.address) as viewers, opened(browser, guarded.address) as operators:
        log_in(viewers, "vic")
        log_in(operators, "ada")
        wait_until_drawn(viewers)
        wait_until_drawn(operators)
        expect(viewers.get_by_role("group", name="Simulation").get_by_role("button")).to_have_count(0)
        expect(viewers.get_by_text("No quotes and bookings here: that needs the role operator")).to_be_visible()
        expect(operators.locator(".chip:not(.mode-chip)")).to_have_text("Running")
        take_down(operators, "oslo")
        operators.get_by_role("button", name="Pause").click()
        expect(viewers.locator(".chip:not(.mode-chip)")).to_have_text("Paused")
        operators.get_by_role("button", name="Resume").click()
        expect(viewers.locator(".chip:not(.mode-chip)")).to_have_text("Running")
    actors = guarded.asked("SELECT DISTINCT actor, address FROM audit WHERE actor NOT IN ('engine', 'system')")
    assert actors == [("ada", "127.0.0.1")]


def take_down(page: Page, site_id: str) -> None:
    """Order an outage as the dialog of the frame does."""
    page.evaluate("site => window.mara.askOutage(site)", site_id)
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Take down").click()
    expect(page.get_by_text("Ordered: down from the next tick on.")).to_be_visible()


def test_whoever_logs_out_is_out_in_every_open_page(browser: Browser, guarded: Guarded) -> None:
    with opened(browser, guarded.address) as page:
        log_in(page, "ada")
        wait_until_drawn(page)
        other = page.context.new_page()
        other.goto(guarded.address)
        wait_until_drawn(other)
        page.get_by_role("button", name="Log out").click()
        page.wait_for_url(f"{guarded.address}/login")
        other.wait_for_url(f"{guarded.address}/login?next=/")
        page.goto(guarded.address)
        assert page.url == f"{guarded.address}/login?next=/"
    visits = [row[0] for row in guarded.asked("SELECT action FROM access_log WHERE actor = 'ada'")]
    assert {"logged in", "logged out"} <= set(visits), guarded.asked("SELECT actor, action FROM access_log")
