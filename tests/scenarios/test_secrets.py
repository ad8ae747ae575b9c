"""Secrets given to a server appear in none of its outputs afterwards.

Outputs are logs, database, exports, metrics, pages and errors.
"""

import os
import urllib.request
from pathlib import Path

import pytest

from mara.api.security.credentials import TOKEN_PREFIX, digest_of, hash_of
from mara.assembly.people import people_of
from mara.settings import Settings
from mara.store.access.users import AccessEvent, Token, User
from tests.forked_program import ForkedProgram, forked
from tests.servers import environment, free_port

KEY = "sk-ant-canary-4f1d9c0b7a"
PASSWORD = "canary-password-91c7"
TOKEN = f"{TOKEN_PREFIX}canary5e0a2b77c1d94f3b"
SECRET = "canary-storage-secret-55aa"
CANARIES = (KEY, PASSWORD, TOKEN, SECRET)
BY = AccessEvent(at_epoch_s=0, actor="test", address="", action="prepared")
PLACES = ("api/snapshot", "api/optimizations", "api/ready", "metrics", "api/export/steps.csv", "api/openapi.json", "")


@pytest.fixture
def left(tmp_path: Path) -> Path:
    """A folder in which a server ran with secrets and got right and wrong ones."""
    url = f"sqlite:///{tmp_path / 'mara.db'}"
    people = people_of(Settings(database_url=url))
    people.add(User(name="ada", role="admin"), hash_of(PASSWORD), by=BY)
    people.issue(Token, digest_of(TOKEN, SECRET), User(name="ada", role="admin"), until=2**40, by=BY)
    people.close()
    port = free_port()
    env = environment() | {
        "ANTHROPIC_API_KEY": KEY,
        "ANTHROPIC_BASE_URL": "http://127.0.0.1:9",  # nobody listens there
        "MARA_STORAGE_SECRET": SECRET,
        "MARA_AUTH": "on",
        "MARA_OPTIMIZER": "claude",
        "MARA_LOG_LEVEL": "DEBUG",
    }
    words = ["pages", "run", "--no-browser", "--speed", "3000", "--port", str(port)]
    with forked(words, tmp_path, env, stderr=tmp_path / "complaints.txt") as app:
        address = f"http://127.0.0.1:{port}"
        try:
            wait_until_ready(address, app)
            for place in PLACES:
                (tmp_path / f"page-{place.replace('/', '-')}.txt").write_bytes(fetched(f"{address}/{place}", TOKEN))
            (tmp_path / "refused.txt").write_bytes(fetched(f"{address}/api/snapshot?key={KEY}", TOKEN + "x"))
            login(address)
        finally:
            app.terminate()
            app.wait(15)
        (tmp_path / "said.txt").write_text(app.stdout.read())
    return tmp_path


def fetched(address: str, token: str) -> bytes:
    request = urllib.request.Request(address, headers={"authorization": f"Bearer {token}"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return bytes(answer.read())
    except urllib.error.HTTPError as error:
        return error.read()


def login(address: str) -> None:
    body = f"name=ada&password={PASSWORD}&next=/".encode()
    request = urllib.request.Request(f"{address}/login", body, {"origin": address})
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    opener.open(request, timeout=10).read()


def wait_until_ready(address: str, app: ForkedProgram) -> None:
    for _ in range(300):
        assert app.process.is_alive()
        try:
            if b'"ready":true' in fetched(f"{address}/api/ready", TOKEN):
                return
        except OSError:
            pass
        app.process.join(0.1)
    raise AssertionError("the server did not become ready")


@pytest.mark.slow
def test_no_secret_is_left_anywhere(left: Path) -> None:
    files = [file for file in left.rglob("*") if file.is_file()]
    assert any(file.name == "app.log" for file in files)
    assert os.path.getsize(left / "mara.db") > 0
    assert b'"tick"' in (left / "page-api-snapshot.txt").read_bytes(), "the token was good"
    found = [(file.name, canary) for file in files for canary in CANARIES if canary.encode() in file.read_bytes()]
    assert found == []
