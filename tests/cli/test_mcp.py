"""`mara mcp` speaks its protocol over stdio with the real client.

Nothing else appears on stdout.
"""

import json
import sys
from pathlib import Path

from tests.cli.console import ran
from tests.cli.databases import STORED_TICKS
from tests.forked_program import forked
from tests.servers import environment

PATIENCE_S = 60
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}},
}
CALLS = (
    {"jsonrpc": "2.0", "method": "notifications/initialized"},
    {"jsonrpc": "2.0", "id": 2, "method": "tools/list"},
    {"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": {"name": "get_snapshot", "arguments": {}}},
)


async def test_a_real_client_lists_and_calls_read_only_tools(database: Path) -> None:
    from mcp import Client, StdioServerParameters, stdio_client  # not at collection: it takes a third of a second
    from mcp.types import TextContent

    server = StdioServerParameters(
        command=sys.executable,
        args=["-m", "mara", "mcp"],
        env={"MARA_DATABASE_URL": f"sqlite:///{database}"},
        cwd=database.parent,
    )
    async with Client(stdio_client(server)) as client:
        tools = (await client.list_tools()).tools
        assert {tool.name for tool in tools} >= {"get_snapshot", "why", "get_site", "evaluate_plan", "solve_what_if"}
        assert all(tool.annotations is not None and tool.annotations.read_only_hint for tool in tools)
        found = await client.call_tool("get_snapshot", {})
        assert not found.is_error
        said = found.content[0]
        assert isinstance(said, TextContent)
        assert json.loads(said.text) == found.structured_content
        assert json.loads(said.text)["tick"] == STORED_TICKS - 1
        why = await client.call_tool("why", {"question": "Why is Texas off?"})
        assert json.loads(why.content[0].text)["site_id"] == "texas"  # type: ignore[union-attr]
        wrong = await client.call_tool("get_site", {"site_id": "atlantis"})
        assert wrong.is_error


def test_stdout_holds_answers_and_nothing_else(database: Path, tmp_path: Path) -> None:
    settings = {"MARA_DATABASE_URL": f"sqlite:///{database}"}
    with forked(["mara", "mcp"], database.parent, environment() | settings, stderr=tmp_path / "stderr") as server:
        server.stdin.writelines(json.dumps(message) + "\n" for message in (INITIALIZE, *CALLS))
        server.stdin.flush()
        answers = [json.loads(server.stdout.readline()) for _ in range(3)]
        server.stdin.close()
        rest = server.stdout.read()
        assert server.wait(PATIENCE_S) == 0
    assert {answer["id"] for answer in answers} == {1, 2, 3}
    assert all(answer["jsonrpc"] == "2.0" and "result" in answer for answer in answers)
    assert rest == ""


def test_without_a_stored_run_the_server_refuses_to_start() -> None:
    outcome = ran("mcp")
    assert outcome.exit_code == 4
    assert "there is none" in outcome.complaint
