"""One attempt in a process of its own, and every way that it can end."""

import asyncio
import io
import os
import signal
import tarfile
from pathlib import Path

import pytest

from flyte_bus.process import is_alive, start_time
from flyte_dataproxy.app import DataproxyService
from flyte_executor.backends.processes import end
from flyte_schemas.action import ActionState
from flyte_schemas.events import ActionRequested, ActionRetried, AttemptSucceeded
from flyte_schemas.failure import Failure, FailureKind
from flyte_schemas.literals import InlineLiteral, ReferencedLiteral
from flyte_schemas.phase import ActionPhase
from flyte_schemas.streams import RUNS
from flyte_schemas.subjects import parse_action, run_filter
from testkit.agents import Agents
from testkit.cases.harness import GUARD_S, until
from testkit.processes import below

P = ActionPhase


def failure_of(state: ActionState) -> Failure:
    """The failure of an attempt that is over; the decision about it is the executor's."""
    assert state.attempt_over
    assert not state.is_terminal
    assert state.failure is not None
    return state.failure


@pytest.mark.parametrize("prefix", ["", "async "], ids=["sync", "async"])
async def test_a_task_runs_and_returns(agents: Agents, prefix: str) -> None:
    order = await agents.open(
        f"@env.task\n{prefix}def main(x: int) -> int:\n"
        "    print('out', os.getcwd() == str(Path(__file__).parent))\n"
        "    print('err', os.environ['COLOUR'], flyte.ctx().attempt_number, file=sys.stderr)\n"
        "    return x + 1\n",
        inputs={"x": 41},
        env_vars={"COLOUR": "blue"},
    )
    state = await agents.run(order)
    assert state.phase is P.SUCCEEDED
    assert await agents.output(state) == 42
    assert await agents.printed(order) == "out True\n"
    assert await agents.printed(order, "stderr") == "err blue 0\n"
    assert agents.leftovers() == set()


@pytest.mark.parametrize("prefix", ["", "async "], ids=["sync", "async"])
async def test_an_exception_is_told_with_the_users_own_lines(agents: Agents, prefix: str) -> None:
    order = await agents.open(
        f"def deeper():\n    raise LookupError('not there')\n\n@env.task\n{prefix}def main():\n    deeper()\n"
    )
    failure = failure_of(await agents.run(order))
    assert (failure.code, failure.message, failure.kind) == ("LookupError", "not there", FailureKind.USER)
    assert 'File "my_example.py"' in failure.traceback
    assert "in deeper" in failure.traceback
    assert "flyte/_runtime" not in failure.traceback


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        ("sys.exit(3)", "SystemExit", "sys.exit(3)"),
        ("os._exit(9)", "ProcessExited", "code 9"),
        ("os._exit(0)", "ProcessExited", "code 0"),
        ("ctypes.string_at(0)", "SegmentationFault", "segmentation fault"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "Killed", "SIGKILL"),
        ("os.abort()", "ProcessAborted", "SIGABRT"),
        ("os.kill(os.getpid(), signal.SIGRTMIN + 2)", "ProcessKilled", "signal"),
    ],
)
async def test_whatever_ends_the_process_is_the_attempts_failure_after_all_its_output(
    agents: Agents, body: str, code: str, message: str
) -> None:
    order = await agents.open(f"@env.task\ndef main():\n    print('last words')\n    {body}\n")
    failure = failure_of(await agents.run(order))
    assert (failure.code, failure.kind) == (code, FailureKind.USER)
    assert message in failure.message
    assert await agents.printed(order) == "last words\n"
    assert agents.leftovers() == set()


async def test_ten_thousand_lines_before_a_sudden_end_are_all_there_in_order(agents: Agents) -> None:
    order = await agents.open(
        "@env.task\ndef main():\n"
        "    for number in range(10_000):\n        print('line', number)\n"
        "    os._exit(1)\n"
    )
    assert failure_of(await agents.run(order)).code == "ProcessExited"
    assert await agents.printed(order) == "".join(f"line {number}\n" for number in range(10_000))


