"""A second user of the machine gets nothing of an embedded stack: no file, no page, no message."""

import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from testkit.cli import Cli

NOBODY = 65534
PROBE = """
import encodings.idna, json, os, socket, sys
home, ports = sys.argv[1], json.loads(sys.argv[2])
os.setgroups([])
os.setgid(NOBODY)
os.setuid(NOBODY)
said = {"files": [], "answers": {}}
for folder in (home, home + "/nats", home + "/artifacts", home + "/access", home + "/access/keys"):
    try:
        said["files"] += os.listdir(folder)
    except OSError as error:
        pass
for name in sys.argv[4:]:
    try:
        said["files"].append(open(os.path.join(home, name)).read())
    except OSError as error:
        pass
for port in ports:
    answer = b""
    with socket.create_connection(("127.0.0.1", port), 10) as one:
        one.settimeout(10)
        begun = one.recv(4) if port in json.loads(sys.argv[3]) else b""
        if begun == b"INFO":
            one.sendall(b'CONNECT {"verbose":false}\\r\\nPING\\r\\n')
        else:
            one.sendall(b"GET /api/v1/projects HTTP/1.0\\r\\nHost: 127.0.0.1\\r\\n\\r\\n")
        while chunk := one.recv(65536):
            answer += chunk
    said["answers"][port] = answer.decode(errors="replace")
said["commands"] = []
for pid in filter(str.isdecimal, os.listdir("/proc")):
    try:
        said["commands"].append(open(f"/proc/{pid}/cmdline").read())
    except OSError:
        pass
print(json.dumps(said))
""".replace("NOBODY", str(NOBODY))


def listening(pid: int) -> dict[int, str]:
    """The ports at which a process and its children listen, with the addresses as the kernel writes them."""
    inodes: dict[str, tuple[int, str]] = {}
    for table in ("tcp", "tcp6"):
        for line in Path("/proc/net", table).read_text().splitlines()[1:]:
            words = line.split()
            address, port = words[1].split(":")
            if words[3] == "0A":
                inodes[words[9]] = (int(port, 16), address)
    found = {}
    for member in family(pid):
        for descriptor in Path(f"/proc/{member}/fd").iterdir():
            try:
                socket = re.fullmatch(r"socket:\[(\d+)\]", str(descriptor.readlink()))
            except OSError:
                continue
            if socket and socket[1] in inodes:
                port, address = inodes[socket[1]]
                found[port] = address
    return found


def family(pid: int) -> list[int]:
    """A process and all below it."""
    below = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(one for child in below for one in family(int(child)))]


def test_a_second_user_of_the_machine_gets_nothing(cli: Cli, stack_home: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can become another user, to see what that one gets")
    cli.write("flow.py", "import flyte\nenv = flyte.TaskEnvironment(name='mine')\n")
    stack = json.loads((stack_home / "stack.json").read_text())
    token = cli.ok("console", "--token").strip()
    open_to_others = [
        str(path)
        for path in (stack_home, *stack_home.rglob("*"))
        if not path.is_symlink() and stat.S_IMODE(path.lstat().st_mode) & 0o077
    ]
    assert not open_to_others

    ports = listening(stack["pid"])
    assert len(ports) >= 3, "the bus, the console and the dataproxy"
    assert set(ports.values()) == {"0100007F"}, "all on this machine alone"
    bus = int(stack["nats_url"].rpartition(":")[2])
    words = [sys.executable, "-c", PROBE, str(stack_home), json.dumps(list(ports)), json.dumps([bus])]
    names = [str(path.relative_to(stack_home)) for path in stack_home.rglob("*") if path.is_file()]
    wanted = {"stack.json", "access/keys/operator.nk", "access/credentials/operator.creds", "access/seal.key"}
    assert wanted < set(names)
    words += names
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["files"] == []
    console = int(stack["console_url"].rpartition(":")[2])
    for port, answer in said["answers"].items():
        if int(port) == bus:
            assert "-ERR 'Authorization Violation'" in answer
        else:
            status = int(answer.split()[1])
            assert status == 401 if int(port) == console else status in (401, 403, 404), answer
    secrets = [stack.get("nats_password"), token]
    assert not [one for one in said["commands"] if any(secret and secret in one for secret in secrets)]
