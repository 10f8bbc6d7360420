"""An export carries the seals of its run, and an import holds its events against them."""

from pathlib import Path

import pytest

from flyte._archive.checking import Contents, check
from flyte._archive.reading import reading
from flyte._archive.records import EVENTS, SEALS, Damaged
from flyte._client.exporting import export_run
from flyte_bus.memory import MemoryBus, MemoryServer
from flyte_schemas.envelope import encode
from flyte_schemas.events import AttemptSucceeded
from flyte_schemas.seals import RunSealed
from flyte_schemas.subjects import seal_subject
from testkit.archives import KEY as RUN
from testkit.archives import STORY, write_archive
from testkit.events import event
from testkit.seals import KEY, Told, sealed


def told(path: Path) -> list[Told]:
    """The events of a file, as the log had them."""
    with reading(path) as reader:
        check(reader)
        return [(one.sequence, one.subject.rpartition(".")[2], one.raw) for one in reader.messages(EVENTS)]


def checked(path: Path) -> Contents:
    with reading(path) as reader:
        return check(reader)


def message(seal: RunSealed) -> tuple[str, bytes]:
    return seal_subject(RUN), encode(event(seal_subject(RUN), seal))


@pytest.fixture
def seals(tmp_path: Path) -> list[tuple[str, bytes]]:
    """Of the run in the file, after three of its events and after all four."""
    write_archive(tmp_path / "plain.zip")
    return [message(seal) for seal in sealed(told(tmp_path / "plain.zip"), [3, 4], run=RUN)]


def test_a_file_without_seals_says_so(tmp_path: Path) -> None:
    write_archive(tmp_path / "run.zip")
    assert (checked(tmp_path / "run.zip").sealed, checked(tmp_path / "run.zip").keys) == (0, frozenset())


def test_the_seals_of_a_file_are_held_against_its_events(
    tmp_path: Path, seals: list[tuple[str, bytes]]
) -> None:
    write_archive(tmp_path / "run.zip", seals=seals)
    found = checked(tmp_path / "run.zip")
    assert (found.sealed, found.keys) == (4, {KEY.public})
    write_archive(tmp_path / "half.zip", seals=seals[:1])
    assert checked(tmp_path / "half.zip").sealed == 3


def test_a_run_that_was_forged_before_its_export_is_refused(
    tmp_path: Path, seals: list[tuple[str, bytes]]
) -> None:
    """The file's own chain is whole: only the seals know."""
    forged = (*STORY[:2], AttemptSucceeded(attempt=1, log_end=5))
    write_archive(tmp_path / "run.zip", forged, seals=seals)
    with pytest.raises(Damaged, match=r"not those that were sealed: changed: .*p/d/r1/a0, sequence 30"):
        checked(tmp_path / "run.zip")


@pytest.mark.parametrize("wrong", [b"nothing", encode(event(seal_subject(RUN), STORY[0]))])
def test_what_is_no_seal_is_refused(tmp_path: Path, wrong: bytes) -> None:
    write_archive(tmp_path / "run.zip", seals=[(seal_subject(RUN), wrong)])
    with pytest.raises(Damaged, match="this is no seal"):
        checked(tmp_path / "run.zip")


def test_a_seal_of_another_run_is_refused(tmp_path: Path, seals: list[tuple[str, bytes]]) -> None:
    write_archive(tmp_path / "run.zip", seals=[("flyte.seal.p.d.other", seals[0][1])])
    with pytest.raises(Damaged, match="is no seal of run p/d/r1"):
        checked(tmp_path / "run.zip")


async def test_an_export_has_the_seals_of_its_run(tmp_path: Path, seals: list[tuple[str, bytes]]) -> None:
    server = MemoryServer()
    async with MemoryBus(server) as bus:
        await bus.provision()
        for subject, raw in seals:
            server.publish_raw(subject, raw)
        for data in STORY:
            subject = f"flyte.run.{RUN.project}.{RUN.domain}.{RUN.run}.a0"
            await bus.log.append(event(subject, data))
        await export_run(bus, RUN, tmp_path / "run.zip", at=event("s", STORY[0]).time, with_objects=False)
    with reading(tmp_path / "run.zip") as reader:
        found = [record for part, record in reader.all_records() if part == SEALS]
    assert len(found) == 2
