"""Who did what, and that nobody changed it since: as it is typed."""

import json
from typing import Any

from testkit.cli import Cli
from testkit.waiting import wait_for

FLOW = """\
import asyncio
import flyte

env = flyte.TaskEnvironment(name="audited")


@env.task
async def main(seconds: float = 0.0) -> float:
    await asyncio.sleep(seconds)
    return seconds
"""
REASON = "it costs too much"


def listed(cli: Cli, *words: str) -> list[dict[str, Any]]:
    return list(json.loads(cli.ok("audit", *words, "-o", "json")))


def test_who_did_what_and_that_nobody_changed_it(cli: Cli) -> None:
    user = json.loads(cli.ok("whoami", "-o", "json"))
    assert user["role"] == "operator"
    assert f"name           {user['name']}" in cli.ok("whoami")
    file = cli.write("audited.py", FLOW)
    cli.ok("run", "--name", "quick", "audited.py", "main")
    cli.ok("run", "--detach", "--name", "slow", "audited.py", "main", "--seconds", "600")
    cli.ok("abort", "run", "slow", "--reason", REASON)
    waiting = cli.python("-c", "import flyte, flyte.remote; flyte.init_from_config(); "
                         "run = flyte.remote.Run.get('slow'); run.wait(); run.outputs()")  # fmt: skip
    said = f"{REASON} (by {user['name']})"
    assert waiting.returncode != 0 and said in waiting.stderr
    assert f"aborted                {said}" in cli.ok("get", "action", "slow", "a0")
    assert f"aborted: {said}" in cli.ok("get", "run", "slow")
    assert f"was aborted by {user['name']}: {REASON}" in cli.ok("explain", "slow")
    assert f"aborted by {user['name']}: {REASON}" in cli.ok("events", "slow")
    (abort,) = listed(cli, "--user", user["name"], "--verb", "abort", "--since", "1h")
    assert (abort["name"], abort["outcome"], abort["why"]) == ("slow", "accepted", REASON)
    runs = {one["name"]: one for one in listed(cli, "--verb", "run", "-p", "default")}
    assert runs["quick"]["user"] == runs["slow"]["user"] == user["name"]
    assert any(one["name"].startswith("audited.main:") for one in listed(cli, "--verb", "deploy"))
    assert listed(cli, "--user", "somebody-else") == []
    assert "WHY" in cli.ok("audit", "--requests")

    def sealed() -> bool:
        return json.loads(cli.ok("audit", "quick", "--verify", "-o", "json"))["sealed"] == 1

    wait_for("the seal of a run", sealed)
    assert "nothing was changed, nothing is missing" in cli.ok("audit", "--verify")
    unknown = cli("audit", "quick", "--verify", "--key", "UNKNOWN")
    assert unknown.returncode == 1 and "unknown key: " in unknown.stdout
    assert cli("audit", "quick", "--user", "x").returncode == 2
    assert file.exists()
