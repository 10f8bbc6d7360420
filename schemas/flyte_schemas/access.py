"""Who may say and hear what on the bus: the matrix of roles, as data.

From it follow the accounts' templates that nats-server keeps, the table in docs/access.md, and the tests
that try every role on every subject. Two accounts: CORE has the streams and the services, EDGE the users and
the agents. EDGE sees of CORE what `SHARED` names, and an answer never goes from one into the other's log,
wherever its asker aimed it.

A pattern is a NATS subject with placeholders: `{place}` is `project.domain`, `{run}`, `{source}` and
`{pool}` are what one's credentials are for, `{user}` is one's name as a token (`flyte_schemas.users`),
`{inbox}` where one's own answers come to. A pattern whose placeholder a user has no value for is not
permitted to him at all.
"""

import re
from dataclasses import dataclass
from typing import Literal

from flyte_schemas.streams import (
    BUCKETS,
    LOGS,
    REQUESTS,
    RUNS,
    SEALS,
    STREAMS,
    TASKS,
    TIMERS,
    TRIGGERS,
    StreamSpec,
)

Account = Literal["CORE", "EDGE"]
CORE: Account = "CORE"
EDGE: Account = "EDGE"

PLACEHOLDERS = ("place", "run", "source", "pool", "user", "worker")
"""What a user's credentials may carry values for; `{inbox}` is the server's to fill in."""

