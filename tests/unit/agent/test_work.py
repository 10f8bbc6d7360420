"""The folders that attempts run in leave nothing behind."""

import os
import subprocess
from pathlib import Path

import pytest

from flyte_agent.work import work_folder
from flyte_bus.leftovers import clear_leftovers
from flyte_bus.process import start_time


def test_a_folder_lives_as_long_as_its_attempt(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), work_folder(tmp_path / "work") as folder:
        (folder / "deep" / "down").mkdir(parents=True)
        (folder / "deep" / "file").write_text("x")
        raise ZeroDivisionError
    assert list((tmp_path / "work").iterdir()) == []


def test_two_attempts_have_two_folders(tmp_path: Path) -> None:
    with work_folder(tmp_path) as one, work_folder(tmp_path) as other:
        assert one != other


def test_what_a_killed_agent_left_is_cleared_away_and_nothing_else(tmp_path: Path) -> None:
    gone = subprocess.Popen(["/bin/true"])
    gone.wait()
    left = tmp_path / f"{gone.pid}.123.abc"
    reused = tmp_path / f"{os.getpid()}.{int(start_time(os.getpid())) - 1}.abc"
    other = tmp_path / "somebody.else.s"
    for folder in (left, reused, other):
        folder.mkdir()
        (folder / "file").write_text("x")
    with work_folder(tmp_path) as mine:
        clear_leftovers(tmp_path)
        assert sorted(tmp_path.iterdir()) == sorted([mine, other])


def test_where_there_is_nothing_there_is_nothing_to_clear(tmp_path: Path) -> None:
    clear_leftovers(tmp_path / "nowhere")
