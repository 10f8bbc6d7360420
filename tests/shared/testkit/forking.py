"""A process that has Flytejet loaded, and forks itself for each script that it is told to run.

To start an interpreter and to load a command costs many times what most commands then do, and tests type
hundreds of them. Each runs here in a process of its own, with the arguments, variables, folder, session and
streams that it was given, and begins by the script as it is installed: only the loading is shared.

Orders come as packets on a socket, each with four descriptors: standard input, output and error, and a pipe
that is told the process id, and how the process ended. When nobody can give orders any more, it ends.
"""

import gc
import importlib
import json
import os
import pkgutil
import resource
import runpy
import selectors
import signal
import socket
import sys
from pathlib import Path
from typing import Any

PACKET = 1 << 20
DESCRIPTORS = 4


def serve(descriptor: int) -> dict[str, Any] | None:
    """Fork for each order; None at the end, and in the child its order."""
    control = socket.socket(fileno=descriptor)
    running: dict[int, tuple[int, int]] = {}
    """By the descriptor that tells of its end: the process, and the pipe that is told."""
    with selectors.DefaultSelector() as selector:
        selector.register(control, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fd in running:
                    selector.unregister(key.fd)
                    _tell_end(key.fd, *running.pop(key.fd))
                    continue
                packet, given, _, _ = socket.recv_fds(control, PACKET, DESCRIPTORS)
                if not packet:
                    return None
                order = json.loads(packet)
                _load(order["loads"])
                pid = os.fork()
                if pid == 0:
                    control.detach()  # closed with everything else
                    _take(given[:3])
                    return dict(order)
                _tell(given[3], {"pid": pid})
                for stream in given[:3]:
                    os.close(stream)
                end = os.pidfd_open(pid)
                running[end] = (pid, given[3])
                selector.register(end, selectors.EVENT_READ)


def _take(streams: list[int]) -> None:
    for place, stream in enumerate(streams):
        os.dup2(stream, place)


def _tell(pipe: int, fact: dict[str, int]) -> None:
    try:
        os.write(pipe, json.dumps(fact).encode() + b"\n")
    except BrokenPipeError:
        pass  # nobody waits for it


def _tell_end(end: int, pid: int, pipe: int) -> None:
    _, status = os.waitpid(pid, 0)
    _tell(pipe, {"code": os.waitstatus_to_exitcode(status)})
    os.close(pipe)
    os.close(end)


def _load(names: list[str]) -> None:
    """Load modules, and all that is below those that are packages."""
    new = [name for name in names if name not in sys.modules]
    for name in new:
        module = importlib.import_module(name)
        for one in pkgutil.walk_packages(getattr(module, "__path__", []), f"{name}."):
            if not one.name.endswith("__main__"):
                try:
                    importlib.import_module(one.name)
                except ImportError:
                    pass  # what it needs is installed by who wants it
    if new:
        gc.collect()
        gc.freeze()


def play(order: dict[str, Any]) -> None:
    """Be the process that was asked for."""
    os.closerange(3, resource.getrlimit(resource.RLIMIT_NOFILE)[0])  # other orders', and ours
    if order["is_leader"]:
        os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(order["variables"])
    os.chdir(order["folder"])
    script = order["words"][0]
    sys.argv[:] = order["words"]
    sys.path.insert(0, str(Path(script).parent))
    runpy.run_path(script, run_name="__main__")


if __name__ == "__main__":
    sys.path.pop(0)  # the folder of this file
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for those that were forked
    if (found := serve(int(sys.argv[1]))) is not None:
        play(found)
