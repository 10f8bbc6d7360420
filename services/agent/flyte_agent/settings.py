"""The agent's limits and places."""

import os
from dataclasses import dataclass
from pathlib import Path

from flyte_bus.process import process_name, start_time
from flyte_bus.settings import LEASE_TTL_S, lease_ttl_from_environment
from flyte_schemas.image import MANIFEST_PLACE

OUTPUT_BYTES_PER_S = 2.0 * 1024**2
TASK_NICENESS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentSettings:
    """Times in seconds, sizes in bytes.

    `patience_s`: how long an agent outlasts a bus or an artifact store that is away.
    `grace_s`: from SIGTERM to SIGKILL of the user's process; `exit_grace_s`: how long that process may take
    to end after its last word; `drain_s`: how long silence lasts before the output of a process that has
    ended counts as complete; `leftover_s`: how long what the task left running may still print.
    `spares`: how many agents a zygote keeps in reserve.
    `lease_ttl_s`: how long the agent may be silent before its attempt may be given away.
    `worker`: what its backend calls this agent, where it has a machine of its own; empty: by its process.
    `pod_has_secrets`: whether the cluster has given the task's secrets to the agent's container.
    `image`: the image that the agent was started in, empty when it is in none of a task's.
    `output_bytes_per_s`: how much an attempt may print in the long run; 0: as fast as the log takes it.
    `task_niceness`: how far a task's process gives way to the agent and to others of the machine, 0 to 19.
    `max_spool_bytes`: how much output waits on disk for a bus that is away before the task's `print` waits.
    """

    home: Path
    worker: str = ""
    image: str = ""
    pod_has_secrets: bool = False
    manifest: Path = Path(MANIFEST_PLACE)
    patience_s: float = 900.0
    grace_s: float = 3.0
    exit_grace_s: float = 10.0
    drain_s: float = 0.3
    leftover_s: float = 5.0
    spares: int = 2
    lease_ttl_s: int = LEASE_TTL_S
    output_bytes_per_s: float = OUTPUT_BYTES_PER_S
    task_niceness: int = TASK_NICENESS
    max_spool_bytes: int = 256 * 1024**2
    max_bundle_bytes: int = 2 * 1024**3
    max_bundle_files: int = 100_000

    @property
    def records(self) -> Path:
        """Where running agents keep their records."""
        return self.home / "agents"

    @property
    def bundles(self) -> Path:
        """Verified bundles by digest, shared by the agents of this machine."""
        return self.home / "bundles"

    @property
    def work(self) -> Path:
        """The folders that attempts run in; each is removed with its attempt."""
        return self.home / "work"

    @property
    def spool(self) -> Path:
        """What agents of this machine have to say while the bus is away."""
        return self.home / "spool"


def from_environment() -> AgentSettings:
    """Settings from `FLYTE_{HOME,IMAGE,WORKER,POD_SECRETS,LEASE_TTL_S}` and
    `FLYTE_AGENT_{PATIENCE_S,SPARES,OUTPUT_BYTES_PER_S,TASK_NICENESS}`.

    Raises ValueError.
    """
    return AgentSettings(
        home=Path(os.environ.get("FLYTE_HOME") or Path.home() / ".flyte"),
        worker=os.environ.get("FLYTE_WORKER", ""),
        image=os.environ.get("FLYTE_IMAGE", ""),
        pod_has_secrets=os.environ.get("FLYTE_POD_SECRETS", "") == "1",
        patience_s=float(os.environ.get("FLYTE_AGENT_PATIENCE_S") or 900.0),
        output_bytes_per_s=_output_rate(os.environ.get("FLYTE_AGENT_OUTPUT_BYTES_PER_S", "")),
        spares=int(os.environ.get("FLYTE_AGENT_SPARES") or 2),
        task_niceness=_niceness(os.environ.get("FLYTE_AGENT_TASK_NICENESS", "")),
        lease_ttl_s=lease_ttl_from_environment(),
    )


def _output_rate(text: str) -> float:
    if text and not (text.isascii() and text.isdecimal()):
        raise ValueError(f"FLYTE_AGENT_OUTPUT_BYTES_PER_S is {text!r}: give whole bytes, or 0 for no limit")
    return float(text or OUTPUT_BYTES_PER_S)


def worker_name(settings: AgentSettings) -> str:
    """By which name this process asks for work, if it is a worker of a pool."""
    pid = os.getpid()
    return settings.worker or process_name(pid, start_time(pid))


def _niceness(text: str) -> int:
    if text and text not in map(str, range(20)):
        raise ValueError(
            f"FLYTE_AGENT_TASK_NICENESS is {text!r}: give 0 (tasks are as important as all else) to 19"
        )
    return int(text or TASK_NICENESS)
