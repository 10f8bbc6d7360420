"""What is declared reaches the stack: overrides act on the calls they are for, and templates can be read."""

import json

from testkit.cli import Cli, outputs_of

OVERRIDING = """\
import asyncio
import os
import flyte

env = flyte.TaskEnvironment(name="overriding", env_vars={"WHO": "env"})

@env.task
def child(fails: int) -> str:
    attempt = flyte.ctx().attempt_number
    if attempt < fails:
        raise ValueError("not yet")
    return f"{os.environ['WHO']} {attempt}"

@env.task
async def sleepy() -> str:
    await asyncio.sleep(600)
    return "slept"

@env.task
def main() -> list[str]:
    other = child.override(retries=2, env_vars={"WHO": "override"})
    return [child(0), other(2), child(0)]

@env.task
async def impatient() -> str:
    try:
        return await sleepy.override(timeout=0.5)()
    except flyte.errors.TaskTimeoutError as error:
        return str(error)

@env.task
def run_overridden() -> str:
    return os.environ["WHO"]

if __name__ == "__main__":
    flyte.init_from_config()
    run = flyte.run(run_overridden.override(env_vars={"WHO": "this run"}))
    run.wait()
    print("said", run.outputs()[0])
"""

DECLARING = """\
import datetime
import flyte

env = flyte.TaskEnvironment(
    name="declaring",
    description="All of it.",
    image=flyte.Image.from_debian_base().with_pip_packages("pandas").with_requirements("none.txt"),
    resources=flyte.Resources(cpu="500m", memory=("1Gi", "2Gi"), gpu="T4:1"),
    secrets=[flyte.Secret("token", group="team")],
    cache="auto",
    queue="quick",
)
pool = flyte.TaskEnvironment(name="pool", reusable=flyte.ReusePolicy(replicas=(1, 4)), depends_on=[env])

@env.task(
    retries=flyte.RetryStrategy(2, flyte.Backoff(1, 2, datetime.timedelta(minutes=1))),
    timeout=flyte.Timeout(max_runtime=60, deadline=600),
    triggers=[flyte.Trigger.daily("at"), flyte.Trigger("often", flyte.FixedRate(5), auto_activate=False)],
    pod_template=flyte.PodTemplate(labels={"team": "us"}),
)
def main(at: datetime.datetime = datetime.datetime(2025, 1, 1)) -> str:
    return "ran"

@pool.task
async def pooled() -> str:
    return main()
"""


def test_an_override_holds_for_its_calls_alone(cli: Cli) -> None:
    cli.write("overriding.py", OVERRIDING)
    printed = cli.ok("run", "--follow", "overriding.py", "main")
    assert '["env 0", "override 2", "env 0"]' in outputs_of(printed)


def test_an_override_may_have_less_time(cli: Cli) -> None:
    cli.write("overriding.py", OVERRIDING)
    assert "0.5 s" in outputs_of(cli.ok("run", "--follow", "overriding.py", "impatient"))


def test_a_run_of_an_override_is_overridden(cli: Cli) -> None:
    cli.write("overriding.py", OVERRIDING)
    done = cli.python("overriding.py")
    assert done.returncode == 0, done.stderr
    assert "said this run" in done.stdout


def test_what_does_not_act_yet_is_deployed_shown_and_no_hindrance(cli: Cli) -> None:
    cli.write("declaring.py", DECLARING)
    cli.ok("deploy", "--version", "v1", "declaring.py", "pool")
    printed = cli.ok("get", "task", "declaring.main", "v1")
    for fact in (
        "environment      declaring  All of it.",
        "image layer      pip pandas",
        "resources        cpu=500m, memory=1Gi, memory_limit=2Gi, gpu=T4:1",
        "retries          2, after 1 s, then 2 times as long, at most 60 s",
        "timeout          60 s",
        "deadline         600 s",
        "secret           key=token, group=team, as_env_var=TEAM_TOKEN",
        "queue            quick",
        "trigger daily    0 0 * * * (UTC)",
        "trigger often    every 5 min  is_active=False",
    ):
        assert fact in printed
    assert "reuse            1 to 4 replicas" in cli.ok("get", "task", "pool.pooled")
    document = json.loads(cli.ok("get", "task", "declaring.main", "v1", "-o", "json"))
    assert document["template"]["policies"]["cache"]["behavior"] == "auto"
    assert document["template"]["pod_template"]["labels"] == {"team": "us"}
    cli.ok("create", "secret", "token", "--group", "team", "--value", "hidden")
    assert "ran" in outputs_of(cli.ok("run", "--follow", "declaring.py", "pooled"))