@pytest.mark.parametrize(
    "body", ["time.sleep(600)", "subprocess.run(['sleep', '600'])", "await asyncio.sleep(600)"]
)
async def test_a_task_that_takes_too_long_is_ended_with_all_that_it_started(
    agents: Agents, body: str
) -> None:
    prefix = "async " if "await" in body else ""
    order = await agents.open(
        f"@env.task\n{prefix}def main():\n    print('patience')\n    {body}\n", timeout_s=0.2
    )
    failure = failure_of(await agents.run(order))
    assert failure.code == "TaskTimeout"
    assert "0.2 s" in failure.message
    assert await agents.printed(order) == "patience\n"


MUTE = """\
class Mute(Exception):
    def __str__(self): return 1 / 0

@env.task
def main(): raise Mute
"""
NESTED = """\
@env.task
def main() -> Any:
    value = []
    for _ in range({levels}): value = [value]
    return value
"""


@pytest.mark.parametrize(
    ("source", "code"),
    [
        (MUTE, "Mute"),
        ("@env.task\ndef main(): raise ValueError('half a name: \\udcff')\n", "ValueError"),
        (NESTED.format(levels=5_000), None),
        ("import not_installed\n@env.task\ndef main(): ...\n", "ModuleNotFoundError"),
        ("@env.task\ndef main(): import not_installed\n", "ModuleNotFoundError"),
        ("exit(4)\n@env.task\ndef main(): ...\n", "ModuleLoadError"),
        ("@env.task\ndef another(): ...\n", "ModuleLoadError"),
    ],
    ids=["mute", "undecodable", "deep", "no such module", "none later", "exit at import", "no such task"],
)
async def test_strange_mistakes_are_the_users_failures_too(
    agents: Agents, source: str, code: str | None
) -> None:
    failure = failure_of(await agents.run(await agents.open(source)))
    assert failure.kind is FailureKind.USER
    assert failure.code == code or code is None
    assert failure.code not in ("ProcessExited", "AgentLost")


async def test_a_missing_module_is_named_and_said_how_to_be_had(agents: Agents) -> None:
    order = await agents.open("import not_installed.part\n@env.task\ndef main(): ...\n")
    failure = failure_of(await agents.run(order))
    assert failure.message == "my_example.py does not import: No module named 'not_installed'"
    assert "install the package that has 'not_installed'" in failure.hint
    assert "in the bundle" in failure.hint
    assert 'File "my_example.py", line' in failure.traceback
    assert not failure.recoverable


LIMITED = """\
@env.task
def main():
    import resource
    resource.setrlimit(resource.RLIMIT_AS, (1 << 30, resource.RLIM_INFINITY))
    bytearray(1 << 32)
"""


async def test_memory_that_python_does_not_get_is_told_with_what_was_held_and_the_limit(
    agents: Agents,
) -> None:
    failure = failure_of(await agents.run(await agents.open(LIMITED)))
    assert (failure.code, failure.kind) == ("MemoryError", FailureKind.USER)
    assert "memory" in failure.message
    assert "limited to 1 GiB (RLIMIT_AS)" in failure.hint
    assert " MiB at its peak" in failure.hint


async def test_a_value_too_deep_for_json_travels_as_a_pickle(agents: Agents) -> None:
    state = await agents.run(await agents.open(NESTED.format(levels=230)))
    assert state.phase is P.SUCCEEDED


async def test_a_variable_that_cannot_be_set_is_the_users_failure(agents: Agents) -> None:
    order = await agents.open("@env.task\ndef main(): ...\n", env_vars={"A=B": "x"})
    assert failure_of(await agents.run(order)).code == "ValueError"


