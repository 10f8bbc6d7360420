"""An agent takes its credentials, and the user's process finds nothing of them."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from flyte_agent import credentials
from flyte_agent.credentials import taken
from flyte_bus.errors import BusUnavailable
from testkit.issuing import issuer
from testkit.pods import ATTEMPT

FORGETFUL = """
import ctypes, os
from flyte_agent.credentials import forget, keep_from_others
os.environ["FLYTE_NATS_USER"] = "hush-by-python"
shown = open("/proc/self/environ").read()
assert "hush-seed" in shown and "hush-password" in shown
forget()
shown = open("/proc/self/environ").read()
assert "hush" not in shown, shown
libc = ctypes.CDLL(None)
libc.getenv.restype = ctypes.c_char_p
for name in ("FLYTE_NATS_CREDS", "FLYTE_NATS_PASSWORD", "FLYTE_NATS_USER"):
    assert name not in os.environ and libc.getenv(name.encode()) is None
assert os.environ["AWS_ACCESS_KEY_ID"] == "kept"
keep_from_others()
assert libc.prctl(3) == 0  # PR_GET_DUMPABLE
"""


async def test_a_file_is_waited_for_read_once_and_removed(tmp_path: Path) -> None:
    file = tmp_path / "own.creds"
    waiting = asyncio.create_task(taken(file))
    await asyncio.sleep(0)
    assert not waiting.done()
    made = issuer().for_attempt(ATTEMPT)
    file.write_text(made.text)
    assert (await waiting).current == made
    assert not file.exists()


async def test_a_file_for_several_stays(tmp_path: Path) -> None:
    file = tmp_path / "spares.creds"
    file.write_text(issuer().for_attempt(ATTEMPT).text)
    assert await taken(file, keeps_file=True) is not None
    assert file.exists()


async def test_an_agent_whom_nobody_lets_in_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credentials, "FILE_PATIENCE_S", 0.01)
    with pytest.raises(BusUnavailable, match="nobody gave this agent its credentials"):
        await taken(tmp_path / "never")


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel shows a process's environment on Linux")
def test_the_users_process_forgets_whom_its_agent_is() -> None:
    variables = {
        "FLYTE_NATS_CREDS": "-----BEGIN NATS USER JWT-----\nhush-seed",
        "FLYTE_NATS_PASSWORD": "hush-password",
        "AWS_ACCESS_KEY_ID": "kept",
        "PYTHONPATH": ":".join(sys.path),
    }
    done = subprocess.run([sys.executable, "-c", FORGETFUL], env=variables, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
