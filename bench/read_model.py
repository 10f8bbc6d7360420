"""The registry with 100,000 runs: what its lists take over the bus, and how fast its file is built anew.

The lists are of runs that were put into the file directly; it is built anew from a log on a real nats-server.
"""

import asyncio
import os
import random
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bench import log, written
from bench.rows import Row
from flyte_bus import event_loop
from flyte_bus.errors import Refusal
from flyte_bus.ports import Bus
from flyte_registry.app import build
from flyte_registry.core.rows import RunRow
from flyte_registry.read_model import ReadModel
from flyte_registry.settings import in_folder
from flyte_schemas.action import ActionState
from flyte_schemas.endpoints import LIST_RUNS, ListRuns, Ping, ping_endpoint
from flyte_schemas.events import ActionRequested, RunSettings
from flyte_schemas.failure import Failure, FailureKind
from flyte_schemas.phase import ActionPhase
from flyte_schemas.streams import RUNS
from flyte_schemas.subjects import RunKey
from flyte_schemas.task import TaskReference

LISTED = int(os.environ.get("FLYTE_BENCH_RUNS", "100000"))
REBUILT = LISTED // 10
"""Runs in the log from which the file is built, each of five events."""
TIMES = 20
BATCH = 1_000
PATIENCE_S = 600.0
WHERE = {"project": "bench", "domain": "bench"}
BEGAN = datetime(2024, 1, 1, tzinfo=UTC)
APART = timedelta(minutes=1)
CRASH = Failure(code="ValueError", kind=FailureKind.USER, message="it is wrong " * 20)
PHASES = {
    ActionPhase.SUCCEEDED: 90_000,
    ActionPhase.FAILED: 9_000,
    ActionPhase.ABORTED: 900,
    ActionPhase.RUNNING: 90,
    ActionPhase.QUEUED: 10,
}
"""How often each phase occurs."""


def rows() -> Iterator[Row]:
    """See above."""
    yield from event_loop.run(_lists())
    yield from event_loop.run(_rebuilt())


# -- lists ---------------------------------------------------------------------------------------------------


