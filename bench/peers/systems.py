"""The peers: what is installed of each, how it is asked, and what it keeps when a process is killed.

What is kept is what the system does as it is started here, by its own documentation: it is not measured.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What is there after something went wrong, and what may run; a few words each."""

    durable: str
    killed: str
    """What happens to an action whose worker is killed."""
    disk: str
    code: str
    """Whose code and environment an action runs in."""
    values: str
    """What an action may be given and give."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A system that is measured beside ours; `name` is also that of its environment and of its program."""

    name: str
    title: str
    requirements: tuple[str, ...]
    packages: tuple[str, ...] = ()
    """What npm installs."""
    imports: str
    command: str
    """What is asked for `--help`, from the environment's folder."""
    kept: Kept
    sizes: tuple[int, ...] = (1_000, 10_000)
    variables: dict[str, str] = field(default_factory=dict)
    """How it is told to report nothing to anybody, to be quiet, and to stay on this machine."""

    @property
    def versions(self) -> str:
        return ", ".join(self.requirements + self.packages)


IN_MEMORY = "—"

RESTATE = Peer(
    name="restate",
    title="Restate (service of two processes)",
    requirements=("restate-sdk==1.3.0", "hypercorn==0.18.0", "uvloop==0.23.0"),
    packages=("@restatedev/restate-server@1.7.12",),
    imports="restate",
    command="node_modules/.bin/restate-server",
    kept=Kept(
        durable="each call and step",
        killed="replayed from the journal",
        disk="log, synced before the answer",
        code="a service that its user serves",
        values="JSON, by type hints",
    ),
    variables={"RESTATE_DISABLE_TELEMETRY": "true"},
)
DBOS = Peer(
    name="dbos",
    title="DBOS (on SQLite)",
    requirements=("dbos==3.4.0",),
    imports="dbos",
    command="bin/dbos",
    kept=Kept(
        durable="each call and step",
        killed="recovered when the app starts again",
        disk="SQLite file, synced before the answer",
        code="the app's own process",
        values="pickles",
    ),
    sizes=(1_000,),
)
PREFECT = Peer(
    name="prefect",
    title="Prefect (server on SQLite)",
    requirements=("prefect==3.9.1",),
    imports="prefect",
    command="bin/prefect",
    kept=Kept(
        durable="states, not results",
        killed="stays `Running`, unless an automation watches",
        disk="SQLite file, after the answer",
        code="the flow's own process",
        values="any object",
    ),
    sizes=(1_000,),
    variables={
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_LOGGING_LEVEL": "ERROR",
        "PREFECT_LOGGING_SERVER_LEVEL": "ERROR",
    },
)
CELERY = Peer(
    name="celery",
    title="Celery (on Redis)",
    requirements=("celery==5.7.0", "redis==8.1.0", "packaging==26.3"),
    imports="celery.app",
    command="bin/celery",
    kept=Kept(
        durable="messages; results for a day",
        killed="lost, unless it says `acks_late`",
        disk="snapshots now and then",
        code="the worker's",
        values="JSON",
    ),
)
RAY = Peer(
    name="ray",
    title="Ray",
    requirements=("ray==2.60.0",),
    imports="ray",
    command="bin/ray",
    kept=Kept(
        durable="no",
        killed="run again while its caller lives",
        disk=IN_MEMORY,
        code="the caller's, or a `runtime_env`",
        values="pickles",
    ),
    # The second one keeps all of its ports on 127.0.0.1, on any system.
    variables={"RAY_USAGE_STATS_ENABLED": "0", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"},
)
DASK = Peer(
    name="dask",
    title="Dask distributed",
    requirements=("distributed==2026.8.0",),
    imports="dask.distributed",
    command="bin/dask",
    kept=Kept(
        durable="no",
        killed="run again while its client lives",
        disk=IN_MEMORY,
        code="the worker's",
        values="pickles",
    ),
)
FLYTE = Peer(
    name="flyte",
    title="Flyte SDK, local mode",
    requirements=("flyte==2.12.1",),
    imports="flyte",
    command="bin/flyte",
    kept=Kept(durable="no", killed="lost", disk=IN_MEMORY, code="the caller's", values="typed"),
)
PEERS = (RESTATE, DBOS, PREFECT, CELERY, RAY, DASK, FLYTE)

OURS = Kept(
    durable="each action and step",
    killed="run again; what was finished is not",
    disk="log, synced after the answer",
    code="its bundle and variables; its image on docker",
    values="typed",
)
OURS_LOCAL = Kept(durable="no", killed="lost", disk=IN_MEMORY, code="the caller's", values="typed")
