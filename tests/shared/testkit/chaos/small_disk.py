"""A disk of a few megabytes: a file system in memory, in a mount namespace of its own."""

import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

_HOLD = """\
import subprocess, sys
size, folder = sys.argv[1:]
subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], check=True)
print("mounted", flush=True)
sys.stdin.read()
"""
_UNSHARE = ("unshare", "--user", "--map-root-user", "--mount")


class SmallDisk:
    """A context manager. `inside` is the words before a command that sees the disk at `folder`.

    Raises SmallDiskRefused where nobody may mount anything.
    """

    def __init__(self, folder: Path, size_bytes: int) -> None:
        self.folder = folder
        self._size_bytes = size_bytes
        self._holder: subprocess.Popen[bytes] | None = None

    @property
    def inside(self) -> list[str]:
        """What to write before a command, for it to see the disk."""
        assert self._holder is not None
        return ["nsenter", "--preserve-credentials", "--user", "--mount", f"--target={self._holder.pid}"]

    @property
    def seen(self) -> Path:
        """The folder, for a process outside the namespace."""
        assert self._holder is not None
        return Path(f"/proc/{self._holder.pid}/root{self.folder}")

    def fill(self) -> None:
        """Leave no byte free."""
        with (self.seen / "filler").open("wb", buffering=0) as filler:
            try:
                while filler.write(b"x" * 65536):
                    pass
            except OSError:
                pass

    def make_room(self) -> None:
        """Take away what `fill` has put there."""
        (self.seen / "filler").unlink()

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._holder = subprocess.Popen(
            [*_UNSHARE, sys.executable, "-c", _HOLD, str(self._size_bytes), str(self.folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert self._holder.stdout is not None
        if not self._holder.stdout.readline():
            _, said = self._holder.communicate()
            raise SmallDiskRefused(said.decode())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._holder is not None
        self._holder.communicate()


class SmallDiskRefused(Exception):
    """This machine lets nobody mount anything, not even in a namespace of their own."""
