"""Cached tasks of local runs: what was computed once is used again, by this process and the next."""

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

import flyte
from flyte._local_cache import cache_folder


@pytest.fixture
def env() -> flyte.TaskEnvironment:
    return flyte.TaskEnvironment(name="cached")


def run(task: Any, *args: Any, **options: Any) -> Any:
    return flyte.with_runcontext(mode="local", **options).run(task, *args).outputs()[0]


@pytest.mark.parametrize("is_async", [True, False])
def test_the_same_call_is_computed_once(env: flyte.TaskEnvironment, is_async: bool) -> None:
    calls: list[int] = []

    if is_async:

        @env.task(cache="auto")
        async def square(x: int) -> int:
            calls.append(x)
            return x * x
    else:

        @env.task(cache="auto")
        def square(x: int) -> int:
            calls.append(x)
            return x * x

    assert [run(square, x) for x in (3, 3, 4, 3)] == [9, 9, 16, 9]
    assert calls == [3, 4]


def test_a_child_that_is_cached_is_not_run_again(env: flyte.TaskEnvironment) -> None:
    calls: list[int] = []

    @env.task(cache=flyte.Cache("override", version_override="v1"))
    async def child(x: int) -> int:
        calls.append(x)
        return x

    @env.task
    async def parent(n: int) -> list[int]:
        return [await child(x % 2) for x in range(n)]

    assert run(parent, 5) == [0, 1, 0, 1, 0]
    assert run(parent, 3) == [0, 1, 0]
    assert calls == [0, 1]


def test_a_task_that_gives_nothing_is_cached_too(env: flyte.TaskEnvironment) -> None:
    calls: list[int] = []

    @env.task(cache="auto")
    def nothing(x: int) -> None:
        calls.append(x)

    assert [run(nothing, 1), run(nothing, 1)] == [None, None]
    assert calls == [1]


def test_a_run_may_do_without_the_cache_or_write_it_anew(env: flyte.TaskEnvironment) -> None:
    numbers = iter(range(100))

    @env.task(cache="auto")
    def number() -> int:
        return next(numbers)

    assert run(number) == 0
    assert run(number, disable_run_cache=True) == 1
    assert run(number) == 0
    assert run(number, overwrite_cache=True) == 2
    assert run(number) == 2


def test_a_result_is_kept_for_all_and_for_its_project(env: flyte.TaskEnvironment) -> None:
    numbers = iter(range(100))

    @env.task(cache="auto")
    def number() -> int:
        return next(numbers)

    assert run(number) == 0
    assert run(number, cache_lookup_scope="project-domain") == 0
    assert run(number, cache_lookup_scope="project-domain", project="other") == 1
    assert run(number, cache_lookup_scope="project-domain") == 0
    assert run(number) == 1


def test_the_version_and_the_inputs_that_count_make_the_key(env: flyte.TaskEnvironment) -> None:
    numbers = iter(range(100))

    def number(x: int, seed: int = 0) -> int:
        return next(numbers)

    def of(version: str) -> Any:
        fresh = flyte.TaskEnvironment(name="cached")
        return fresh.task(cache=flyte.Cache("override", version_override=version, ignored_inputs="seed"))(
            number
        )

    assert run(of("v1"), 1) == 0
    assert run(of("v1"), 1, name="other") == 0
    assert flyte.with_runcontext(mode="local").run(of("v1"), 1, seed=9).outputs()[0] == 0
    assert run(of("v2"), 1) == 1
    assert run(of("v1"), 2) == 2


def test_a_failure_is_not_kept(env: flyte.TaskEnvironment) -> None:
    outcomes = iter([ValueError("no"), 7])

    @env.task(cache="auto")
    def moody() -> int:
        outcome = next(outcomes)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    with pytest.raises(flyte.errors.RuntimeUserError, match="no"):
        run(moody)
    assert [run(moody), run(moody)] == [7, 7]


@pytest.mark.parametrize("is_async", [True, False])
def test_of_serialized_calls_one_computes_and_the_others_wait(
    env: flyte.TaskEnvironment, is_async: bool
) -> None:
    calls: list[int] = []
    gate = threading.Barrier(1)

    if is_async:

        @env.task(cache=flyte.Cache("auto", serialize=True))
        async def slow(x: int) -> int:
            calls.append(x)
            await asyncio.sleep(0.05)
            return x
    else:

        @env.task(cache=flyte.Cache("auto", serialize=True))
        def slow(x: int) -> int:
            calls.append(x)
            gate.wait(5)
            return x

    @env.task
    async def parent() -> list[int]:
        return await asyncio.gather(*(slow.aio(x % 2) for x in range(10)))

    assert run(parent) == [0, 1] * 5
    assert sorted(calls) == [0, 1]


def test_serialized_calls_of_a_run_that_writes_anew_compute_once(env: flyte.TaskEnvironment) -> None:
    numbers = iter(range(100))

    @env.task(cache=flyte.Cache("auto", serialize=True))
    async def number() -> int:
        await asyncio.sleep(0.01)
        return next(numbers)

    @env.task
    async def parent() -> list[int]:
        return await asyncio.gather(number(), number(), number())

    assert run(parent) == [0, 0, 0]
    assert run(parent, overwrite_cache=True) == [1, 1, 1]
    assert run(parent) == [1, 1, 1]


def test_when_who_computes_fails_another_one_tries(env: flyte.TaskEnvironment) -> None:
    calls: list[int] = []

    @env.task(cache=flyte.Cache("auto", serialize=True))
    async def moody() -> int:
        calls.append(1)
        await asyncio.sleep(0.01)
        if len(calls) == 1:
            raise ValueError("the first")
        return 5

    @env.task
    async def parent() -> list[str]:
        found = await asyncio.gather(*(moody() for _ in range(4)), return_exceptions=True)
        return sorted(str(one) for one in found)

    assert run(parent) == ["5", "5", "5", "the first"]
    assert len(calls) == 2


def test_a_cache_that_cannot_be_read_is_no_hindrance(
    env: flyte.TaskEnvironment, capsys: pytest.CaptureFixture[str]
) -> None:
    @env.task(cache="auto")
    def one() -> int:
        return 1

    assert run(one) == 1
    (cache_folder() / "results.sqlite").write_bytes(b"garbage " * 1000)
    assert run(one) == 1
    assert "flyte delete local-cache" in capsys.readouterr().err


def test_the_results_are_in_the_home_of_flyte(env: flyte.TaskEnvironment, tmp_path: Path) -> None:
    @env.task(cache="auto")
    def one() -> int:
        return 1

    assert not cache_folder().exists()
    run(one)
    assert list((tmp_path / "home" / ".flyte" / "local-cache").iterdir()) == [
        cache_folder() / "results.sqlite"
    ]
