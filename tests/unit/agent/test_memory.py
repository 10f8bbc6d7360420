"""Whether a process was killed for its memory, from what is known of its life."""

import os
import signal
import socket
from pathlib import Path

import pytest

from flyte._runtime.memory import MemoryLimits, read_limits, size_text
from flyte_agent.endings import failure_of_status
from flyte_agent.memory import MemoryUse
from flyte_agent.process import Forked, RunnerProcess
from flyte_schemas.failure import FailureKind

GIB, MIB = 1 << 30, 1 << 20


def between(peak: int, *, kills: tuple[int, int] = (0, 0), **limits: int) -> MemoryUse:
    """`kills`: in the cgroup and on the machine, within the life of the process."""
    before = MemoryLimits(cgroup_kills=5, machine_kills=7, **limits)
    after = MemoryLimits(cgroup_kills=5 + kills[0], machine_kills=7 + kills[1], **limits)
    return MemoryUse.between(before, after, peak_bytes=peak)


@pytest.mark.parametrize(
    ("use", "code"),
    [
        (between(3 * MIB, cgroup_bytes=GIB, machine_bytes=8 * GIB), "Killed"),
        (between(3 * MIB, cgroup_bytes=GIB, kills=(1, 1)), "OOMKilled"),
        (between(3 * MIB, cgroup_bytes=GIB, machine_bytes=8 * GIB, kills=(0, 1)), "Killed"),
        (between(950 * MIB, cgroup_bytes=GIB, machine_bytes=8 * GIB), "OOMKilled"),
        (between(5 * GIB, machine_bytes=8 * GIB), "Killed"),
        (between(5 * GIB, machine_bytes=8 * GIB, kills=(0, 1)), "OOMKilled"),
        (between(3 * MIB, machine_bytes=8 * GIB, kills=(0, 1)), "Killed"),
        (between(15 * GIB // 2, machine_bytes=8 * GIB), "OOMKilled"),
        (between(15 * GIB), "Killed"),
        (MemoryUse.between(MemoryLimits(), MemoryLimits(cgroup_kills=1), peak_bytes=GIB), "Killed"),
    ],
)
def test_a_sigkill_is_for_memory_when_memory_says_so(use: MemoryUse, code: str) -> None:
    failure = failure_of_status(signal.SIGKILL, use)
    assert (failure.code, failure.kind) == (code, FailureKind.USER)


@pytest.mark.parametrize("status", [signal.SIGSEGV, signal.SIGTERM, 1 << 8])
def test_what_is_no_sigkill_has_its_own_reason_however_full_memory_was(status: int) -> None:
    assert failure_of_status(status, between(GIB, cgroup_bytes=GIB, kills=(1, 1))).code != "OOMKilled"


def test_the_message_has_the_peak_and_the_limit() -> None:
    failure = failure_of_status(signal.SIGKILL, between(1023 * MIB, cgroup_bytes=GIB, kills=(1, 0)))
    assert "held 1023 MiB at its peak, and the limit of its cgroup is 1 GiB" in failure.message
    on_machine = failure_of_status(signal.SIGKILL, between(15 * GIB // 2, machine_bytes=8 * GIB))
    assert "held 7.5 GiB at its peak, and the machine has 8 GiB" in on_machine.message


def write(root: Path, **files: str) -> None:
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


PROC = {
    "proc__meminfo": "MemTotal:  2048 kB\nMemFree: 1 kB\n",
    "proc__vmstat": "nr_free_pages 1\noom_kill 4\n",
}


def test_limits_are_read_from_cgroups_of_version_2(tmp_path: Path) -> None:
    write(tmp_path, **PROC, proc__self__cgroup="0::/outer/inner\n")
    group = tmp_path / "sys/fs/cgroup/outer"
    (group / "inner").mkdir(parents=True)
    (group / "memory.max").write_text("1048576\n")
    (group / "memory.events").write_text("oom 9\noom_kill 9\n")
    (group / "inner/memory.max").write_text("max\n")
    (group / "inner/memory.events").write_text("low 0\noom_kill 3\noom_group_kill 0\n")
    assert read_limits(tmp_path) == MemoryLimits(
        cgroup_bytes=1048576, machine_bytes=2048 * 1024, cgroup_kills=3, machine_kills=4
    )


def test_limits_are_read_from_cgroups_of_version_1_as_a_container_sees_them(tmp_path: Path) -> None:
    write(tmp_path, **PROC, proc__self__cgroup="5:cpu,cpuacct:/x\n4:memory:/docker/abc\n0::/\n")
    group = tmp_path / "sys/fs/cgroup/memory"
    group.mkdir(parents=True)
    (group / "memory.limit_in_bytes").write_text("524288\n")
    (group / "memory.oom_control").write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 2\n")
    found = read_limits(tmp_path)
    assert (found.cgroup_bytes, found.cgroup_kills) == (524288, 2)


def test_a_limit_that_is_none_is_none(tmp_path: Path) -> None:
    write(tmp_path, proc__self__cgroup="4:memory:/\n")
    group = tmp_path / "sys/fs/cgroup/memory"
    group.mkdir(parents=True)
    (group / "memory.limit_in_bytes").write_text("9223372036854771712\n")
    assert read_limits(tmp_path).cgroup_bytes is None
    assert read_limits(tmp_path / "elsewhere") == MemoryLimits()


@pytest.mark.parametrize(
    ("size", "text"), [(5, "5 bytes"), (1536, "1.5 KiB"), (512 * MIB, "512 MiB"), (3 * GIB // 2, "1.5 GiB")]
)
def test_a_size_is_said_as_people_say_it(size: int, text: str) -> None:
    assert size_text(size) == text


async def test_of_a_process_that_has_ended_the_most_that_it_held_is_known() -> None:
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        held = b"x" * (80 * MIB)
        os._exit(len(held) % 2)
    runner = RunnerProcess(Forked(pid=pid, connection=ours, pipes={}))
    await runner.open()
    assert await runner.exited() == 0
    assert runner.memory().peak_bytes >= 80 * MIB
    theirs.close()
    await runner.close()