DIRECT_GET = "$JS.API.DIRECT.GET"
STREAM_INFO = "flyte.info"
"""Where EDGE asks for a stream's state: under its own name the call would be for streams of EDGE, which has
none.
"""
LEASE_KEYS = "$KV.flyte_leases"


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """What one kind of user of the server may do; whatever is not named is refused.

    `answers`: whether a question that came to it may be answered, wherever the answer is to go.
    """

    name: str
    account: Account
    what: str
    publish: tuple[str, ...]
    subscribe: tuple[str, ...]
    answers: bool = False

    @property
    def needs(self) -> frozenset[str]:
        """The placeholders in its patterns."""
        return frozenset(
            found for pattern in (*self.publish, *self.subscribe) for found in re.findall(r"{(\w+)}", pattern)
        ) - {"inbox"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What one account lets the other use: `to` publishes, and CORE or EDGE hears; or hears a `stream`."""

    subject: str
    of: Account
    to: Account
    is_stream: bool = False
    many_answers: bool = False
    seen_as: str = ""
    """What it is called where it is used, if otherwise; `$1` is what the first wildcard stands for."""
    tells_asker: bool = False
    """Whether the server says to who answers by which token the asker was let in."""


def _read(stream: StreamSpec, place: str, *, runs: str = "") -> tuple[str, ...]:
    """Reading a place's (with `runs` a run's) part of a stream: through the guard, and subject by subject."""
    (kind, *_) = {subject.split(".")[1] for subject in stream.subjects}
    within = f"{place}.{runs}" if runs else place
    rest = [f"{place}.{runs or '*'}.*"]
    if stream is REQUESTS:
        rest = [f"{place}.*.*", f"{place}.*.*.*"]
    return (
        f"flyte.read.{stream.name}.{within}",
        *(f"{DIRECT_GET}.{stream.name}.flyte.{kind}.{one}" for one in rest),
    )


_SEALS = (f"flyte.read.{SEALS.name}.{{place}}", f"{DIRECT_GET}.{SEALS.name}.flyte.seal.{{place}}.*")
_INBOX = ("{inbox}.>",)
_ENDS = tuple(f"flyte.read.last.{stream.name}" for stream in (REQUESTS, TASKS, TRIGGERS, RUNS, LOGS))
_PROXY = tuple(
    f"flyte.svc.dataproxy.{question}.{{place}}"
    for question in ("create-upload-location", "complete-upload", "create-download-location")
)
_TASKS_OF_PLACE = _read(TASKS, "{place}")

# -- users: what they see, what they ask for ---------------------------------------------------------------

_SEES = (
    *(subject for stream in (REQUESTS, TASKS, TRIGGERS, RUNS, LOGS) for subject in _read(stream, "{place}")),
    *(f"flyte.read.{stream.name}.{{place}}.*" for stream in (RUNS, LOGS)),
    *_SEALS,
    *_ENDS,
    *(f"flyte.svc.registry.{question}.{{place}}" for question in ("get-task", "list-tasks", "list-runs")),
    "flyte.svc.registry.get-project.{place}",
    "flyte.svc.executor.list-secrets.{place}",
    *(f"flyte.svc.{question}.{{place}}" for question in ("executor.get-usage", "dataproxy.get-stored")),
    "flyte.svc.dataproxy.create-download-location.{place}",
    "flyte.svc.console.open-session.{place}",
    *(f"flyte.svc.{service}.ping" for service in ("registry", "dataproxy", "executor", "scheduler")),
    *(f"flyte.svc.{service}.ping" for service in ("notifier", "console", "guard")),
    "flyte.svc.registry.get-progress",
    f"{DIRECT_GET}.KV_flyte_settings.$KV.flyte_settings.executor.backend",
    f"{DIRECT_GET}.KV_flyte_cache.$KV.flyte_cache.computing.in.{{place}}.*",
)
_HEARS = (*(f"flyte.live.{kind}.{{place}}.*.*" for kind in ("run", "log", "task", "trigger")), *_INBOX)
_RUNS = (
    *(f"flyte.req.{{place}}.{verb}.*.{{user}}" for verb in ("run", "abort", "signal")),
    *_PROXY[:2],
)
_CHANGES = (
    *(f"flyte.req.{{place}}.{verb}.*.{{user}}" for verb in ("deploy", "trigger")),
    "flyte.svc.executor.secrets-key",
    *(f"flyte.svc.executor.{verb}-secret.{{place}}" for verb in ("put", "delete")),
)

VIEWER = Role(
    name="viewer",
    account=EDGE,
    what="a person who looks: runs, logs, tasks and triggers of their places",
    publish=_SEES,
    subscribe=_HEARS,
)
RUNNER = Role(
    name="runner",
    account=EDGE,
    what="a person who also runs what is deployed there, ends runs and answers conditions",
    publish=(*_SEES, *_RUNS),
    subscribe=_HEARS,
)
ADMIN = Role(
    name="admin",
    account=EDGE,
    what="a person who also deploys there: code that runs, triggers and secrets",
    publish=(*_SEES, *_RUNS, *_CHANGES),
    subscribe=_HEARS,
)

# -- agents: what runs users' code -------------------------------------------------------------------------


def _agent(runs: str) -> tuple[str, ...]:
    """What an agent may say of `runs` of its place."""
    return (
        f"flyte.run.{{place}}.{runs}.*",
        f"flyte.log.{{place}}.{runs}.*",
        f"flyte.req.{{place}}.abort.{runs}.agent",
        f"{LEASE_KEYS}.{{place}}.{runs}.*.*",
        f"{DIRECT_GET}.KV_flyte_leases.{LEASE_KEYS}.{{place}}.{runs}.*.*",
        *_read(RUNS, "{place}", runs=runs),
        f"flyte.read.last.{RUNS.name}",
        f"flyte.svc.executor.give-secrets.{{place}}.{runs}",
        *_TASKS_OF_PLACE,
        *_PROXY,
    )


AGENT = Role(
    name="agent",
    account=EDGE,
    what="what runs one attempt: it says and sees what happens to its own run",
    publish=(
        *_agent("{run}"),
        *_read(RUNS, "{place}", runs="{source}"),
        "flyte.svc.executor.renew-credential.{place}.{run}",
    ),
    subscribe=("flyte.live.run.{place}.{run}.*", *_INBOX),
)
WORKER = Role(
    name="worker",
    account=EDGE,
    what="a process of a pool, which runs attempts of any run of its place, one after the other",
    publish=(
        *_agent("*"),
        f"flyte.read.{RUNS.name}.{{place}}",
        "flyte.svc.executor.take-work.*.{pool}",
        "flyte.svc.executor.renew-worker.{place}.{pool}.{worker}",
    ),
    subscribe=("flyte.live.run.{place}.*.*", "flyte.svc.worker.stop-attempt.*.{worker}", *_INBOX),
    answers=True,
)
GUARD = Role(
    name="guard",
    account=EDGE,
    what="the service that reads the log for EDGE, and only what the asker's subject permits",
    publish=(
        *(f"{DIRECT_GET}.{stream.name}" for stream in (REQUESTS, TASKS, TRIGGERS, RUNS, LOGS, SEALS)),
        *(f"{STREAM_INFO}.{stream.name}" for stream in (REQUESTS, TASKS, TRIGGERS, RUNS, LOGS, SEALS)),
    ),
    subscribe=("flyte.read.>", "flyte.svc.guard.ping", *_INBOX),
    answers=True,
)

# -- services ----------------------------------------------------------------------------------------------

_READS_ALL = (f"{DIRECT_GET}.>", "$JS.API.STREAM.INFO.*", "$JS.API.STREAM.MSG.GET.*", "flyte.rejected")
_HEARS_ALL = ("flyte.live.>", *_INBOX)


def _consumer(stream: StreamSpec, *durables: str) -> tuple[str, ...]:
    """A service's own places in a stream; acknowledgements have one of two forms (nats-server 2.14, 2.15)."""
    return tuple(
        pattern
        for durable in durables
        for pattern in (
            f"$JS.API.CONSUMER.CREATE.{stream.name}.{durable}",
            f"$JS.API.CONSUMER.MSG.NEXT.{stream.name}.{durable}",
            f"$JS.ACK.{stream.name}.{durable}.>",
            f"$JS.ACK.*.*.{stream.name}.{durable}.>",
        )
    )


