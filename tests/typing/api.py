"""The public surface as a user's type checker sees it; checked by mypy, never run."""

import asyncio
import datetime
import functools
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, assert_type

import flyte

env = flyte.TaskEnvironment(
    name="typed",
    image="auto",
    description="For the type checker.",
    resources=flyte.Resources(cpu="1", memory=("1Gi", "2Gi"), gpu=1),
    env_vars={"A": "1"},
)
other = flyte.TaskEnvironment(name="other", depends_on=[env])

base = flyte.Environment(name="base", image=flyte.Image.from_base("image:1"))
whole = flyte.TaskEnvironment(
    "whole",
    depends_on=[base, env],
    pod_template=flyte.PodTemplate({"hostNetwork": True}).with_termination_grace_period(30).allow_fuse(),
    secrets=["a", flyte.Secret("b", group="c")],
    resources=flyte.Resources(gpu=flyte.GPU("A100", 1), cpu=(1, "2")),
    image=flyte.Image.from_debian_base((3, 12))
    .with_pip_packages("pandas", pre=True)
    .with_env_vars({"A": "1"}),
    include=["data/*.csv"],
    cache=flyte.Cache("auto", salt="pepper"),
    reusable=flyte.ReusePolicy(replicas=(1, 3), concurrency=4),
    queue="quick",
)
clone = whole.clone_with("clone", image="image:2", cache="disable")
assert_type(clone, flyte.TaskEnvironment)
assert_type(base.clone_with("other-base"), flyte.Environment)


built: flyte.ImageBuild = flyte.build(flyte.Image.from_registry("image:1"), dry_run=True)
assert_type(built.uri, str | None)
looked_up: str = flyte.build_images(whole, copy_style="all")["whole"]


@whole.task(
    cache="auto",
    retries=flyte.RetryStrategy(2, flyte.Backoff(1, factor=2, cap=datetime.timedelta(minutes=1))),
    timeout=flyte.Timeout(max_runtime=60, deadline=datetime.timedelta(hours=1)),
    docs="Long.",
    pod_template="named",
    report=True,
    max_inline_io_bytes=1024,
    queue="slow",
    triggers=[
        flyte.Trigger.daily("at", inputs={"x": 1}),
        flyte.Trigger("often", flyte.FixedRate(5), inputs={"at": flyte.TriggerTime, "x": 2}),
        flyte.Trigger("arrival", flyte.OnArtifact("table"), labels={"a": "b"}),
        flyte.Trigger("nightly", flyte.Cron("0 3 * * *", timezone="Europe/Berlin"), auto_activate=False),
    ],
    entrypoint=True,
)
async def scheduled(at: datetime.datetime, x: int) -> str:
    return f"{at} {x}"


overridden = scheduled.override(retries=3, resources=flyte.Resources(cpu=2), reusable="off", timeout=5)
forwarded: Coroutine[Any, Any, str] = overridden.forward(datetime.datetime.now(), 1)
hinted: flyte.TaskTemplate[..., Any] = scheduled
cache_request: flyte.CacheRequest = "auto"
secret_request: flyte.SecretRequest = ["a", flyte.Secret("b")]
timeout_type: flyte.TimeoutType = datetime.timedelta(seconds=1)
devices: list[flyte.Device] = [flyte.TPU("V5P", "2x2x1"), flyte.Neuron("Trn1"), flyte.AMD_GPU("MI300X")]


@env.task
async def greet(name: str, times: int = 1) -> str:
    return name * times


@env.task(short_name="Length", retries=3, timeout=300, interruptible=True)
def length(text: str) -> int:
    return len(text)


@other.task
async def parent(names: list[str]) -> tuple[int, str]:
    greeting: Coroutine[Any, Any, str] = greet("a")
    assert_type(await greeting, str)
    assert_type(await greet("a", times=2), str)
    assert_type(await greet.aio("a"), str)
    assert_type(length("a"), int)
    assert_type(await length.aio("a"), int)
    assert_type(length.forward("a"), int)
    with flyte.group("all"):
        assert_type(await asyncio.gather(*(greet(name) for name in names)), list[str])
    greet(3)  # type: ignore[arg-type, unused-coroutine]
    length()  # type: ignore[call-arg]
    return 1, "a"


def main() -> None:
    flyte.init(endpoint="nats://127.0.0.1:4222", project="p", domain="d")
    flyte.init_from_config("config.yaml")
    deployments = flyte.deploy(env, other, dryrun=True, version="v1", copy_style="loaded_modules")
    assert_type(deployments, list[flyte.Deployment])
    assert_type(deployments[0].summary_repr(), str)
    assert_type(deployments[0].table_repr(), list[list[tuple[str, str]]])
    assert_type(deployments[0].env_repr(), list[list[tuple[str, str]]])
    assert_type([one.image for one in deployments[0].envs.values()], list[str])
    flyte.deploy(env, copy_style="none", version="v1")
    run = flyte.run(greet, "World", times=2)
    assert_type(run.name, str)
    assert_type(run.url, str)
    assert_type(run.status, str)
    assert_type(run.phase, flyte.ActionPhase)
    assert_type(run.done(), bool)
    run.wait(quiet=True)
    flyte.with_runcontext(mode="local", name="r1", env_vars={"A": "2"}).run(parent, names=["a"])
    flyte.run(greet, 3)  # type: ignore[call-overload]
    flyte.run(greet, nme="x")  # type: ignore[call-overload]
    assert_type(flyte.current_domain(), str)


