"""What the registry reads it seals: once, in order, over crashes, and never against an earlier seal."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from flyte._client.verifying import Verified, verify
from flyte_bus.errors import BusUnavailable
from flyte_bus.identity.keys import KeyPair
from flyte_bus.memory import MemoryBus, MemoryServer
from flyte_bus.ports import Bus
from flyte_registry import sealing
from flyte_registry.app import RegistryService, build
from flyte_registry.read_model import ReadModel
from flyte_registry.seal_key import SealKeyUnusable, seal_key
from flyte_registry.settings import READ_MODEL_FILE, RegistrySettings, in_folder
from flyte_schemas.events import ActionRequested, AttemptStopped, AttemptSucceeded
from flyte_schemas.seals import RunSealed
from flyte_schemas.streams import RUNS, SEALS
from flyte_schemas.subjects import RunKey
from testkit.cases.harness import GUARD_S
from testkit.registry import CHILD, STARTED, TASK, WHERE, happen, readable

RUN = RunKey(**WHERE, run="r")
DONE = AttemptSucceeded(attempt=1)


@pytest.fixture
async def server() -> AsyncIterator[MemoryServer]:
    server = MemoryServer()
    async with MemoryBus(server) as bus:
        await bus.provision()
    yield server


@asynccontextmanager
async def registry(server: MemoryServer, folder: Path, **limits: float) -> AsyncIterator[RegistryService]:
    """A registry that seals, and soon."""
    settings = replace(in_folder(folder), **({"seal_quiet_s": 0.02} | limits))  # type: ignore[arg-type]
    async with MemoryBus(server) as bus:
        service = await build(bus, settings)
        try:
            await service.start()
            yield service
        finally:
            await service.stop()


async def seals(bus: Bus) -> list[RunSealed]:
    found = [readable(entry.content).data async for entry in bus.log.read(SEALS, "flyte.seal.>")]
    assert all(isinstance(data, RunSealed) for data in found)
    return [data for data in found if isinstance(data, RunSealed)]


async def until(bus: Bus, condition: Callable[[list[RunSealed]], bool]) -> list[RunSealed]:
    async with asyncio.timeout(GUARD_S):
        while not condition(found := await seals(bus)):
            await asyncio.sleep(0.01)
    return found


async def verified(bus: Bus, folder: Path) -> Verified:
    key = seal_key(in_folder(folder).seal_key_file or folder)
    return await verify(bus, frozenset({key.public}))


async def test_a_run_is_sealed_when_it_is_over_and_again_after_late_words(
    server: MemoryServer, tmp_path: Path
) -> None:
    async with registry(server, tmp_path), MemoryBus(server) as bus:
        await happen(bus, "r", *STARTED)
        end = await happen(bus, "r", DONE)
        (first,) = await until(bus, lambda found: bool(found) and found[-1].through == end)
        assert (first.count, len(first.marks)) == (4, 4)
        late = await happen(bus, "r", AttemptStopped(attempt=1))
        _, second = await until(bus, lambda found: found[-1].through == late)
        assert (second.count, len(second.marks)) == (5, 1)
        found = await verified(bus, tmp_path)
    assert (found.findings, found.sealed, found.unsealed_events) == ([], 1, 0)


async def test_a_long_run_is_sealed_on_its_way(server: MemoryServer, tmp_path: Path) -> None:
    async with registry(server, tmp_path, seal_every_events=5), MemoryBus(server) as bus:
        await happen(bus, "r", *STARTED)
        assert await seals(bus) == []
        for number in range(5):
            await happen(bus, "r", CHILD, action=f"c{number}")
        await until(bus, bool)
        found = await verified(bus, tmp_path)
    assert (found.findings, found.running, found.sealed) == ([], 1, 0)


async def test_what_waits_for_long_is_sealed(server: MemoryServer, tmp_path: Path) -> None:
    async with registry(server, tmp_path, seal_after_s=0.05), MemoryBus(server) as bus:
        await happen(bus, "r", ActionRequested(task=TASK))
        await until(bus, bool)


async def test_what_was_left_unsealed_is_sealed_after_a_restart(server: MemoryServer, tmp_path: Path) -> None:
    async with MemoryBus(server) as bus:
        async with registry(server, tmp_path, seal_quiet_s=1000.0) as service:
            end = await happen(bus, "r", *STARTED, DONE)
            await service._projection.reach(RUNS, end, GUARD_S)
        assert await seals(bus) == []
        async with registry(server, tmp_path):
            await until(bus, bool)
        assert (await verified(bus, tmp_path)).findings == []


@pytest.mark.parametrize("at", ["before the seal", "after the seal"])
async def test_a_sealer_that_dies_seals_each_event_once(
    server: MemoryServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    whole = sealing._put

    def dies(model: ReadModel, standings: object) -> None:
        raise BusUnavailable("killed between the seal and the note of it")

    async with MemoryBus(server) as bus:
        if at == "after the seal":
            monkeypatch.setattr(sealing, "_put", dies)
            async with registry(server, tmp_path):
                await happen(bus, "r", *STARTED, DONE)
                await until(bus, bool)
            monkeypatch.setattr(sealing, "_put", whole)
        else:
            async with registry(server, tmp_path, seal_quiet_s=1000.0):
                await happen(bus, "r", *STARTED, DONE)
        async with registry(server, tmp_path):
            end = await happen(bus, "r", AttemptStopped(attempt=1))
            told = await until(bus, lambda found: bool(found) and found[-1].through == end)
        assert sum(len(seal.marks) for seal in told) == 5
        assert (await verified(bus, tmp_path)).findings == []


async def test_a_model_that_is_made_anew_goes_on_where_the_seals_are(
    server: MemoryServer, tmp_path: Path
) -> None:
    async with MemoryBus(server) as bus:
        async with registry(server, tmp_path):
            await happen(bus, "r", *STARTED, DONE)
            await until(bus, bool)
        (tmp_path / READ_MODEL_FILE).unlink()
        async with registry(server, tmp_path):
            await happen(bus, "r", AttemptStopped(attempt=1))
            told = await until(bus, lambda found: len(found) == 2)
        assert [len(seal.marks) for seal in told] == [4, 1]
        assert (await verified(bus, tmp_path)).findings == []


async def test_two_registries_seal_together(server: MemoryServer, tmp_path: Path) -> None:
    second = tmp_path / "second"
    second.mkdir()
    key = seal_key(tmp_path / "seal.key")
    (second / "seal.key").write_text(key.seed)
    async with registry(server, tmp_path), registry(server, second), MemoryBus(server) as bus:
        ends = {}
        for number in range(10):
            ends[f"r{number}"] = await happen(bus, f"r{number}", *STARTED, DONE)
        await until(bus, lambda found: {one.through for one in found} >= set(ends.values()))
        found = await verified(bus, tmp_path)
    assert (found.findings, found.sealed) == ([], 10)


async def rewritten(
    bus: Bus, changed: Callable[[list[tuple[str, bytes]]], list[tuple[str, bytes]]]
) -> MemoryServer:
    """Another server with the same log, but for what was changed in the stream of runs."""
    told = [(entry.subject, entry.raw) async for entry in bus.log.read(RUNS, "flyte.run.>")]
    other = MemoryServer()
    async with MemoryBus(other) as theirs:
        await theirs.provision()
        for subject, raw in changed(told):
            other.publish_raw(subject, raw)
        async for entry in bus.log.read(SEALS, "flyte.seal.>"):
            other.publish_raw(entry.subject, entry.raw)
    return other


def with_other_outputs(told: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    return [(subject, raw.replace(b'"log_end":0', b'"log_end":1')) for subject, raw in told]


async def test_a_registry_never_signs_what_contradicts_a_seal(server: MemoryServer, tmp_path: Path) -> None:
    """Who rewrites the log and lets the registry read it anew gets no signature for it."""
    async with MemoryBus(server) as bus:
        async with registry(server, tmp_path):
            await happen(bus, "r", *STARTED, DONE)
            await until(bus, bool)
        other = await rewritten(bus, with_other_outputs)
    (tmp_path / READ_MODEL_FILE).unlink()
    with capture_logs() as told:
        async with registry(other, tmp_path), MemoryBus(other) as bus:
            await happen(bus, "r", AttemptStopped(attempt=1))
            async with asyncio.timeout(GUARD_S):
                while not any(line["event"] == "registry.seal.contradicted" for line in told):
                    await asyncio.sleep(0.01)
            assert len(await seals(bus)) == 1
            found = (await verified(bus, tmp_path)).findings
    assert [(one.problem, one.action, one.sequence) for one in found] == [
        ("changed", "a0", 4),
        ("unsealed tail", "a0", 5),
    ]


async def test_without_a_key_nothing_is_sealed_or_kept_for_it(server: MemoryServer, tmp_path: Path) -> None:
    async with MemoryBus(server) as bus:
        service = await build(bus, RegistrySettings(read_model_file=tmp_path / READ_MODEL_FILE))
        await service.start()
        end = await happen(bus, "r", *STARTED, DONE)
        await service._projection.reach(RUNS, end, GUARD_S)
        assert await service._projection.ask(lambda model: model.seals.waiting()) == []
        await service.stop()
        assert await seals(bus) == []


def test_a_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "keys" / "seal.key"
    first = seal_key(file)
    assert (file.stat().st_mode & 0o777, seal_key(file).public) == (0o600, first.public)
    assert (tmp_path / "keys" / "seal.key.pub").read_text() == first.public + "\n"


@pytest.mark.parametrize("content", [b"", b"nothing", b"\xff", KeyPair.create("user").public.encode()])
def test_what_is_no_key_is_refused_with_what_to_do(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "seal.key"
    file.write_bytes(content)
    with pytest.raises(SealKeyUnusable, match="FLYTE_REGISTRY_SEAL_KEY names a file with the seed"):
        seal_key(file)
