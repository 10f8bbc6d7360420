"""Who the agents are on the bus: the executor makes credentials for each attempt.

An attempt's may write its own run's subjects and read what it needs; they end soon. The key in them follows
from the signing key and the attempt's name, so any executor renews what another one gave.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from flyte_bus.history import read_action
from flyte_bus.identity.credentials import Credentials
from flyte_bus.identity.minting import CannotMint, Minter
from flyte_bus.ports import EventLog
from flyte_executor.backends.port import Launch, LaunchFailed
from flyte_executor.minter_files import MinterFile
from flyte_schemas.access import AGENT, WORKER
from flyte_schemas.subjects import ROOT_ACTION, AttemptKey, RunKey

QUEUE_S = 24 * 3600.0
"""How much longer credentials are good that are given to who may have to wait for a place or an image."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuer:
    """Makes credentials of attempts, and of workers of pools, which are good for `ttl_s` seconds.

    `agents` and `workers` give what makes them, as it is now.
    """

    agents: Callable[[], Minter]
    workers: Callable[[], Minter]
    ttl_s: float

    def for_launch(self, launch: Launch, *, queues: bool = False) -> Credentials:
        """For the agent of this launch. Raises LaunchFailed. With `queues` it may be long until it begins."""
        recovery = launch.settings.recovery
        return self.for_attempt(launch.attempt, recovery.run if recovery else "", queues=queues)

    def for_attempt(self, attempt: AttemptKey, source: str = "", *, queues: bool = False) -> Credentials:
        """For an attempt, which may read the run `source` that its own recovers. Raises LaunchFailed."""
        run, agents = attempt.action.run, self.agents()
        try:
            return agents.mint(
                f"{attempt.action.action}:{attempt.attempt}",
                project=run.project,
                domain=run.domain,
                run=run.run,
                source=source,
                ttl_s=self.ttl_s + (QUEUE_S if queues else 0.0),
                seed=agents.user_seed(str(attempt)),
            )
        except CannotMint as error:
            raise LaunchFailed(f"no agent can be let in for {attempt}: {error}") from error

    def for_worker(
        self, place: tuple[str, str], pool: str, worker: str, *, queues: bool = False
    ) -> Credentials:
        """For a worker of a pool, all of whose runs are of this project and domain. Raises LaunchFailed."""
        (project, domain), workers = place, self.workers()
        try:
            return workers.mint(
                worker,
                project=project,
                domain=domain,
                pool=pool,
                worker=worker,
                ttl_s=self.ttl_s + (QUEUE_S if queues else 0.0),
                seed=workers.user_seed("\0".join((*place, pool, worker))),
            )
        except CannotMint as error:
            raise LaunchFailed(f"no worker can be let in for pool {pool}: {error}") from error


async def recovered_run(events: EventLog, run: RunKey) -> str:
    """The run that this one recovers, and whose agents may read; empty: none. Raises BusUnavailable."""
    root, _ = await read_action(events, run.action(ROOT_ACTION))
    settings = root.requested.settings if root.requested else None
    return settings.recovery.run if settings and settings.recovery else ""


def issuer_of(agent_key: Path | None, worker_key: Path | None, ttl_s: float) -> Issuer | None:
    """What the settings name; None where they name no signing keys. Raises ValueError."""
    if agent_key is None and worker_key is None:
        return None
    if agent_key is None or worker_key is None:
        raise ValueError(
            "FLYTE_EXECUTOR_AGENT_KEY and FLYTE_EXECUTOR_WORKER_KEY belong together: one of them is set"
        )
    return Issuer(
        agents=MinterFile(agent_key, AGENT.name), workers=MinterFile(worker_key, WORKER.name), ttl_s=ttl_s
    )
