"""What a task finds of whom its agent is, on a stack that lets each attempt in by itself: nothing."""

import json

from testkit.cli import Cli

FLOW = """\
import json
import os
import flyte

pool = flyte.TaskEnvironment(name="let_in_pool", reusable=flyte.ReusePolicy(replicas=1, concurrency=2))
env = flyte.TaskEnvironment(name="let_in", depends_on=[pool])


def found():
    shown = open("/proc/self/environ").read()
    mine = [os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd")
            if os.path.islink(f"/proc/self/fd/{fd}")]
    return {
        "told": sorted(name for name in os.environ if name.startswith("FLYTE_NATS")),
        "shown": [part.partition("=")[0] for part in shown.split(chr(0)) if "NATS" in part or "NKEY" in part],
        "files": sorted(path for path in mine if path.startswith("/") and not path.startswith("/dev/")),
        "spool": os.listdir(os.path.join(os.environ["FLYTE_HOME"], "credentials")),
    }


@pool.task
async def child() -> str:
    return json.dumps(found())


@env.task
async def main() -> str:
    return json.dumps([found(), json.loads(await child())])
"""


def test_a_task_finds_no_credentials(cli: Cli) -> None:
    cli.write("let_in.py", FLOW)
    run = json.loads(cli.ok("run", "-o", "json", "let_in.py", "main"))
    for found in json.loads(run["outputs"]["o0"]):
        assert found["told"] == found["shown"] == ["FLYTE_NATS_URL"]
        assert found["files"] == []
        assert found["spool"] == ["spares.creds"]  # for agents in reserve: of a run that does not exist
