"""The peers' environments: one for each below `.peers`, made when it is not there or of other versions."""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.peers.processes import last_words
from bench.peers.systems import Peer

ROOT = Path(__file__).parents[2] / ".peers"
INSTALL_LIMIT_S = 900.0
STAMP = "installed"


class NotInstalledError(Exception):
    """A peer's environment cannot be made; the message says why."""


def environment(peer: Peer, root: Path = ROOT) -> Path:
    """The folder of a peer's environment, whose interpreter is `bin/python`.

    Raises NotInstalledError with the last words of what has failed.
    """
    folder = root / peer.name
    stamp = folder / STAMP
    if stamp.exists() and stamp.read_text() == peer.versions:
        return folder
    print(f"installing {peer.versions} ...", file=sys.stderr, flush=True)
    _command([sys.executable, "-m", "venv", "--clear", folder])
    pip = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    _command([folder / "bin" / "python", *pip, *peer.requirements])
    if peer.packages:
        npm = shutil.which("npm")
        if npm is None:
            raise NotInstalledError("npm is not on the PATH: install Node.js")
        _command([npm, "install", "--silent", "--no-audit", "--no-fund", "--prefix", folder, *peer.packages])
    stamp.write_text(peer.versions)
    return folder


def _command(words: Sequence[str | Path]) -> None:
    try:
        done = subprocess.run(
            words,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=INSTALL_LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise NotInstalledError(f"installing took longer than {INSTALL_LIMIT_S:g} s") from None
    except OSError as error:
        raise NotInstalledError(str(error)) from error
    if done.returncode:
        raise NotInstalledError(last_words(done.stderr) or last_words(done.stdout) or f"{words[0]} failed")
