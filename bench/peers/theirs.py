"""One peer: its environment is made, its program is run there, and what went wrong is part of the answer."""

import os
import subprocess
import tempfile
from pathlib import Path

from bench.peers import plan, typed
from bench.peers.environments import ROOT, NotInstalledError, environment
from bench.peers.measured import PACE, Figure, Measured, read
from bench.peers.pace import pace
from bench.peers.processes import run
from bench.peers.systems import Peer

PROGRAMS = Path(__file__).parent / "programs"


def measure(peer: Peer, root: Path = ROOT, limit_s: float = plan.PROGRAM_LIMIT_S) -> Measured:
    """What a peer does here; a `failure` stands beside the figures that it gave before it failed."""
    try:
        folder = environment(peer, root)
    except NotInstalledError as error:
        return _answer(peer, failure=f"not installed: {error}")
    # Sockets of some systems lie in this folder, and their paths must be short.
    with tempfile.TemporaryDirectory(prefix="peer", ignore_cleanup_errors=True) as scratch:
        variables = _variables(peer, folder, scratch)
        before = pace()
        done = run(_words(peer, folder, scratch), Path(scratch), variables, limit_s)
        told = read(done.output.splitlines())
        figures = told.figures | {PACE: Figure(((before,), (pace(),)))}
        failure = told.failure or done.failure
        try:
            figures |= typed.times(folder / "bin" / "python", folder / peer.command, peer.imports, variables)
        except (OSError, subprocess.SubprocessError) as error:
            failure = failure or str(error)
    return _answer(peer, figures, told.notes, failure)


def _answer(
    peer: Peer, figures: dict[str, Figure] | None = None, notes: tuple[str, ...] = (), failure: str = ""
) -> Measured:
    return Measured(
        title=peer.title,
        durable=peer.kept.durable,
        versions=peer.versions,
        figures=figures or {},
        notes=notes,
        failure=failure,
    )


def _words(peer: Peer, folder: Path, scratch: str) -> list[str | Path]:
    return [
        folder / "bin" / "python",
        PROGRAMS / f"on_{peer.name}.py",
        *("--folder", scratch),
        *("--calls", str(plan.CALLS)),
        *("--rounds", str(plan.ROUNDS)),
        *("--budget", str(plan.BUDGET_S)),
        *("--sizes", *map(str, peer.sizes)),
    ]


def _variables(peer: Peer, folder: Path, scratch: str) -> dict[str, str]:
    """Nothing of ours, a home of its own, and nobody is told anything."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("FLYTE_", "PYTHON", "VIRTUAL_ENV"))
    }
    path = f"{folder / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    return kept | {"PATH": path, "HOME": scratch, "TMPDIR": scratch, "DO_NOT_TRACK": "1"} | peer.variables
