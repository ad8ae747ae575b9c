"""Limits on logins: guesses are slowed, and no other user is locked out by them.

The time of an answer does not reveal whether a user name exists.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from argon2.exceptions import VerifyMismatchError
from starlette.applications import Starlette
from starlette.testclient import TestClient

from mara.api.gateway.gate import Gate
from mara.api.security import credentials
from mara.api.security.authenticator import Authenticator
from mara.api.security.login import LOGINS_PER_MINUTE, NAMES_PER_MINUTE
from mara.api.security.origins import Origins
from mara.store import maintenance
from mara.store.access.users import User, UserStore
from tests.api.test_gate import BY, HASH, PASSWORD, URL
from tests.clocks import HandClock
from tests.quick_passwords import HASHER, NO_USER

WRONG = "wrong wrong wrong"
Attempt = Callable[..., int]


@pytest.fixture
def attempt(tmp_path: Path) -> Iterator[Attempt]:
    """Function that tries to log in from an address, and returns the status."""
    url = f"sqlite:///{tmp_path / 'm.db'}"
    maintenance.make_ready(url)
    people, clock = UserStore.open(url), HandClock()
    people.add(User(name="ada", role="operator"), HASH, by=BY)
    origins = Origins.of(host="mara.example", scheme="https", allowed_hosts=(), is_open=True)
    gate = Gate(Starlette(), origins=origins, clock=clock, authenticator=Authenticator(people, clock, ""), limited=True)

    def try_it(password: str, name: str = "ada", address: str = "192.0.2.7") -> int:
        browser = TestClient(gate, base_url=URL, follow_redirects=False, client=(address, 1))
        form = {"name": name, "password": password}
        return browser.post("/login", data=form, headers={"origin": URL}).status_code

    yield try_it
    people.close()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Make password checks instantaneous; list the hashes that were checked."""
    verified: list[str] = []

    class Counting:
        def verify(self, stored: str, password: str) -> None:
            verified.append(stored)
            if password != PASSWORD:
                raise VerifyMismatchError

    monkeypatch.setattr(credentials, "_HASHER", Counting())
    return verified


def cost_of(stored: str) -> str:
    return stored.rsplit("$", 2)[0]


def test_an_unknown_name_costs_the_same_work_as_a_wrong_password(attempt: Attempt, quick: list[str]) -> None:
    attempt(WRONG)
    attempt(WRONG, name="eve")
    assert [cost_of(stored) for stored in quick] == [cost_of(HASH)] * 2
    assert cost_of(NO_USER) == cost_of(HASHER.hash(PASSWORD)), "and so it is with the work that Mara itself asks for"


def test_nobody_is_locked_out_by_attempts_from_elsewhere(attempt: Attempt, quick: list[str]) -> None:
    attackers = [f"198.51.100.{n}" for n in range(14 * LOGINS_PER_MINUTE)]
    assert {attempt(WRONG, address=address) for address in attackers} == {401}
    assert attempt(PASSWORD) == 303


def test_an_address_waits_with_one_name_and_may_try_another(attempt: Attempt, quick: list[str]) -> None:
    codes = [attempt(WRONG, name="eve") for _ in range(LOGINS_PER_MINUTE + 1)]
    assert codes == [401] * LOGINS_PER_MINUTE + [429]
    assert attempt(PASSWORD) == 303


def test_an_address_that_tries_many_names_waits(attempt: Attempt, quick: list[str]) -> None:
    codes = [attempt(WRONG, name=f"eve{n}") for n in range(NAMES_PER_MINUTE + 1)]
    assert codes == [401] * NAMES_PER_MINUTE + [429]