def _watches(bucket: str) -> tuple[str, ...]:
    """Watching a bucket is an ordered consumer, which has a new name each time."""
    return (
        f"$JS.API.CONSUMER.CREATE.KV_{bucket}",
        f"$JS.API.CONSUMER.CREATE.KV_{bucket}.>",
        f"$JS.API.CONSUMER.INFO.KV_{bucket}.*",
        f"$JS.API.CONSUMER.DELETE.KV_{bucket}.*",
        f"$JS.FC.KV_{bucket}.>",
    )


_LIMITS = _watches("flyte_settings")
"""What `flyte update project` has set, followed by those who keep to it."""


def _service(name: str, what: str, *publish: str) -> Role:
    return Role(
        name=name,
        account=CORE,
        what=what,
        publish=(*_READS_ALL, *publish),
        subscribe=(*_HEARS_ALL, f"flyte.svc.{name}.>"),
        answers=True,
    )


REGISTRY = _service(
    "registry",
    "writes task versions, seals runs, and answers what there is",
    "flyte.task.>",
    "flyte.seal.>",
    *_consumer(REQUESTS, "registry"),
    *_LIMITS,
    "$JS.API.STREAM.LIST",
    "$JS.API.INFO",
)
DATAPROXY = _service("dataproxy", "signs the addresses of objects", *_LIMITS)
EXECUTOR = _service(
    "executor",
    "decides what happens next to each action",
    "flyte.run.>",
    "flyte.timer.set.>",
    "$KV.flyte_settings.executor.>",
    "$KV.flyte_leases.>",
    "$KV.flyte_cache.>",
    *_consumer(REQUESTS, "executor"),
    *_consumer(TIMERS, "executor"),
    *_consumer(RUNS, "executor-traces"),
    *_consumer(LOGS, "executor-printed"),
    *_watches("flyte_leases"),
    *_LIMITS,
    "flyte.svc.dataproxy.create-download-location.*.*",
    "flyte.svc.worker.stop-attempt.>",
)
SCHEDULER = _service(
    "scheduler",
    "keeps the triggers, and asks for a run at each instant",
    "flyte.trigger.>",
    "flyte.timer.set.>",
    "flyte.req.*.*.run.*.scheduler",
    *_consumer(REQUESTS, "scheduler"),
    *_consumer(TIMERS, "scheduler"),
    *_LIMITS,
)
NOTIFIER = _service(
    "notifier",
    "tells others of events",
    "flyte.notice.>",
    "$KV.flyte_outbox.>",
    *_consumer(RUNS, "notifier", "notifier-events"),
    *_watches("flyte_settings"),
    *_watches("flyte_outbox"),
)
CONSOLE = _service(
    "console",
    "serves the web page, which only reads, and keeps who is signed in",
    "$KV.flyte_sessions.>",
    "flyte.svc.registry.>",
    "flyte.svc.dataproxy.create-download-location.*.*",
    *(f"flyte.svc.{service}.ping" for service in ("dataproxy", "executor", "scheduler", "notifier")),
)
PROVISIONER = Role(
    name="provisioner",
    account=CORE,
    what="the only service that makes and changes streams and buckets",
    publish=tuple(
        f"$JS.API.STREAM.{verb}.{name}"
        for name in (*(stream.name for stream in STREAMS), *(f"KV_{bucket.name}" for bucket in BUCKETS))
        for verb in ("INFO", "CREATE", "UPDATE")
    ),
    subscribe=_INBOX,
)
OPERATOR = Role(
    name="operator",
    account=CORE,
    what="the platform's administrator, and the user of an embedded stack: everything but the server itself",
    publish=("flyte.>", "$KV.>", "$JS.API.>", "$JS.ACK.>", "$JS.FC.>"),
    subscribe=("flyte.>", "$KV.>", "_INBOX.>"),
    answers=True,
)

