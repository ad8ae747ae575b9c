"""A server listens to other machines only with users and TLS."""

from pathlib import Path

import pytest

from mara.api.gateway.exposure import wants_login
from mara.api.gateway.server_security import server_security_of
from mara.assembly.people import people_of
from mara.errors import ConfigError
from mara.runtime.clock import SystemClock
from mara.settings import Settings
from mara.store.access.users import AccessEvent, User
from tests.api.test_gate import HASH


def settings(tmp_path: Path, **fields: object) -> Settings:
    return Settings(database_url=f"sqlite:///{tmp_path / 'm.db'}", **fields)  # type: ignore[arg-type]


def test_on_loopback_nobody_logs_in_and_no_database_is_opened_for_it(tmp_path: Path) -> None:
    here = settings(tmp_path)
    assert not wants_login(here)
    assert server_security_of(here, None, SystemClock()).authenticator is None
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("fields", [{"host": "0.0.0.0"}, {"behind_proxy": True}, {"auth": "on"}])
def test_elsewhere_or_when_asked_for_people_log_in(tmp_path: Path, fields: dict[str, object]) -> None:
    assert wants_login(settings(tmp_path, **fields))


@pytest.mark.parametrize("fields", [{"host": "0.0.0.0"}, {"behind_proxy": True}])
def test_the_login_cannot_be_switched_off_where_others_reach_the_server(
    tmp_path: Path, fields: dict[str, object]
) -> None:
    with pytest.raises(ConfigError, match="MARA_AUTH=off is for this machine alone"):
        wants_login(settings(tmp_path, auth="off", **fields))


def test_an_open_server_without_a_user_does_not_start(tmp_path: Path) -> None:
    here = settings(tmp_path, behind_proxy=True)
    people = people_of(here)
    try:
        with pytest.raises(ConfigError, match="mara user add"):
            server_security_of(here, people, SystemClock())
    finally:
        people.close()


def test_an_open_server_without_tls_or_proxy_does_not_start(tmp_path: Path) -> None:
    here = settings(tmp_path, host="0.0.0.0")
    people = people_of(here)
    people.add(User(name="ada", role="admin"), HASH, by=AccessEvent(at_epoch_s=0, actor="", address="", action=""))
    try:
        with pytest.raises(ConfigError, match="TLS"):
            server_security_of(here, people, SystemClock())
    finally:
        people.close()


def test_only_an_announced_proxy_is_believed_when_it_says_who_asks(tmp_path: Path) -> None:
    security = server_security_of(settings(tmp_path), None, SystemClock())
    assert security.server_options["proxy_headers"] is False
    assert not security.is_behind_proxy


def test_the_server_itself_never_reads_what_clients_may_have_forwarded(tmp_path: Path) -> None:
    here = settings(tmp_path, behind_proxy=True)
    people = people_of(here)
    people.add(User(name="ada", role="admin"), HASH, by=AccessEvent(at_epoch_s=0, actor="", address="", action=""))
    try:
        security = server_security_of(here, people, SystemClock())
        assert security.server_options["proxy_headers"] is False
        assert security.is_behind_proxy
    finally:
        people.close()


def test_a_certificate_without_its_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="belong together"):
        server_security_of(settings(tmp_path, tls_cert=tmp_path / "cert.pem"), None, SystemClock())