async def main_in_a_notebook() -> None:
    run = await flyte.run.aio(length, text="a")
    await run.wait.aio()
    assert_type(await run.done.aio(), bool)
    await flyte.deploy.aio(env)


@env.task
async def with_data(
    file: flyte.io.File, folder: flyte.io.Dir[str], table: flyte.io.DataFrame
) -> flyte.io.File:
    async with file.open("rb") as content:
        await content.read()
    with file.open_sync("r") as opened:
        opened.read()
    assert_type(await file.download(), str)
    assert_type(file.exists_sync(), bool)
    assert_type([item async for item in folder.walk()], list[flyte.io.File[str]])
    assert_type(folder.list_files_sync(), list[flyte.io.File[str]])
    await table.open(dict).all()
    made: flyte.io.File[str] = flyte.io.File.new_remote("out.txt")
    assert_type(await flyte.io.File[str].from_local("a.txt"), flyte.io.File[str])
    return made


@flyte.trace
def traced(x: int) -> str:
    return str(x)


@env.task
async def mapped_in_a_task(names: list[str]) -> list[str]:
    flyte.logger.info("mapping %s", names)
    assert_type(traced(1), str)
    with flyte.custom_context(who="me"):
        assert_type(flyte.get_custom_context(), dict[str, str])
        lengths = [item async for item in flyte.map.aio(length, names, concurrency=2)]
    assert_type(lengths, list[int | Exception])
    assert_type(list(flyte.map(greet, names, return_exceptions=False)), list[str | Exception])
    assert_type(list(flyte.map(functools.partial(greet, times=2), names, group_name="g")), list[Any])
    assert_type(flyte.durable.time(), float)
    await flyte.durable.sleep.aio(1)
    webhook = flyte.ConditionWebhook("https://example.com/hook", payload={"text": "please"})
    approval = flyte.new_condition("approve", prompt="Go on?", timeout=60, webhook=webhook)
    rating = await flyte.new_condition.aio("rate", data_type=float, prompt_type="markdown")
    if approval.wait() and await rating.wait.aio() > 0.5:
        flyte.system_logger.info("%s and %s", approval.name, rating.prompt)
    if flyte.ctx().action.name == "a0":
        flyte.system_logger.debug("the root")
    return names


async def kept() -> None:
    checkpoint: flyte.BaseCheckpoint | None = flyte.ctx().checkpoint
    if checkpoint is not None:
        assert_type(await checkpoint.load(), Path | None)
        await checkpoint.save(b"state")
        assert_type(flyte.latest_checkpoint(checkpoint.path), Path | None)
    mine = flyte.Checkpoint("out", "before")
    assert_type(mine.paths, flyte.models.CheckpointPaths)
    assert_type(mine.paths.checkpoint_path, str)


def look_back() -> None:
    task = flyte.remote.Task.get("typed.greet", auto_version="latest")
    started = flyte.with_runcontext("remote", labels={"a": "b"}, custom_context={"c": "d"}).run(
        task, name="a"
    )
    assert_type(started, flyte.remote.Run)
    assert_type(flyte.rerun(started.name, times=3), flyte.remote.Run)
    assert_type(flyte.rerun(started.name, recover=True, force_rerun_actions=["a1"]), flyte.remote.Run)
    started.abort("enough")
    assert_type(started.logs(), str)
    for line in started.get_logs():
        assert_type(line, str)
    details = started.details()
    assert_type(details, flyte.remote.RunDetails)
    assert_type(details.inputs(), flyte.remote.ActionInputs)
    assert_type(details.outputs(), flyte.remote.ActionOutputs)
    for one in flyte.remote.Run.listall(in_phase=flyte.ActionPhase.FAILED, limit=3):
        assert_type(one, flyte.remote.Run)
        assert_type(one.as_of, int | None)
    for action in flyte.remote.Action.listall(for_run_name=started.name):
        assert_type(action.task_name, str | None)
        assert_type(action.seen, flyte.remote.ActionDetails)
        assert_type(action.seen.as_of, int)
    for task_of_list in flyte.remote.Task.listall(entrypoint=True):
        assert_type(task_of_list.as_of, int)
    assert_type(flyte.remote.Project.get("p"), flyte.remote.Project)
    assert_type(flyte.remote.Project.get("p").domains, dict[str, dict[str, int]])
    assert_type(flyte.remote.User.get().name(), str)
    assert_type(flyte.config.Config.auto().task.project, str | None)
    assert_type(flyte.models.ActionPhase.FAILED.is_terminal, bool)


assert_type(flyte.version(), str)
assert_type(flyte.__version__, str)
