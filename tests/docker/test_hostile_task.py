"""A task that looks through its container for keys, and tries what it wants with whatever it finds."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from testkit.cli import Cli, outputs_of
from testkit.docker_engine import BASE
from testkit.stacks import docker_stack

pytestmark = pytest.mark.timeout(900)

SEARCH = '''\
"""What lets somebody in: seeds and tokens, in files, in environments, on command lines."""

import base64
import binascii
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

WANTED = re.compile(rb"S[OANCUX][A-Z2-7]{56}|eyJ[\\w-]{20,}\\.[\\w-]{20,}\\.[\\w-]{20,}")
SEEN_IN_A_FILE = 4 << 20


def content(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(SEEN_IN_A_FILE)
    except OSError:
        return b""


def places(root: str) -> Iterator[str]:
    for folder, folders, files in os.walk(root):
        if folder == "/":
            folders[:] = [one for one in folders if one not in ("proc", "sys", "dev")]
        for name in files:
            path = f"{folder}/{name}"
            if os.path.isfile(path):  # no pipe: that would wait for who writes
                yield path


def of_processes() -> Iterator[str]:
    for pid in filter(str.isdigit, os.listdir("/proc")):
        yield from (f"/proc/{pid}/environ", f"/proc/{pid}/cmdline")


def lets_in(word: bytes) -> bool:
    if word.startswith(b"eyJ"):
        return True
    seed = base64.b32decode(word + b"======")
    return binascii.crc_hqx(seed[:-2], 0).to_bytes(2, "little") == seed[-2:]  # else capitals of a library


def found_in(paths: Iterator[str]) -> list[tuple[str, str]]:
    words = ((path, word) for path in paths for word in set(WANTED.findall(content(path))))
    return [(path, word.decode()) for path, word in words if lets_in(word)]


if __name__ == "__main__":
    for path, word in found_in(places(sys.argv[1])):
        print(path, word[:2])
'''

FLOW = f'''\
import os
import socket

import flyte
from search import found_in, of_processes, places

image = flyte.Image.from_registry("{BASE}").with_pip_packages("humanize")
env = flyte.TaskEnvironment(name="hostile", image=image, include=["search.py"])
DELETE = b"PUB $JS.API.STREAM.DELETE.FLYTE_RUNS x 0\\r\\n\\r\\n"


def said_by_the_bus(port: int) -> str:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        lines = connection.makefile("rb")
        lines.readline()
        connection.sendall(b"CONNECT {{}}\\r\\n" + DELETE + b"PING\\r\\n")
        return lines.readline().decode().strip()


@env.task
def main(port: int, home: str) -> str:
    found = [*found_in(places("/")), *found_in(of_processes())]
    there = [path for path in (home, "/var/run/docker.sock", "/run/docker.sock") if os.path.exists(path)]
    mounted = [line for line in open("/proc/self/mounts") if home in line]
    return f"found {{found}}, there {{there}}, mounted {{mounted}}, told {{said_by_the_bus(port)}}"
'''


@pytest.fixture
def user(builder: Cli) -> Iterator[Cli]:
    """A user of a stack of the docker backend, with a hostile program."""
    builder.write("search.py", SEARCH)
    builder.write("flow.py", FLOW)
    with docker_stack(builder):
        yield builder


def test_a_task_in_a_container_finds_no_key_and_nobody_lets_it_in_without(user: Cli) -> None:
    home = Path(user.variables["FLYTE_HOME"])
    here = user.python("search.py", str(home)).stdout
    assert f"{home}/access/keys/operator.nk SO" in here, here  # it finds what there is

    port = json.loads(user.ok("status", "-o", "json"))["endpoint"].rpartition(":")[2]
    told = outputs_of(user.ok("run", "flow.py", "main", "--port", port, "--home", str(home)))
    assert "found [], there [], mounted [], told -ERR 'Authorization Violation'" in told, told
