"""A gibibyte through a chain of tasks: how long it takes, and how much memory each kind of process needs."""

import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.growth.watched import AGENT, SERVER, STACK, TASK, peaks
from bench.rows import Row, timed
from testkit.cli import Cli
from testkit.seaweed import SeaweedServer
from testkit.stacks import running_stack

VALUE_MIB = int(os.environ.get("FLYTE_BENCH_VALUE_MIB", "1024"))
LIMIT_S = 900.0

SOURCE = f"""\
import os

import flyte
import numpy as np
import pandas as pd

SIZE = {VALUE_MIB} * 2**20
env = flyte.TaskEnvironment(name="large")


@env.task(max_inline_io_bytes=2**40)
async def next_bytes(data: bytes) -> bytes:
    return data


@env.task(max_inline_io_bytes=2**40)
async def next_array(data: np.ndarray) -> np.ndarray:
    return data


@env.task
async def next_frame(data: pd.DataFrame) -> pd.DataFrame:
    return data


@env.task
async def of_bytes() -> int:
    return len(await next_bytes(await next_bytes(os.urandom(SIZE))))


@env.task
async def of_array() -> int:
    return int((await next_array(await next_array(np.random.default_rng(1).random(SIZE // 8)))).nbytes)


@env.task
async def of_frame() -> int:
    columns = np.random.default_rng(1).random((SIZE // 64, 8))
    frame = pd.DataFrame(columns, columns=list("abcdefgh"))
    return int((await next_frame(await next_frame(frame))).memory_usage(index=False).sum())
"""


def rows() -> Iterator[Row]:
    """Bytes, an array and a data frame, each through two tasks and back, with the store in S3."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with SeaweedServer(folder / "seaweed") as server:
            server.make_bucket()
            with running_stack(folder, server) as home:
                cli = Cli(folder, {"FLYTE_HOME": str(home)}, limit_s=LIMIT_S, is_forked=False)
                cli.write("large.py", SOURCE)
                for kind in ("bytes", "array", "frame"):
                    yield from _passed(cli, kind)


def _passed(cli: Cli, kind: str) -> Iterator[Row]:
    stack = json.loads((Path(cli.variables["FLYTE_HOME"]) / "stack.json").read_text())["pid"]
    with peaks(stack) as memory:
        seconds = timed(lambda: cli.ok("run", "large.py", f"of_{kind}"))
    what = f"{VALUE_MIB} MiB of {kind} through two tasks"
    yield Row(what=what, unit="s", figures=(seconds,), goal="")
    for process in (TASK, AGENT, STACK, SERVER):
        yield Row(
            what=f"{what}: {process}",
            unit="MiB",
            figures=(memory[process],),
            floor=float(VALUE_MIB) if process == TASK else None,
            floor_is="the value itself",
            goal="bounded",
        )
