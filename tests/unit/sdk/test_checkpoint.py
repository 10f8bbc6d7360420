"""Checkpoints: what an attempt saves, the next one loads."""

import os
from pathlib import Path
from typing import Any

import pytest

import flyte
from flyte.errors import RuntimeUserError
from flyte.models import CheckpointPaths

AGAIN = flyte.RetryStrategy(count=3, backoff=flyte.Backoff(base=0))


@pytest.fixture
def env() -> flyte.TaskEnvironment:
    return flyte.TaskEnvironment(name="env")


def run_local(task: Any, data: Path, **inputs: Any) -> Any:
    return flyte.with_runcontext(mode="local", raw_data_path=str(data)).run(task, **inputs).outputs().o0


@pytest.fixture
def two(tmp_path: Path) -> tuple[flyte.Checkpoint, flyte.Checkpoint]:
    """The checkpoints of two attempts, the second after the first."""
    first = flyte.Checkpoint(str(tmp_path / "1"))
    return first, flyte.Checkpoint(str(tmp_path / "2"), str(tmp_path / "1"))


async def loaded_by(checkpoint: flyte.Checkpoint) -> Path:
    path = await checkpoint.load()
    assert path is not None
    return path


async def test_bytes_a_file_or_a_folder_come_back(
    two: tuple[flyte.Checkpoint, flyte.Checkpoint], tmp_path: Path
) -> None:
    first, second = two
    assert not second.prev_exists()
    assert await second.load() is None

    await first.save(b"\x00\x01")
    assert second.prev_exists()
    loaded = await loaded_by(second)
    assert (loaded.name, loaded.read_bytes()) == ("checkpoint", b"\x00\x01")

    model = first.path / "model.bin"
    model.write_bytes(b"weights")
    await first.save(model)
    loaded = await loaded_by(second)
    assert (loaded.name, loaded.read_bytes(), loaded.parent) == ("model.bin", b"weights", second.path)

    folder = tmp_path / "epoch"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "last.ckpt").write_bytes(b"3")
    await first.save(str(folder))
    loaded = await loaded_by(second)
    assert (loaded / "deep" / "last.ckpt").read_bytes() == b"3"
    (loaded / "deep" / "last.ckpt").write_bytes(b"changed")  # a copy of one's own
    again = await loaded_by(second)
    assert (again / "deep" / "last.ckpt").read_bytes() == b"3"
    assert sorted(path.name for path in (tmp_path / "1").iterdir()) == ["saved", "work"]


def test_the_blocking_twins(two: tuple[flyte.Checkpoint, flyte.Checkpoint]) -> None:
    first, second = two
    first.save_sync(b"x")
    loaded = second.load_sync()
    assert loaded is not None
    assert loaded.read_bytes() == b"x"


def test_it_says_where_it_is(two: tuple[flyte.Checkpoint, flyte.Checkpoint], tmp_path: Path) -> None:
    first, second = two
    assert (first.remote_source, second.remote_source) == (None, str(tmp_path / "1"))
    assert second.remote_destination == str(tmp_path / "2")
    assert second.paths == CheckpointPaths(str(tmp_path / "1"), str(tmp_path / "2"))
    assert isinstance(first, flyte.BaseCheckpoint)


@pytest.mark.parametrize(
    ("data", "error", "said"),
    [
        ("not/there", FileNotFoundError, "no file or folder 'not/there'.*give it with .encode"),
        (3, TypeError, "bytes, or the path of a file or folder, not a int"),
    ],
)
def test_what_cannot_be_saved_is_refused(
    two: tuple[flyte.Checkpoint, flyte.Checkpoint], data: Any, error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        two[0].save_sync(data)
    assert not two[1].prev_exists()


def test_an_attempt_goes_on_from_what_the_last_that_saved_has_saved(
    env: flyte.TaskEnvironment, tmp_path: Path
) -> None:
    """Attempt 0 saves twice, attempt 1 nothing, attempt 2 sees the second and saves, attempt 3 sees that."""

    @env.task(retries=AGAIN)
    async def train() -> list[str]:
        context = flyte.ctx()
        checkpoint = context.checkpoint
        assert checkpoint is not None
        loaded = await checkpoint.load()
        seen = loaded.read_text() if loaded else ""
        assert checkpoint.prev_exists() == bool(seen)
        assert context.checkpoint_paths == checkpoint.paths  # type: ignore[attr-defined]
        if context.attempt_number in (0, 2):
            for number in range(2):
                await checkpoint.save(f"{seen}{context.attempt_number}{number} ".encode())
        if context.attempt_number < 3:
            raise RuntimeError("once more")
        return seen.split()

    assert run_local(train, tmp_path) == ["01", "21"]


def test_actions_have_checkpoints_of_their_own(env: flyte.TaskEnvironment, tmp_path: Path) -> None:
    @env.task(retries=AGAIN)
    def child(x: int) -> str:
        checkpoint = flyte.ctx().checkpoint
        assert checkpoint is not None
        loaded = checkpoint.load_sync()
        if loaded is None:
            checkpoint.save_sync(f"{x}".encode())
            raise RuntimeError("once more")
        return loaded.read_text()

    @env.task
    def parent() -> list[str]:
        return [child(1), child(2)]

    assert run_local(parent, tmp_path) == ["1", "2"]


def test_outside_of_a_task_there_is_none() -> None:
    assert flyte.ctx().checkpoint is None


def test_the_latest_is_the_one_that_was_written_last(tmp_path: Path) -> None:
    for number, name in enumerate(("b/last.ckpt", "a/last.ckpt", "a/other.ckpt")):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
        os.utime(path, (number, number))
    assert flyte.latest_checkpoint(tmp_path) == tmp_path / "a/last.ckpt"
    assert flyte.latest_checkpoint(str(tmp_path), "*/*.ckpt") == tmp_path / "a/other.ckpt"
    assert flyte.latest_checkpoint(tmp_path, key=lambda path: str(path)) == tmp_path / "b/last.ckpt"
    assert flyte.latest_checkpoint(tmp_path, "*.none") is None
    assert flyte.latest_checkpoint(None) is None
    assert flyte.latest_checkpoint(tmp_path / "a/last.ckpt") == tmp_path / "a/last.ckpt"


def test_remote_storage_is_refused(env: flyte.TaskEnvironment) -> None:
    with pytest.raises(RuntimeUserError, match="s3"):
        flyte.Checkpoint("s3://bucket/here").save_sync(b"x")
