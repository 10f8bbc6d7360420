"""A run that the read model cannot take is left out, with a word about it; all others are read on."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from flyte_bus.memory import MemoryBus, MemoryServer
from flyte_bus.ports import Bus
from flyte_registry import projection
from flyte_registry.core.rows import RunRow, fold_run
from flyte_registry.run_table import RunTable
from flyte_schemas.events import ActionQueued, ActionRequested, RunSettings
from flyte_schemas.notify import Notification
from flyte_schemas.streams import RUNS
from flyte_schemas.subjects import RunKey
from testkit.cases.harness import GUARD_S
from testkit.registry import STARTED, TASK, WHERE, everything, happen, registry

BAD = RunKey(**WHERE, run="bad")


@pytest.fixture
async def bus() -> AsyncIterator[Bus]:
    async with MemoryBus(MemoryServer()) as bus:
        await bus.provision()
        yield bus


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth - 1):
        value = [value]
    return value


async def test_what_a_run_shall_tell_whom_is_not_kept(bus: Bus, tmp_path: Path) -> None:
    settings = RunSettings(notifications=(Notification(kind="webhook", settings={"x": nested(150)}),))
    await happen(bus, "deep", ActionRequested(task=TASK, settings=settings))
    for number in range(2):  # the second reads what the first has written
        last = await happen(bus, "deep", ActionQueued(attempt=number + 1, pool="p"))
        async with registry(bus, tmp_path) as service:
            assert await service._projection.reach(RUNS, last, GUARD_S) == last
            assert [run.name for run in (await everything(bus))[0].runs] == ["deep"]


def failing(method: Callable[..., Any], error: Exception) -> Callable[..., Any]:
    """The method, but for one run."""

    def called(*arguments: Any, **named: Any) -> Any:
        for one in arguments:
            if one == BAD or (isinstance(one, RunRow) and one.key == BAD):
                raise error
        return method(*arguments, **named)

    return called


@pytest.mark.parametrize("error", [ValueError("no"), TypeError("no"), RecursionError(), OverflowError()])
@pytest.mark.parametrize("where", ["get", "fold", "put", "summary"])
async def test_a_run_that_cannot_be_taken_in_ends_nothing(
    bus: Bus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, error: Exception
) -> None:
    if where == "fold":
        monkeypatch.setattr(projection, "fold_run", failing(fold_run, error))
    elif where == "summary":
        monkeypatch.setattr("flyte_registry.run_table.run_summary", failing(_no_summary, error))
    else:
        monkeypatch.setattr(RunTable, where, failing(getattr(RunTable, where), error))
    with capture_logs() as told:
        async with registry(bus, tmp_path) as service:
            for run in ("bad", "r1", "bad", "r2"):
                last = await happen(bus, run, *STARTED)
            assert await service._projection.reach(RUNS, last, GUARD_S) == last
            kept = await service._projection.ask(
                lambda model: [name for (name,) in model._db.execute("SELECT name FROM states ORDER BY name")]
            )
    assert kept == ["r1", "r2"]
    unreadable = [line for line in told if line["event"] == "registry.run.unreadable"]
    assert {(line["run"], line["log_level"], line["exc_info"]) for line in unreadable} == {
        (str(BAD), "error", True)
    }


def _no_summary(row: RunRow, **_: Any) -> None:
    return None