ROLES = {
    role.name: role
    for role in (
        *(VIEWER, RUNNER, ADMIN, AGENT, WORKER, GUARD),
        *(REGISTRY, DATAPROXY, EXECUTOR, SCHEDULER, NOTIFIER, CONSOLE, PROVISIONER, OPERATOR),
    )
}
"""All roles by name: those of EDGE, then those of CORE."""

USERS = (VIEWER, RUNNER, ADMIN)
"""The roles that people have in a project and domain."""
SERVICES = (REGISTRY, DATAPROXY, EXECUTOR, SCHEDULER, NOTIFIER, CONSOLE, GUARD, PROVISIONER)
"""The roles of processes of the platform, one each."""

SHARED = (
    *(
        Shared(subject=subject, of=CORE, to=EDGE)
        for subject in (
            "flyte.req.>",
            "flyte.run.>",
            "flyte.log.>",
            f"{LEASE_KEYS}.>",
            "flyte.svc.registry.>",
            "flyte.svc.dataproxy.>",
            "flyte.svc.executor.>",
            "flyte.svc.scheduler.>",
            "flyte.svc.notifier.>",
        )
    ),
    Shared(subject="flyte.svc.console.>", of=CORE, to=EDGE, tells_asker=True),
    Shared(subject=f"{DIRECT_GET}.*", of=CORE, to=EDGE, many_answers=True),
    Shared(subject=f"{DIRECT_GET}.*.>", of=CORE, to=EDGE),
    Shared(subject="$JS.API.STREAM.INFO.*", of=CORE, to=EDGE, seen_as=f"{STREAM_INFO}.$1"),
    Shared(subject="flyte.live.>", of=CORE, to=EDGE, is_stream=True),
    Shared(subject="flyte.svc.worker.>", of=EDGE, to=CORE),
    Shared(subject="flyte.svc.guard.>", of=EDGE, to=CORE),
)


def filled(pattern: str, values: dict[str, str]) -> str | None:
    """A pattern with its placeholders filled in; None when a value is missing."""
    if any(name not in values for name in re.findall(r"{(\w+)}", pattern)):
        return None
    return re.sub(r"{(\w+)}", lambda found: values[found[1]], pattern)
