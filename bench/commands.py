"""What a user waits for at a terminal: starting, help, import, deploy, run."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench import children, stack
from bench.rows import Row, several, timed
from testkit.cli import Cli
from testkit.nats_server import NatsServer

HELLO = """\
import flyte

env = flyte.TaskEnvironment(name="bench")


@env.task
async def hello(name: str) -> str:
    return f"Hello, {name}!"

"""


# Users have the bytecode that installing made; some machines switch it off for all programs.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def python(*words: str) -> None:
    """Run this interpreter."""
    subprocess.run([sys.executable, *words], check=True, capture_output=True)


def bare() -> Iterator[Row]:
    """What needs no stack."""
    floor = min(several(lambda: python("-c", "pass"), 10))
    with tempfile.TemporaryDirectory() as folder:
        cli = Cli(Path(folder), {"FLYTE_HOME": folder}, is_forked=False)
        cli.write("hello.py", HELLO)
        helps = several(lambda: cli.ok("--help"), 10)
        run_helps = several(lambda: cli.ok("run", "--help"), 10)
        task_helps = several(lambda: cli.ok("run", "hello.py", "hello", "--help"), 10)
        local = several(lambda: cli.ok("run", "--local", "hello.py", "hello", "--name", "x"), 5)
    imports = several(lambda: python("-c", "import flyte"), 10)
    is_python = "python -c pass"
    yield _seconds("import flyte (beyond the interpreter)", (t - floor for t in imports), "≤ 0.15 s")
    for what, figures in (
        ("flyte --help", helps),
        ("flyte run --help", run_helps),
        ("flyte run FILE TASK --help", task_helps),
    ):
        yield Row(
            what=what,
            unit="s",
            figures=figures,
            floor=floor,
            floor_is=is_python,
            goal=f"≤ floor + 0.25 = {floor + 0.25:.2f} s",
        )
    yield _seconds("flyte run --local FILE TASK", local, "—")


def with_stack() -> Iterator[Row]:
    """What needs a stack: starting it, deploying, running."""
    with tempfile.TemporaryDirectory() as folder:
        cli = Cli(Path(folder), {"FLYTE_HOME": f"{folder}/home"}, is_forked=False)
        cli.write("hello.py", HELLO)
        floor = _nats_server_start(Path(folder))
        started = timed(lambda: cli.ok("start", "--detach"))
        try:
            yield Row(
                what="flyte start → ready",
                unit="s",
                figures=(started,),
                floor=floor,
                floor_is="nats-server start",
                goal="≤ 2 s",
            )
            yield from stack.idle(Path(folder) / "home")
            yield from _typed(cli)
            yield from stack.log_lines(cli)
            yield from children.rows(cli)
        finally:
            cli.ok("stop")


def _typed(cli: Cli) -> Iterator[Row]:
    cli.ok("deploy", "hello.py", "env")
    deploys = several(lambda: cli.ok("deploy", "hello.py", "env"), 5)
    yield _seconds("flyte deploy, nothing changed", deploys, "≤ 0.3 s")
    changes = several(lambda: _deploy_changed(cli), 5)
    yield _seconds("flyte deploy, one file changed", changes, "≤ 1 s")
    floor = min(several(lambda: python("-c", "import asyncio"), 10))
    runs = several(lambda: cli.ok("run", "deployed-task", "bench.hello", "--name", "x"), 10)
    yield Row(
        what="flyte run deployed-task, typed → printed",
        unit="s",
        figures=runs,
        floor=floor,
        floor_is='python -c "import asyncio"',
        goal="≤ 0.6 s",
    )


def _deploy_changed(cli: Cli) -> None:
    cli.write("hello.py", f"{HELLO}\n# {time.time_ns()}\n")
    cli.ok("deploy", "hello.py", "env")


def _nats_server_start(folder: Path) -> float:
    server = NatsServer(folder / "floor")
    try:
        return timed(server.start)
    finally:
        server.kill()


def _seconds(what: str, figures: Iterator[float] | tuple[float, ...], goal: str) -> Row:
    return Row(what=what, unit="s", figures=tuple(figures), goal=goal)