def _questions() -> dict[str, dict[str, Any]]:
    """By what is asked: the filters that are used, those that find little and those that find much."""
    late = BEGAN + APART * LISTED
    return {
        "newest 100": {},
        "oldest first, by the last change": {"sort_by": "updated_at", "ascending": True},
        "those that are not over": {"in_phase": (ActionPhase.RUNNING, ActionPhase.QUEUED)},
        "failed": {"in_phase": (ActionPhase.FAILED,)},
        "of a task": {"task_name": "env7.task"},
        "of a version that does not exist": {"task_version": "v0"},
        "of a user": {"requested_by": "user3"},
        "of the last hour": {"requested_after": late - timedelta(hours=1)},
        "changed in the last hour": {"updated_after": late - timedelta(hours=1)},
        "with a label": {"labels": {"team": "team3"}},
        "with a label that few have": {"labels": {"team": "rare"}},
        "that wait for an answer": {"paused_only": True},
        "whose name has a part, and none has": {"search": "nowhere"},
        "of a task and failed, with counts": {
            "task_name": "env7.task",
            "in_phase": (ActionPhase.FAILED,),
            "counts": True,
        },
        "newest 100, with counts of all": {"counts": True},
        "of the first half, with counts": {"requested_before": BEGAN + APART * (LISTED // 2), "counts": True},
    }


async def _lists() -> list[Row]:
    async with _filled() as bus:
        floor = await _median_ms(bus, None)
        found = []
        for what, asked in _questions().items():
            figures = await _figures_ms(bus, ListRuns(**WHERE, **asked))
            found.append(
                Row(
                    what=f"{LISTED:,} runs: {what}",
                    unit="ms",
                    figures=figures,
                    floor=floor,
                    floor_is="the registry's answer to a ping",
                    goal="≤ 100 ms",
                )
            )
        page, behind = 0, ""
        began = time.perf_counter()
        while page == 0 or behind:
            answer = await bus.ask(
                LIST_RUNS, ListRuns(**WHERE, limit=500, cursor=behind), timeout_s=PATIENCE_S
            )
            page, behind = page + 1, answer.next
        took = 1000 * (time.perf_counter() - began) / page
        found.append(
            Row(what=f"{LISTED:,} runs: each page of 500, to the end", unit="ms", figures=(took,), goal="—")
        )
    return found


async def _figures_ms(bus: Bus, question: ListRuns | None) -> tuple[float, ...]:
    figures = []
    for _ in range(TIMES):
        began = time.perf_counter()
        if question is None:
            await bus.ask(ping_endpoint("registry"), Ping(), timeout_s=PATIENCE_S)
        else:
            await bus.ask(LIST_RUNS, question, timeout_s=PATIENCE_S)
        figures.append(1000 * (time.perf_counter() - began))
    return tuple(figures)


async def _median_ms(bus: Bus, question: ListRuns | None) -> float:
    return sorted(await _figures_ms(bus, question))[TIMES // 2]


@asynccontextmanager
async def _filled() -> AsyncIterator[Bus]:
    """The bus of a registry whose file has the runs."""
    with tempfile.TemporaryDirectory() as folder:
        settings = in_folder(Path(folder))
        _fill(settings.read_model_file)
        async with written.server_and_bus() as (_, bus):
            service = await build(bus, settings)
            await service.start()
            try:
                yield bus
            finally:
                await service.stop()


def _fill(file: Path) -> None:
    """Put the runs into a file that no log was read for."""
    chance = random.Random(0)
    model = ReadModel(file)
    try:
        for first in range(1, LISTED + 1, BATCH):
            with model.transaction():
                for number in range(first, min(first + BATCH, LISTED + 1)):
                    model.runs.put(_run(number, chance))
    finally:
        model.close()


def _run(number: int, chance: random.Random) -> RunRow:
    (phase,) = chance.choices(list(PHASES), list(PHASES.values()))
    asked_at = BEGAN + APART * number
    team = "rare" if number % 5_000 == 0 else f"team{chance.randrange(10)}"
    asked = ActionRequested(
        task=TaskReference(name=f"env{chance.randrange(20)}.task", version=f"v{chance.randrange(1, 500)}"),
        requested_by=f"user{min(99, int(chance.paretovariate(1)))}",
        settings=RunSettings(labels={"team": team}),
    )
    root = ActionState(
        phase=phase,
        requested=asked,
        attempt=1,
        requested_at=asked_at,
        started_at=asked_at + timedelta(seconds=1),
        ended_at=asked_at + timedelta(seconds=chance.randrange(2, 10_000)) if phase.is_terminal else None,
        failure=CRASH if phase is ActionPhase.FAILED else None,
    )
    paused = frozenset({"ok"}) if number % 3_000 == 0 else frozenset[str]()
    key = RunKey(**WHERE, run=f"r{chance.getrandbits(64):016x}")
    return RunRow(key=key, sequence=number * 10, actions=chance.randrange(1, 100), root=root, paused=paused)


# -- the file built anew -------------------------------------------------------------------------------------


async def _rebuilt() -> list[Row]:
    async with written.server_and_bus() as (server, bus):
        gate = asyncio.Semaphore(written.WRITERS)

        async def one(number: int) -> None:
            async with gate:
                run = RunKey(**WHERE, run=f"run{number}")
                await written.action(bus, run.action("a0"), None, *written.LIFE, written.END)

        await asyncio.gather(*map(one, range(REBUILT)))
        end = await bus.log.last_sequence(RUNS)
        with tempfile.TemporaryDirectory() as folder:
            service = await build(bus, in_folder(Path(folder)))
            began, busy = time.perf_counter(), time.process_time()
            await service.start()
            answer = await _when_it_answers(bus)
            took, worked = time.perf_counter() - began, time.process_time() - busy
            assert answer == end
            await service.stop()
        began = time.process_time()
        await log.replay(server, RUNS.subjects[0], end)
        floor = end / (time.process_time() - began)
    return [
        Row(
            what=f"read model built anew from {end:,} events",
            unit="events/s",
            figures=(end / took,),
            goal="—",
        ),
        Row(
            what="  a second of processor time",
            unit="events/s",
            figures=(end / worked,),
            floor=floor,
            floor_is="ordered replay of the same messages, undecoded; a second of processor time",
            goal="—",
        ),
    ]


async def _when_it_answers(bus: Bus) -> int:
    while True:
        try:
            return (await bus.ask(LIST_RUNS, ListRuns(**WHERE), timeout_s=PATIENCE_S)).as_of_sequence
        except Refusal:
            continue
