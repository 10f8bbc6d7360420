"""The public surface as a user's type checker sees it; checked by mypy, never run."""

import asyncio
from collections.abc import Coroutine
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
    run = flyte.run(greet, "World", times=2)
    assert_type(run.name, str)
    assert_type(run.url, str)
    assert_type(run.status, str)
    assert_type(run.phase, flyte.ActionPhase)
    assert_type(run.done(), bool)
    run.wait(quiet=True)
    flyte.with_runcontext(mode="local", name="r1", env_vars={"A": "2"}).run(parent, names=["a"])
    flyte.run(greet, 3)  # type: ignore[arg-type]
    flyte.run(greet, nme="x")  # type: ignore[call-arg]
    assert_type(flyte.current_domain(), str)


async def main_in_a_notebook() -> None:
    run = await flyte.run.aio(length, text="a")
    await run.wait.aio()
    assert_type(await run.done.aio(), bool)
    await flyte.deploy.aio(env)
