"""Scripts that are forked from a process with everything loaded find the same as if they were started."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from testkit.cli import clean_environment
from testkit.typed import Typed

LOOKS = """\
import json, os, signal, sys

found = {
    "words": sys.argv,
    "name": __name__,
    "file": __file__,
    "main": sys.modules["__main__"].__dict__ is globals(),
    "paths": sys.path,
    "folder": os.getcwd(),
    "variables": dict(os.environ),
    "descriptors": sorted(int(name) for name in os.listdir("/proc/self/fd"))[:-1],
    "input": sys.stdin.read(),
    "handlers": [str(signal.getsignal(one)) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD)],
    "testkit": [name for name in sys.modules if name.startswith("testkit")],
    "umask": os.umask(0o22),
}
print(json.dumps(found))
print("to the other", file=sys.stderr)
sys.exit(3)
"""
WAITS = """\
import sys, time
print("it waits", flush=True)
try:
    time.sleep(600)
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.fixture
def variables() -> dict[str, str]:
    return clean_environment(OF_THIS_TEST="yes")


def script(folder: Path, text: str) -> str:
    path = folder / "script"
    path.write_text(text)
    return str(path)


def typed(words: list[str], folder: Path, variables: dict[str, str], **more: Any) -> Typed:
    return Typed(words, folder, variables, loads=("json",), **more)


def test_a_script_finds_the_same_as_when_it_is_started(tmp_path: Path, variables: dict[str, str]) -> None:
    words = [script(tmp_path, LOOKS), "one", "two words"]
    started = subprocess.run(
        [sys.executable, *words],
        cwd=tmp_path,
        env=variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    forked = typed(words, tmp_path, variables, apart=True)
    printed, complained = forked.communicate(60)
    assert json.loads(printed) == json.loads(started.stdout)
    assert (complained, forked.returncode) == (started.stderr, started.returncode) == ("to the other\n", 3)


def test_each_is_a_process_that_ends_by_its_own_signals(tmp_path: Path, variables: dict[str, str]) -> None:
    words = [script(tmp_path, WAITS)]
    first, second = (typed(words, tmp_path, variables) for _ in range(2))
    for one in (first, second):
        assert one.stdout is not None and one.stdout.readline() == "it waits\n"
    with pytest.raises(subprocess.TimeoutExpired):
        first.wait(0.01)
    first.send_signal(signal.SIGINT)
    assert first.communicate(60) == ("", "")
    assert (first.returncode, second.poll()) == (130, None)
    second.kill()
    assert second.communicate(60) == ("", "")
    assert second.wait() == second.poll() == -signal.SIGKILL
    second.terminate()  # who has ended is not sent anything


def test_one_that_writes_to_a_log_leads_its_session(tmp_path: Path, variables: dict[str, str]) -> None:
    text = "import os, sys\nprint(os.getsid(0) == os.getpid(), file=sys.stderr)\nprint('said')\n"
    with (tmp_path / "log").open("ab") as log:
        one = typed([script(tmp_path, text)], tmp_path, variables, log=log, is_leader=True)
    assert one.wait(60) == 0
    assert (tmp_path / "log").read_text() == "True\nsaid\n"