@pytest.mark.parametrize(
    "body",
    [
        "sys.stdout.close(); sys.stderr.close()",
        "sys.stdout = sys.stderr = None",
        "subprocess.Popen(['sleep', '5'], start_new_session=True)",
        "os.fork() or time.sleep(600)",
        "print('no line end', end='')",
    ],
    ids=["closed", "none", "daemon", "fork", "half a line"],
)
async def test_what_a_task_leaves_behind_does_not_keep_it_from_ending(agents: Agents, body: str) -> None:
    order = await agents.open(
        f"@env.task\ndef main() -> int:\n    print('hello')\n    {body}\n    return 1\n"
    )
    state = await agents.run(order)
    assert state.phase is P.SUCCEEDED
    assert (await agents.printed(order)).startswith("hello\n")


async def test_large_values_go_round_by_the_artifact_store(agents: Agents) -> None:
    order = await agents.open(
        "@env.task\ndef main(x: str) -> str: return x[::-1] * 2\n", inputs={"x": "ab" * 50_000}
    )
    state = await agents.run(order)
    assert isinstance((state.requested.inputs if state.requested else {})["x"], ReferencedLiteral)
    assert isinstance((state.outputs or {})["o0"], ReferencedLiteral)
    assert await agents.output(state) == "ba" * 100_000


async def test_a_bundle_that_holds_a_link_is_refused(agents: Agents) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        info = tarfile.TarInfo("trick.py")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(info)
    failure = failure_of(await agents.run(await agents.open("", archive=out.getvalue())))
    assert (failure.code, failure.recoverable) == ("BundleRefused", False)
    assert "trick.py" in failure.message


# -- children ---------------------------------------------------------------------------------------------

PARENT = """\
@env.task
def child(x: int) -> int: return -1

@env.task
{prefix}def main() -> int:
    print(flyte.ctx().attempt_number)
    return {call} + 1
"""


async def children(agents: Agents, run_filter_: str) -> list[str]:
    keys = [parse_action(entry.subject) async for entry in agents.bus.log.read(RUNS, run_filter_)]
    return sorted({key.action for key in keys if key is not None and not key.is_root})


@pytest.mark.parametrize(("prefix", "call"), [("", "child(20)"), ("async ", "await child(20)")])
async def test_a_child_is_asked_for_and_a_second_attempt_meets_it(
    agents: Agents, prefix: str, call: str
) -> None:
    order = await agents.open(PARENT.format(prefix=prefix, call=call))
    run = order.key.action.run
    process = agents.start(order)
    async with asyncio.timeout(GUARD_S):
        while not (names := await children(agents, run_filter(run))):
            await asyncio.sleep(0.01)
    (name,) = names
    process.send(signal.SIGTERM)
    await process.wait()
    assert failure_of(await agents.state(order)).code == "Interrupted"

    await agents.say(order.key.action, ActionRetried(attempt=1, reason=""))
    again = await agents.queue(order.key.action, 2)
    process = agents.start(again)
    await agents.until(again, lambda state: state.attempt == 2 and state.phase is P.RUNNING)
    await agents.queue(run.action(name), 1)
    await agents.say(run.action(name), AttemptSucceeded(attempt=1, outputs={"o0": InlineLiteral(value=41)}))
    await process.wait()
    assert await agents.output(await agents.state(again)) == 42
    assert await children(agents, run_filter(run)) == [name]
    requests = [entry async for entry in agents.bus.log.read(RUNS, run_filter(run))]
    kinds = [type(getattr(entry.content, "data", None)) for entry in requests]
    assert kinds.count(ActionRequested) == 2  # the root and one child


# -- agents that meet, are stopped, or die ----------------------------------------------------------------


async def test_of_two_agents_for_one_attempt_one_runs_the_function(agents: Agents, tmp_path: Path) -> None:
    order = await agents.open(
        "@env.task\ndef main(path: str):\n"
        "    with open(path, 'a') as file: file.write('entered\\n')\n"
        "    time.sleep(0.5)\n",
        inputs={"path": str(tmp_path / "entered")},
    )
    states = await asyncio.gather(agents.run(order), agents.run(order))
    assert all(state.phase in (P.RUNNING, P.SUCCEEDED, P.INITIALIZING) for state in states)
    assert (await agents.state(order)).phase is P.SUCCEEDED
    assert (tmp_path / "entered").read_text() == "entered\n"
    assert agents.leftovers() == set()


