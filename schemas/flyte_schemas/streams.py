"""The streams and buckets of the log, as data: the bus provisions exactly what stands here.

The streams that hold truth are append-only: new messages are refused when a limit is reached
(`refuse_when_full`), and nothing can be deleted or purged.
"""

from dataclasses import dataclass

from flyte_schemas.subjects import (
    ABORT_REQUESTS,
    DEPLOY_REQUESTS,
    RUN_REQUESTS,
    SIGNAL_REQUESTS,
    TRIGGER_REQUESTS,
)

DAY_S = 24 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamSpec:
    """One stream. Ages in seconds, sizes in bytes; None means no limit."""

    name: str
    subjects: tuple[str, ...]
    description: str
    max_age_s: int | None = None
    max_size_bytes: int | None = None
    refuse_when_full: bool = True
    append_only: bool = False
    republish: bool = False
    schedules: bool = False
    """Whether a message may be set to be appended later; such a stream cannot refuse when it is full."""
    dedupe_window_s: int = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketSpec:
    """One key-value bucket; keys may be put with a time to live."""

    name: str
    description: str
    tells_expired: bool = True
    """Whether who watches is told of a key whose time is over. A bucket that does has to take a header by
    which one key replaces all others (`Nats-Rollup`), which no permission looks at: only for those that none
    but services write.
    """


REQUESTS = StreamSpec(
    name="FLYTE_REQUESTS",
    # The server refuses a request that nobody would read.
    subjects=(*DEPLOY_REQUESTS, *RUN_REQUESTS, *ABORT_REQUESTS, *SIGNAL_REQUESTS, *TRIGGER_REQUESTS),
    description="What users ask for: deploy, run, abort, signal, triggers.",
    max_age_s=7 * DAY_S,
)
TASKS = StreamSpec(
    name="FLYTE_TASKS",
    subjects=("flyte.task.>",),
    description="Every version of every task, for ever.",
    append_only=True,
    republish=True,
)
TRIGGERS = StreamSpec(
    name="FLYTE_TRIGGERS",
    subjects=("flyte.trigger.>",),
    description="Which triggers tasks have, and who changed them.",
    append_only=True,
    republish=True,
)
RUNS = StreamSpec(
    name="FLYTE_RUNS",
    subjects=("flyte.run.>",),
    description="Everything that happens to an action.",
    append_only=True,
    republish=True,
)
LOGS = StreamSpec(
    name="FLYTE_LOGS",
    subjects=("flyte.log.>",),
    description="What tasks print.",
    max_age_s=30 * DAY_S,
    max_size_bytes=1024**3,
    refuse_when_full=False,
    republish=True,
)
TIMERS = StreamSpec(
    name="FLYTE_TIMERS",
    subjects=("flyte.timer.>",),
    description="When an action or a trigger is to be looked at again. Only a wake-up: no truth is in it.",
    refuse_when_full=False,
    schedules=True,
)
REJECTED = StreamSpec(
    name="FLYTE_REJECTED",
    subjects=("flyte.rejected",),
    description="Messages on our subjects that nobody could read.",
    max_age_s=30 * DAY_S,
    max_size_bytes=64 * 1024**2,
    refuse_when_full=False,
)
NOTICES = StreamSpec(
    name="FLYTE_NOTICES",
    subjects=("flyte.notice.>",),
    description="Notifications that nobody took.",
    max_age_s=30 * DAY_S,
    max_size_bytes=64 * 1024**2,
    refuse_when_full=False,
)

SEALS = StreamSpec(
    name="FLYTE_SEALS",
    subjects=("flyte.seal.>",),
    description="What proves that the events of runs are those that were said.",
    append_only=True,
)

STREAMS = (REQUESTS, TASKS, TRIGGERS, RUNS, LOGS, TIMERS, REJECTED, NOTICES, SEALS)

# Keys of a bucket that users or agents may use begin with project and domain, so that a permission can name
# them (`flyte_schemas.access`): leases with `{project}.{domain}.{run}.…` (`subjects.lease_key`), and in the
# cache `computing.in.{project}.{domain}.…`, for who looks why an action waits (`caching.reservation_key`).
# Results themselves are the executor's to read, and `global.…` is of all places. The settings' keys are
# whole words: `executor.backend` for everybody who deploys; `projects`, `notifications` and checkpoints for
# services and the operator. The outbox is the notifier's alone.
SETTINGS_BUCKET = BucketSpec(name="flyte_settings", description="Checkpoints and settings of the services.")
LEASES_BUCKET = BucketSpec(
    name="flyte_leases",
    description="Who is alive: a key expires when it is not renewed.",
    tells_expired=False,
)
CACHE_BUCKET = BucketSpec(
    name="flyte_cache", description="Results of cached tasks by key, and who is computing one."
)
OUTBOX_BUCKET = BucketSpec(name="flyte_outbox", description="Notifications that are on their way.")
SESSIONS_BUCKET = BucketSpec(
    name="flyte_sessions",
    description="Who may look at the console: by the hash of a secret, until it expires.",
)

BUCKETS = (SETTINGS_BUCKET, LEASES_BUCKET, CACHE_BUCKET, OUTBOX_BUCKET, SESSIONS_BUCKET)
