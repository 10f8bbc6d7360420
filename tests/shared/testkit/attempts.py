"""A table of what becomes of attempts: tasks that end in every way, and what their parent sees of each.

A row is a task of a program that is made of the table. Its script says what each attempt does, one word each,
the last one again and again; each attempt and each end leaves a line in a file of its row's.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

HEAD = '''\
import asyncio
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import flyte
from flyte import errors

env = flyte.TaskEnvironment(name="rows")


class Enough(errors.NonRecoverableError):
    pass


def left(folder: str, name: str, word: str) -> int:
    """Leave a word in a row's file; how many such words are there."""
    path = Path(folder, name)
    with path.open("a") as file:
        file.write(word + "\\n")
    return path.read_text().split().count(word)


def is_stopped(folder: str, name: str) -> bool:
    path = Path(folder, name)
    return path.exists() and "stopped" in path.read_text().split()


async def begun(folder: str, name: str) -> None:
    while not Path(folder, name).exists():
        await asyncio.sleep(0.02)


def play(folder: str, name: str, script: list[str]) -> str:
    """What one attempt does at once; "hang" is its caller's to do."""
    left(folder, name, "began")
    attempt = flyte.ctx().attempt_number
    word, said = script[min(attempt, len(script) - 1)], f"attempt {attempt}"
    match word:
        case "bad":
            raise ValueError(said)
        case "final":
            raise errors.NonRecoverableError(said)
        case "enough":
            raise Enough(said)
        case "lost":
            raise errors.RuntimeSystemError("Lost", said)
        case "unknown":
            raise errors.RuntimeUnknownError("Odd", said)
        case "exit":
            sys.exit(3)
        case "lie":
            return attempt
        case "good":
            return said
    return word


async def seen(call) -> str:
    try:
        found = await call
    except errors.BaseRuntimeError as error:
        return f"{type(error).__name__}|{error.code}|{error.kind}|{error.message}"
    return found


@contextmanager
def lasting(folder: str, name: str) -> Iterator[None]:
    left(folder, name, "began")
    try:
        yield
    finally:
        left(folder, name, "stopped")


@env.task
async def hang(folder: str, name: str) -> None:
    with lasting(folder, name):
        await asyncio.sleep(600)


@env.task
async def hang_below(folder: str, name: str) -> None:
    with lasting(folder, name):
        await hang(folder, f"{name}_below")


@env.task
async def fail(folder: str, name: str, word: str) -> str:
    return play(folder, name, [word])
'''

PLAYED = """\
    word = play(folder, "{name}", {script})
    if word == "hang":
        await asyncio.sleep(600)
    return word
"""

PLAYED_SYNC = """\
    word = play(folder, "{name}", {script})
    if word == "hang":
        time.sleep(5)
    return word
"""

MAIN = """\
@env.task
async def main(folder: str) -> dict[str, str]:
    few = asyncio.Semaphore(4)  # so that no deadline is spent on waiting for a place

    async def one(row) -> str:
        async with few:
            return await seen(row.aio(folder))

    found = dict(zip(ROWS, await asyncio.gather(*map(one, ROWS.values()))))
    limit = time.monotonic() + 30
    while running := [name for name in STOPS if not is_stopped(folder, name)]:
        if time.monotonic() > limit:
            break
        await asyncio.sleep(0.05)
    return found | {"still running": " ".join(running)}


@env.task
async def busy(folder: str) -> None:
    left(folder, "busy", "began")
    await begun(folder, "enough")


@env.task(retries=flyte.RetryStrategy(1, flyte.Backoff(0.05)), timeout=flyte.Timeout(max_queued_time=1))
async def impatient(folder: str) -> str:
    return play(folder, "impatient", ["good"])


@env.task
async def crowded(folder: str) -> str:
    call = asyncio.create_task(busy(folder))
    await begun(folder, "busy")
    found = await seen(impatient(folder))
    left(folder, "enough", "began")
    await call
    return found


@env.task
async def branch(folder: str, name: str) -> None:
    await hang_below(folder, name)


@env.task
async def bough(folder: str) -> None:
    await hang(folder, "bough")


@env.task
async def tree(folder: str) -> None:
    other = asyncio.create_task(bough(folder))
    Path(folder, "told").write_text(await seen(branch(folder, "branch")))
    await other


if __name__ == "__main__":
    import json

    if sys.argv[1] == "remote":
        flyte.init_from_config()
    run = flyte.with_runcontext(mode=sys.argv[1]).run(main, folder=sys.argv[2])
    run.wait()
    few = flyte.with_runcontext(mode=sys.argv[1], max_action_concurrency=1).run(crowded, folder=sys.argv[2])
    few.wait()
    print("RESULT", json.dumps([run.name, run.outputs()[0], few.name, few.outputs()[0]]))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A task with `policies` whose attempts follow `script`, or whose code is `body`.

    `sees` is what its parent sees: the value, or `type|code|kind|message`. `attempts` is how many leave
    "began" in the row's file; `tries` how many lines other files have; `stops` names the files of actions
    below it that must have been stopped, and on the stack been aborted. `deviation` says why local runs, or
    we, do otherwise.
    """

    name: str
    policies: str = ""
    script: str = ""
    body: str = ""
    is_sync: bool = False
    sees: str
    attempts: int = 1
    at_most: bool = False
    attempts_locally: int | None = None
    tries: Mapping[str, int] = field(default_factory=dict)
    stops: tuple[str, ...] = ()
    deviation: str = ""

    def __post_init__(self) -> None:
        if self.attempts_locally is not None and not self.deviation:
            raise ValueError(f"row {self.name} does not say why local runs do otherwise")

    @property
    def source(self) -> str:
        """The task, as its user writes it."""
        if self.body:
            code = "".join(f"    {line}\n" for line in self.body.strip().splitlines())
        else:
            played = PLAYED_SYNC if self.is_sync else PLAYED
            code = played.format(name=self.name, script=self.script.split())
        word = "def" if self.is_sync else "async def"
        return f"\n\n@env.task({self.policies})\n{word} {self.name}(folder: str) -> str:\n{code}"


def program(rows: "tuple[Row, ...]") -> str:
    """The program of a table: `python FILE local|remote FOLDER` prints the run's name and what was seen."""
    named = "".join(f'    "{row.name}": {row.name},\n' for row in rows)
    stops = [name for row in rows for name in row.stops]
    tasks = "".join(row.source for row in rows)
    return f"{HEAD}{tasks}\n\nROWS = {{\n{named}}}\nSTOPS = {stops}\n\n\n{MAIN}"