async def test_an_agent_that_is_told_to_stop_says_so_after_all_output(agents: Agents) -> None:
    order = await agents.open("@env.task\ndef main():\n    print('busy')\n    time.sleep(600)\n")
    process = agents.start(order)
    await agents.until(order, lambda state: state.phase is P.RUNNING)
    process.send(signal.SIGTERM)
    await process.wait()
    failure = failure_of(await agents.state(order))
    assert (failure.code, failure.kind) == ("Interrupted", FailureKind.SYSTEM)
    assert agents.leftovers() == set()


@pytest.mark.parametrize(
    ("prefix", "wait"),
    [("async ", "await asyncio.sleep(600)"), ("", "time.sleep(600)")],
    ids=["async", "sync"],
)
async def test_a_task_that_is_stopped_may_clean_up(agents: Agents, prefix: str, wait: str) -> None:
    order = await agents.open(
        f"@env.task\n{prefix}def main():\n    print('begun')\n    try:\n        {wait}\n"
        "    except Exception:\n        print('eaten')\n"
        "    finally:\n        print('tidied up')\n"
    )
    process = agents.start(order)
    await agents.until_printing(order)
    process.send(signal.SIGTERM)
    await process.wait()
    assert failure_of(await agents.state(order)).code == "Interrupted"
    assert await agents.printed(order) == "begun\ntidied up\n"


async def test_a_task_and_an_agent_that_are_paused_hear_of_their_stop(agents: Agents) -> None:
    order = await agents.open(
        "@env.task\nasync def main():\n    print('begun')\n    try:\n        await asyncio.sleep(600)\n"
        "    finally:\n        print('tidied up')\n"
    )
    process = agents.start(order)
    await agents.until_printing(order)
    for pid in (process.pid, *below(process.pid)):
        os.kill(pid, signal.SIGSTOP)
    assert not await end(process.pid, start_time(process.pid), grace_s=600.0)
    await process.wait()
    assert failure_of(await agents.state(order)).code == "Interrupted"
    assert await agents.printed(order) == "begun\ntidied up\n"


async def test_a_task_that_stays_in_spite_of_its_stop_is_killed(agents: Agents) -> None:
    order = await agents.open(
        "@env.task\nasync def main():\n    print('begun')\n    while True:\n        try:\n"
        "            await asyncio.sleep(600)\n        except BaseException:\n            print('no')\n"
    )
    process = agents.start(order)
    await agents.until_printing(order)
    process.send(signal.SIGTERM)
    await process.wait()
    assert failure_of(await agents.state(order)).code == "Interrupted"
    assert await agents.printed(order) == "begun\nno\n"
    assert agents.leftovers() == set()


async def test_an_agent_that_waits_for_its_bundle_can_be_stopped(
    agents: Agents, dataproxy: DataproxyService
) -> None:
    order = await agents.open("@env.task\ndef main(): ...\n")
    await dataproxy.stop()
    process = agents.start(order)
    await agents.until(order, lambda state: state.phase is P.INITIALIZING)
    process.send(signal.SIGTERM)
    await process.wait()
    assert failure_of(await agents.state(order)).code == "Interrupted"


async def test_the_users_process_dies_with_its_agent(agents: Agents, tmp_path: Path) -> None:
    order = await agents.open(
        "@env.task\ndef main(path: str):\n    Path(path).write_text(str(os.getpid()))\n    time.sleep(600)\n",
        inputs={"path": str(tmp_path / "pid")},
    )
    process = agents.start(order)
    await until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text() != "")
    runner = int((tmp_path / "pid").read_text())
    assert is_alive(runner)
    await agents.until(order, lambda state: state.phase is P.RUNNING)  # said beside the task, not before it
    process.send(signal.SIGKILL)
    await until(lambda: not is_alive(runner))
    state = await agents.state(order)
    assert state.phase is P.RUNNING  # nobody said anything: that is the executor's to find out
    assert any(path.endswith(f"/{process.pid}.json") for path in agents.leftovers())
