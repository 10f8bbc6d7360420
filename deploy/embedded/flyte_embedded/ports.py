"""Ports of 127.0.0.1: one that is free, and one that a home had before, so that addresses last."""

import socket
from pathlib import Path

from flyte_embedded.home import read_document, write_private


def free_port() -> int:
    """A port that nobody has just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_free(port: int) -> bool:
    """Whether nobody has this port just now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def known_port(file: Path) -> int:
    """The port that was kept in a file, when it is free; 0 else."""
    port = read_document(file).get("port")
    return port if isinstance(port, int) and is_free(port) else 0


def keep_port(file: Path, port: int) -> None:
    """Remember a port for the next time."""
    write_private(file, {"port": port})
