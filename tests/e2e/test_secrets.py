"""Secrets as they are typed: kept, seen by tasks, shown nowhere, changed, removed."""

import base64
import contextlib
import json
import os
import pty
import subprocess
from collections.abc import Iterable
from pathlib import Path

from testkit.cli import Cli, clean_environment, command, outputs_of
from testkit.waiting import wait_for

TOKEN, PEM = "hunter2-e2e-hunter2", "-----BEGIN E2E KEY-----\nMIIEe2eSecretLine\n-----END E2E KEY-----\n"
SOURCE = """
import base64
import os
import time
from pathlib import Path

import flyte

pem = flyte.Secret("pem", group="team", mount=Path("/etc/flyte/secrets"))
env = flyte.TaskEnvironment(name="secretive", secrets=["api-key", pem])
warm = flyte.TaskEnvironment(
    name="secretive_warm", secrets="api-key", reusable=flyte.ReusePolicy(replicas=1, concurrency=2)
)


@env.task
def show(gate: str = "") -> int:
    token = os.environ["API_KEY"]
    file = Path(os.environ["FLYTE_SECRETS_DIR"], "team", "pem")
    print("shown:", token, file.read_text())
    print("encoded:", base64.b64encode(f"user:{token}".encode()).decode())
    for letter in token:
        print(letter, end="", flush=True)
    print()
    while gate and not Path(gate).exists():
        time.sleep(0.02)
    return len(token)


@env.task
def fails() -> None:
    raise ValueError("refused: " + os.environ["API_KEY"])


@warm.task
async def length() -> int:
    print("warm:", os.environ["API_KEY"])
    return len(os.environ["API_KEY"])
"""


def keep(cli: Cli, value: str, *words: str) -> str:
    """`flyte create secret`, with the value on its standard input."""
    done = subprocess.run(
        [command("flyte"), "create", "secret", *words, "--from-file", "-"],
        cwd=cli.folder,
        env=clean_environment(**cli.variables),
        input=value,
        capture_output=True,
        text=True,
        timeout=cli.limit_s,
        check=True,
    )
    assert value not in done.stdout + done.stderr
    return done.stdout


def typed(cli: Cli, value: str, *words: str) -> str:
    """`flyte create secret` at a terminal, where somebody types the value; all that is to be seen there."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        ["setsid", "--ctty", "--wait", command("flyte"), "create", "secret", *words],
        cwd=cli.folder,
        env=clean_environment(**cli.variables),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    seen = b""
    try:
        while chunk := _read(ours):
            seen += chunk
            if chunk.endswith(b": "):
                os.write(ours, f"{value}\n".encode())
        assert process.wait(cli.limit_s) == 0, seen
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    return seen.decode().replace("\r", "")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # nobody has the other end open any more
        return b""


def shows_a_value(content: bytes) -> bool:
    words = [TOKEN.encode(), *PEM.strip().encode().splitlines()[1:2]]
    return any(word in content or base64.b64encode(word)[:12] in content for word in words)


def files_with_a_value(home: Path) -> list[str]:
    """The files of a stack that show a value."""
    files = [path for path in home.rglob("*") if path.is_file() and not path.is_symlink()]
    assert len(files) > 5
    return [str(path) for path in files if shows_a_value(path.read_bytes())]


def processes_with_a_value() -> list[str]:
    """The processes of this machine whose command line or first environment shows a value."""
    found = []
    for process in Path("/proc").iterdir():
        for place in ("cmdline", "environ") if process.name.isdigit() else ():
            with contextlib.suppress(OSError):  # it has ended, or is somebody else's
                if shows_a_value((process / place).read_bytes()):
                    found.append(f"{process}/{place}")
    return found


def texts_of(files: Iterable[Path]) -> list[str]:
    """What stands in those that are still there."""
    texts = []
    for file in files:
        with contextlib.suppress(OSError):  # it was another test's
            texts.append(file.read_text())
    return texts


def test_tasks_see_secrets_and_nothing_else_does(cli: Cli, stack_home: Path, tmp_path: Path) -> None:
    cli.write("secretive.py", SOURCE)
    assert typed(cli, TOKEN, "api-key") == "Value of api-key: \ncreated secret api-key\n"
    keep(cli, PEM, "pem", "--group", "team", "--scope", "global")
    listed = {one["key"]: one for one in json.loads(cli.ok("get", "secret", "-o", "json"))}
    assert (listed["api-key"]["scope"], listed["pem"]["scope"]) == ("project", "global")

    gate = tmp_path / "gate"
    run = cli.spawn("run", "--follow", "secretive.py", "show", "--gate", str(gate))
    memory = Path("/dev/shm", f"flyte-{os.getuid()}")
    wait_for("the file of the secret", lambda: PEM in texts_of(memory.glob("*/team/pem")))
    assert processes_with_a_value() == []
    gate.touch()
    text, _ = run.communicate(timeout=cli.limit_s)
    assert run.returncode == 0, text
    assert outputs_of(text) == f"Outputs: ActionOutputs(o0={len(TOKEN)})"
    assert "shown: *** ***\n" in text
    assert "\n***\n" in text
    assert not shows_a_value(text.encode())
    wait_for("the end of the folder of secrets", lambda: PEM not in texts_of(memory.glob("*/team/pem")))

    failed = cli("run", "--follow", "secretive.py", "fails")
    assert failed.returncode == 1
    name = json.loads(cli.ok("get", "run", "-o", "json"))[0]["name"]
    told = failed.stdout + failed.stderr + cli.ok("explain", name) + cli.ok("get", "events", name)
    assert "ValueError: refused: ***" in told
    assert not shows_a_value(told.encode())

    assert outputs_of(cli.ok("run", "--follow", "secretive.py", "length")).endswith(f"o0={len(TOKEN)})")
    assert keep(cli, f"{TOKEN}-and-more", "api-key") == "replaced secret api-key\n"
    longer = outputs_of(cli.ok("run", "--follow", "secretive.py", "length"))
    assert longer.endswith(f"o0={len(TOKEN) + 9})")
    assert files_with_a_value(stack_home) == []

    assert cli.ok("delete", "secret", "api-key") == "deleted secret api-key\n"
    missing = cli("run", "--follow", "secretive.py", "show")
    assert missing.returncode == 1
    assert "SecretMissing: there is no secret 'api-key': looked in default/development" in missing.stderr
    assert "flyte create secret api-key -p default -d development" in missing.stderr
    cli.ok("delete", "secret", "pem", "--group", "team", "--scope", "global")
