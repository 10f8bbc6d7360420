"""What runs while everything breaks: small workflows, and the user who starts, aborts and awaits them.

Some functions have processes of their own, some run in a pool whose processes are used again.

Every call of a function writes into a diary when it begins and when it ends, in one write each: which action
and attempt it belongs to, its process, and the machine's monotonic time.
"""

WORK = '''\
import asyncio
import os
import time

import flyte

pool = flyte.TaskEnvironment(name="pool", reusable=flyte.ReusePolicy(replicas=(0, 2)))
env = flyte.TaskEnvironment(name="chaos", depends_on=[pool])


def note(diary: str, word: str) -> None:
    """One line into the diary, whole or not at all."""
    ctx = flyte.ctx()
    action = f"{ctx.action.run_name}/{ctx.action.name}"
    line = f"{action} {ctx.attempt_number + 1} {os.getpid()} {word} {time.monotonic_ns()}\\n"
    descriptor = os.open(diary, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, line.encode())
    finally:
        os.close(descriptor)


@pool.task
async def leaf(number: int, diary: str) -> int:
    note(diary, "begin")
    await asyncio.sleep(6.0 if number % 20 == 0 else number % 5 * 0.05)  # now and then longer than a lease
    print(f"leaf {number}")
    note(diary, "end")
    return number * number


@pool.task(retries=flyte.RetryStrategy(count=5, backoff=flyte.Backoff(base=0.2, factor=1.0)))
async def flaky(number: int, diary: str) -> int:
    note(diary, "begin")
    if flyte.ctx().attempt_number < number % 3:
        raise RuntimeError("not this time")
    note(diary, "end")
    return number + 1


@env.task(cache=flyte.Cache("override", version_override="1", serialize=True, ignored_inputs="diary"))
async def cached(number: int, diary: str) -> int:
    note(diary, "begin")
    await asyncio.sleep(0.1)
    note(diary, "end")
    return number + 1000


@env.task
async def branch(number: int, diary: str) -> int:
    note(diary, "begin")
    parts = await asyncio.gather(leaf(number, diary), flaky(number, diary), cached(number % 7, diary))
    note(diary, "end")
    return sum(parts)


@env.task
async def root(number: int, diary: str) -> int:
    note(diary, "begin")
    first = await asyncio.gather(leaf(number, diary), branch(number + 1, diary))
    last = await branch(number + 2, diary)
    note(diary, "end")
    return sum(first) + last
'''

USER = '''\
import asyncio
import faulthandler
import json
import random
import signal
import sys
from pathlib import Path

import flyte
import flyte.errors
import flyte.remote

import work

SEED, DIARY, STOP = sys.argv[1], sys.argv[2], Path(sys.argv[3])
RUNS, PARALLEL = int(sys.argv[4]), int(sys.argv[5])


def say(**facts: object) -> None:
    print(json.dumps(facts), flush=True)


def tell_where(*_: object) -> None:
    """Where everything waits, for a drill that failed."""
    from flyte._syncify import background_loop

    def dump() -> None:
        for task in asyncio.all_tasks():
            task.print_stack()

    faulthandler.dump_traceback()
    background_loop().call_soon_threadsafe(dump)


async def patiently(what: str, ask):
    """What a user does whose stack is away: try again."""
    while True:
        try:
            return await ask()
        except flyte.errors.RuntimeSystemError as error:
            say(kind="again", what=what, why=f"{error.code}: {error}"[:200])
            await asyncio.sleep(0.5)


async def start(name: str, number: int):
    async def ask():
        try:
            asked = flyte.with_runcontext(mode="remote", name=name)
            return await asked.run.aio(work.root, number=number, diary=DIARY)
        except flyte.errors.RuntimeUserError as error:
            if error.code != "RunAlreadyExistsError":  # an earlier try had come through
                raise
            return await flyte.remote.Run.get.aio(name)

    return await patiently("start", ask)


async def one(index: int) -> None:
    chance = random.Random(f"{SEED}/{index}")
    name, number = f"chaos-{index}", chance.randrange(1000)
    run = await start(name, number)
    say(kind="started", run=name, number=number)
    if chance.random() < 0.2:
        await asyncio.sleep(chance.uniform(0.0, 4.0))
        await patiently("abort", run.abort.aio)
        say(kind="aborted", run=name)
    say(kind="ended", run=name, status=await ended(run, name))


async def ended(run, name: str) -> str:
    """The status of the run at its end."""
    try:
        await patiently("wait", lambda: run.wait.aio(quiet=True))
    except flyte.errors.RuntimeUserError as error:
        if error.code != "RunAlreadyExistsError":  # an earlier try of the same start had come through
            raise
        run = await patiently("get", lambda: flyte.remote.Run.get.aio(name))
        await patiently("wait", lambda: run.wait.aio(quiet=True))
    return run.status


async def main() -> None:
    signal.signal(signal.SIGUSR1, tell_where)
    flyte.init_from_config()
    await patiently("deploy", lambda: flyte.deploy.aio(work.env))
    say(kind="deployed")
    indexes = iter(range(RUNS))

    async def keep_busy() -> None:
        for index in indexes:
            if STOP.exists():
                return
            await one(index)

    await asyncio.gather(*(keep_busy() for _ in range(PARALLEL)))
    say(kind="done")


asyncio.run(main())
'''


def expected(number: int) -> int:
    """What `root(number)` returns."""

    def branch(number: int) -> int:
        return number * number + number + 1 + number % 7 + 1000

    return number * number + branch(number + 1) + branch(number + 2)
