"""The console as a user finds it: `flyte start` says where it is, and a run's URL leads to its page."""

import json
import urllib.request
from pathlib import Path

from testkit.cli import Cli

FLOW = """
import flyte

env = flyte.TaskEnvironment(name="looked_at")


@env.task
async def greet(name: str) -> str:
    print(f"hello {name}")
    return f"hello {name}"
"""


def read(address: str) -> bytes:
    with urllib.request.urlopen(address, timeout=60) as answer:
        found: bytes = answer.read()
        return found


def test_a_run_is_found_at_its_url(cli: Cli, stack_home: Path) -> None:
    status = json.loads(cli.ok("status", "-o", "json"))
    assert status["services"]["console"]["service"] == "console"
    assert status["console_url"] == json.loads((stack_home / "stack.json").read_text())["console_url"]
    assert status["console_url"] in cli.ok("status")

    cli.write("flow.py", FLOW)
    run = json.loads(cli.ok("run", "-o", "json", "flow.py", "greet", "--name", "you"))
    api = run["url"].replace("/projects/", "/api/v1/projects/")
    assert run["url"].startswith(f"{status['console_url']}/projects/")
    assert json.loads(read(api))["run"]["outputs"] == {"o0": {"kind": "inline", "value": "hello you"}}
    assert [line["text"] for line in json.loads(read(f"{api}/logs"))["lines"]] == ["hello you"]
    assert b"event: end" in read(f"{api}/stream")
    explained = json.loads(read(f"{api}/explanation"))["explanation"]
    assert explained == json.loads(cli.ok("explain", run["url"], "-o", "json"))
    assert "hello you" in cli.ok("get", "logs", run["url"])
