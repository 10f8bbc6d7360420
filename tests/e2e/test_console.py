"""The console as a user finds it: `flyte console` leads in, and a run's URL to its page."""

import json
import re
import stat
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


def read(address: str, token: str) -> bytes:
    asked = urllib.request.Request(address, headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(asked, timeout=60) as answer:
        found: bytes = answer.read()
        return found


def test_a_run_is_found_at_its_url(cli: Cli, stack_home: Path) -> None:
    status = json.loads(cli.ok("status", "-o", "json"))
    assert status["services"]["console"]["service"] == "console"
    assert status["console_url"] == json.loads((stack_home / "stack.json").read_text())["console_url"]
    assert status["console_url"] in cli.ok("status")
    token = cli.ok("console", "--token").strip()

    cli.write("flow.py", FLOW)
    run = json.loads(cli.ok("run", "-o", "json", "flow.py", "greet", "--name", "you"))
    api = run["url"].replace("/projects/", "/api/v1/projects/")
    assert run["url"].startswith(f"{status['console_url']}/projects/")
    outputs = json.loads(read(api, token))["run"]["outputs"]
    assert outputs == {"o0": {"kind": "inline", "value": "hello you"}}
    assert [line["text"] for line in json.loads(read(f"{api}/logs", token))["lines"]] == ["hello you"]
    assert b"event: end" in read(f"{api}/stream", token)
    explained = json.loads(read(f"{api}/explanation", token))["explanation"]
    assert explained == json.loads(cli.ok("explain", run["url"], "-o", "json"))
    assert "hello you" in cli.ok("get", "logs", run["url"])
    assert token not in (stack_home / "stack.log").read_text()


def test_the_way_in_is_printed_or_shown_to_a_browser(cli: Cli, stack_home: Path, tmp_path: Path) -> None:
    printed = cli.ok("console", "--no-open").strip()
    console = json.loads((stack_home / "stack.json").read_text())["console_url"]
    assert re.fullmatch(rf"{re.escape(console)}/login#[A-Za-z0-9_-]{{43}}", printed)
    both = cli("console", "--no-open", "--token")
    assert both.returncode == 2
    assert "--token prints a token" in both.stderr

    browser, shown = tmp_path / "browser", tmp_path / "shown"
    browser.write_text(f'#!/bin/sh\necho "$1" > {shown}\n')
    browser.chmod(0o700)
    with_browser = Cli(cli.folder, {**cli.variables, "BROWSER": str(browser)})
    done = with_browser("console")
    assert done.returncode == 0, done.stderr
    assert f"opened {console}" in done.stderr
    page = stack_home / "console-login.html"
    assert shown.read_text().strip() == page.as_uri(), "what others can see of a command has no secret"
    assert f"{console}/login#" in page.read_text()
    assert stat.S_IMODE(page.stat().st_mode) == 0o600
