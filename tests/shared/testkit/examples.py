"""One full example of every word of the log: each field is filled, so that each is seen on the wire."""

from typing import Any

from flyte_schemas.envelope import AnyEvent, Event
from flyte_schemas.events import (
    AbortAction,
    ActionAborted,
    ActionCacheHit,
    ActionFailed,
    ActionQueued,
    ActionRecovered,
    ActionRequested,
    ActionRetried,
    ActionTimedOut,
    AttemptCheckpointed,
    AttemptFailed,
    AttemptPlaced,
    AttemptReclaimed,
    AttemptReported,
    AttemptStarted,
    AttemptStopped,
    AttemptSucceeded,
    AttemptWaiting,
    ConditionAnnounced,
    ConditionRequested,
    ConditionSignalled,
    DeployTask,
    EventData,
    LogSegment,
    LogWritten,
    MessageRejected,
    RunSettings,
    SignalCondition,
    StartRun,
    TaskDeployed,
    TaskDeployRejected,
    TimerDue,
    TraceFailed,
    TraceSucceeded,
)
from flyte_schemas.failure import Failure, FailureKind
from flyte_schemas.image import FileReference, ImageLayer, ImageSpec
from flyte_schemas.imported import RunImported, TaskImported
from flyte_schemas.literals import InlineLiteral, ReferencedLiteral
from flyte_schemas.notify import Notification
from flyte_schemas.phase import ActionPhase
from flyte_schemas.policies import Backoff, CacheRule, Declared, PodTemplate, Reuse, SecretReference
from flyte_schemas.recovery import Recovery
from flyte_schemas.subjects import (
    REJECTED,
    ActionKey,
    RunKey,
    abort_request,
    action_subject,
    deploy_request,
    log_subject,
    run_request,
    signal_request,
    task_subject,
    timer_subject,
)
from flyte_schemas.task import (
    Accelerator,
    BundleReference,
    Interface,
    Parameter,
    Policies,
    Resources,
    Source,
    TaskOverrides,
    TaskReference,
    TaskTemplate,
)
from flyte_schemas.trigger import ArtifactArrival, CronSchedule, RateSchedule, Trigger
from testkit.events import MORNING
from testkit.further_examples import FURTHER_EXAMPLES

RUN = RunKey("flytesnacks", "development", "r7k2m9")
ACTION = ActionKey(RUN, "a0")

BUNDLE = BundleReference(
    uri="flyte://artifacts/flytesnacks/development/0123456789abcdef0123456789abcdef",
    sha256="ab" * 32,
    md5="0123456789abcdef0123456789abcdef",
    size_bytes=2048,
    files=3,
)
FURTHER: dict[str, Any] = {
    "image_spec": ImageSpec(
        base="python:3.12-slim",
        registry="ghcr.io/somebody",
        registry_secret="pull",
        name="image",
        platform=("linux/amd64", "linux/arm64"),
        python_version="3.12",
        layers=(
            ImageLayer(kind="pip", arguments=("pandas",), options={"pre": True}),
            ImageLayer(
                kind="requirements", files=(FileReference(path="requirements.txt", sha256="ef" * 32),)
            ),
        ),
    ),
    "secrets": (SecretReference(key="token", group="team", as_env_var="TEAM_TOKEN"),),
    "pod_template": PodTemplate(spec={"hostNetwork": True}, labels={"a": "b"}, annotations={"c": "d"}),
    "reuse": Reuse(min_replicas=1, max_replicas=2, idle_ttl_s=60.0, scaledown_ttl_s=30.0),
    "queue": "fast",
    "report": True,
    "entrypoint": True,
    "produces_artifacts": True,
    "max_inline_io_bytes": 1024,
    "triggers": (
        Trigger(
            name="nightly",
            automation=CronSchedule(expression="0 3 * * *", timezone="Europe/Berlin"),
            description="At night.",
            inputs={"name": "World"},
            time_inputs=("at",),
            env_vars={"B": "2"},
            interruptible=False,
        ),
        Trigger(name="often", automation=RateSchedule(interval_minutes=5, start_time=MORNING)),
        Trigger(
            name="arrival",
            automation=ArtifactArrival(name="table"),
            artifact_inputs=("table",),
            notifications=(
                Notification(
                    kind="email", phases=(ActionPhase.FAILED,), settings={"recipients": ["a@example.com"]}
                ),
                Notification(kind="named-rule", settings={"name": "on-call"}),
            ),
        ),
    ),
    "links": (Declared(type="links.Board", fields={"name": "board"}),),
    "plugin_config": Declared(type="plugins.Cluster", fields={"workers": 3}),
    "task_resolver": Declared(type="plugins.Resolver"),
}
OVERRIDES = TaskOverrides(
    short_name="other",
    resources=Resources(cpu="2"),
    env_vars={"C": "3"},
    policies=Policies(retries=1),
    secrets=(SecretReference(key="other", as_env_var="OTHER"),),
    reuse_off=True,
    queue="slow",
)
TEMPLATE = TaskTemplate(
    name="my_env.my_task",
    short_name="my_task",
    environment="my_env",
    environment_description="For greetings.",
    description="Greet somebody.",
    docs="Greet somebody.\n\nBy name.",
    interface=Interface(
        inputs=(
            Parameter(name="name", annotation="str", json_schema={"type": "string"}, description="Whom."),
            Parameter(
                name="times", annotation="int", json_schema={"type": "integer"}, required=False, default=1
            ),
        ),
        outputs=(Parameter(name="o0", annotation="str", json_schema={"type": "string"}),),
    ),
    source=Source(module="my_example", function="my_task", file="my_example.py", line=7),
    is_async=True,
    image="ghcr.io/somebody/image:1",
    resources=Resources(
        cpu="500m",
        cpu_limit="1",
        memory="1Gi",
        memory_limit="2Gi",
        gpu="T4:1",
        accelerator=Accelerator(device_class="GPU", device="T4", quantity=1, partition="1g.5gb"),
        disk="10Gi",
        shm="1Gi",
    ),
    env_vars={"LANG": "C.UTF-8"},
    policies=Policies(
        retries=3,
        backoff=Backoff(base_s=1.0, factor=2.0, cap_s=60.0),
        max_runtime_s=300.0,
        max_queued_s=60.0,
        deadline_s=3600.0,
        interruptible=True,
        cache=CacheRule(
            behavior="auto", version="ab" * 32, serialize=True, ignored_inputs=("times",), salt="pepper"
        ),
    ),
    **FURTHER,
    bundle=BUNDLE,
)
TASK = TaskReference(name="my_env.my_task", version="v1.0.0")
SETTINGS = RunSettings(
    labels={"team": "a"},
    queue="fast",
    max_action_concurrency=3,
    notifications=(
        Notification(kind="slack", phases=(ActionPhase.SUCCEEDED,), settings={"message": "done"}),
    ),
    rerun_of="r1",
    recovery=Recovery(
        run="r1", action="a0", root="a3", again=("a5",), on_the_way=("a4",), allow_missing_outputs=True
    ),
)
VALUES = {
    "name": InlineLiteral(value="Wörld"),
    "table": ReferencedLiteral(uri=BUNDLE.uri, sha256="cd" * 32, size_bytes=70_000),
}
SCHEDULER = "a node: 0/3 nodes are available: 3 Insufficient cpu."
FAILURE = Failure(
    code="ValueError",
    kind=FailureKind.USER,
    message="x must be positive",
    hint="Give a positive x.",
    traceback='  File "my_example.py", line 7, in my_task\n',
    recoverable=False,
)


def _event(subject: str, id: str, data: EventData, *, source: str, cause: str | None = None) -> AnyEvent:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    return Event(
        id=id, source=source, subject=subject, time=MORNING, data=data, cause=cause, traceparent=trace
    )


def _deploying() -> tuple[AnyEvent, ...]:
    request = deploy_request(RUN.project, RUN.domain, "my_env", "alice")
    task = task_subject(RUN.project, RUN.domain, TEMPLATE.name)
    return (
        _event(request, "d1", DeployTask(version="v1.0.0", template=TEMPLATE), source="sdk"),
        _event(
            task,
            "my_env.my_task.v1.0.0.deployed",
            TaskDeployed(version="v1.0.0", digest=TEMPLATE.digest(), template=TEMPLATE),
            source="registry",
            cause="d1",
        ),
        _event(
            task,
            "d1.rejected",
            TaskDeployRejected(version="v1.0.0", digest=TEMPLATE.digest(), failure=FAILURE),
            source="registry",
            cause="d1",
        ),
    )


def _importing() -> tuple[AnyEvent, ...]:
    task = task_subject(RUN.project, RUN.domain, TEMPLATE.name)
    version = TaskImported(version="v1.0.0", digest=TEMPLATE.digest(), template=TEMPLATE)
    run = RunImported(origin="p/d/r", digest="ef" * 32, exported_at=MORNING, imported_by="somebody")
    return (
        _event(task, "my_env.my_task.v1.0.0.imported", version, source="sdk"),
        _event(action_subject(ACTION), "r7k2m9.imported", run, source="sdk"),
    )


def _running() -> tuple[AnyEvent, ...]:
    """A story told out of order is fine here: each word counts by itself."""
    subject, agent, executor = action_subject(ACTION), "agent", "executor"
    requested = ActionRequested(
        task=TASK,
        inputs=VALUES,
        parent="a0",
        parent_attempt=1,
        group="batch",
        env_vars={"A": "1"},
        overrides=OVERRIDES,
    )
    start = StartRun(
        task=TASK,
        inputs=VALUES,
        env_vars={"A": "1"},
        custom_context={"tenant": "b"},
        overrides=OVERRIDES,
        settings=SETTINGS,
        requested_by="alice",
    )
    reported = AttemptReported(attempt=1, uri="flyte://raw/0f", sha256="0f" * 32, size_bytes=512, serial=1)
    waiting = AttemptWaiting(attempt=1, message=SCHEDULER)
    failed = AttemptFailed(attempt=1, failure=FAILURE, log_end=17)
    reclaimed = AttemptReclaimed(attempt=1, worker="host/123")
    abort = AbortAction(action="a0", reason="enough", requested_by="alice")
    succeeded = AttemptSucceeded(attempt=2, outputs={"o0": InlineLiteral(value=[1, 2.5, None])}, log_end=17)
    return (
        _event(run_request(RUN, "alice"), "s1", start, source="sdk"),
        _event(abort_request(RUN, "alice"), "b1", abort, source="sdk"),
        _event(subject, "r7k2m9.a0.requested", requested, source=executor, cause="s1"),
        _event(subject, "r7k2m9.a0.1.queued", ActionQueued(attempt=1, pool="default"), source=executor),
        _event(subject, "r7k2m9.a0.1.waiting.2", waiting, source=executor),
        _event(subject, "r7k2m9.a0.1.placed", AttemptPlaced(attempt=1, worker="host/123"), source=agent),
        _event(subject, "r7k2m9.a0.1.reclaimed.9", reclaimed, source=agent),
        _event(subject, "r7k2m9.a0.1.started", AttemptStarted(attempt=1, worker="host/123"), source=agent),
        _event(subject, "r7k2m9.a0.1.reported.1", reported, source=agent),
        _event(subject, "r7k2m9.a0.1.failed", failed, source=agent),
        _event(
            subject,
            "r7k2m9.a0.1.retried",
            ActionRetried(attempt=1, reason="1 of 3 retries", retry_at=MORNING),
            source=executor,
        ),
        _event(subject, "r7k2m9.a0.2.succeeded", succeeded, source=agent),
        _event(subject, "r7k2m9.a0.failed", ActionFailed(failure=FAILURE), source=executor),
        _event(subject, "r7k2m9.a0.timed-out", ActionTimedOut(failure=FAILURE), source=executor),
        _event(subject, "r7k2m9.a0.aborted", ActionAborted(reason="by somebody"), source=executor),
        _event(
            subject,
            "r7k2m9.a0.cache-hit",
            ActionCacheHit(source="p/d/r/a0", outputs={"o0": InlineLiteral(value=1)}),
            source=executor,
        ),
        _event(subject, "r7k2m9.a0.2.stopped", AttemptStopped(attempt=2, worker="host/124"), source=executor),
        _event(timer_subject(ACTION), "r7k2m9.a0.timer", TimerDue(at=MORNING), source=executor),
    )


def _tracing() -> tuple[AnyEvent, ...]:
    subject = action_subject(ACTION)
    step: dict[str, Any] = {
        "name": "my_module.fetch",
        "parent": "a0",
        "parent_attempt": 2,
        "group": "batch",
        "inputs": VALUES,
        "started_at": MORNING,
    }
    recalled = TraceSucceeded(**step, outputs=VALUES, recovered_from="p/d/r1/a0")
    checkpointed = AttemptCheckpointed(
        attempt=1,
        uri="flyte://artifacts/p/d/0f",
        sha256="0f" * 32,
        size_bytes=512,
        name="epoch-3",
        is_folder=True,
        serial=1,
    )
    return (
        _event(subject, "r7k2m9.a0.traced.2", recalled, source="agent"),
        _event(subject, "r7k2m9.a0.1.checkpointed.1", checkpointed, source="agent"),
        _event(subject, "r7k2m9.a1.traced.2", TraceFailed(**step, failure=FAILURE), source="agent"),
    )


def _asking_people() -> tuple[AnyEvent, ...]:
    subject = action_subject(RUN.action("approve"))
    requested = ConditionRequested(
        prompt="**Ship** it?",
        prompt_type="markdown",
        data_type="bool",
        description="After the tests.",
        timeout_s=3600.0,
        parent="a0",
        parent_attempt=1,
        group="batch",
    )
    signal = SignalCondition(condition="approve", value=True, requested_by="alice")
    recovered = ActionRecovered(source="p/d/r1/approve", outputs={"o0": InlineLiteral(value=True)})
    return (
        _event(subject, "r7k2m9.approve.requested", requested, source="agent", cause="r7k2m9.a0.1"),
        _event(subject, "r7k2m9.approve.announced", ConditionAnnounced(error="HTTP 500"), source="agent"),
        _event(signal_request(RUN, "alice"), "g1", signal, source="sdk"),
        _event(
            subject,
            "r7k2m9.approve.signalled",
            ConditionSignalled(value=True, signalled_by="alice"),
            source="executor",
            cause="g1",
        ),
        _event(subject, "r7k2m9.approve.recovered", recovered, source="executor"),
    )


def _printing() -> tuple[AnyEvent, ...]:
    segments = (LogSegment(stream="stdout", text="Grüße\n"), LogSegment(stream="stderr", text="\\xff\n"))
    written = LogWritten(attempt=1, offset=7, size_bytes=10, segments=segments)
    rejected = MessageRejected(
        stream="FLYTE_RUNS",
        message_subject=action_subject(ACTION),
        sequence=42,
        reason="not JSON: unexpected character",
        excerpt="\\x00\\x01",
    )
    return (
        _event(log_subject(ACTION), "r7k2m9.a0.1.log.7", written, source="agent"),
        _event(REJECTED, "rejected.FLYTE_RUNS.42", rejected, source="executor"),
    )


EXAMPLES: tuple[AnyEvent, ...] = (
    *_deploying(),
    *_importing(),
    *_running(),
    *_tracing(),
    *_asking_people(),
    *_printing(),
    *FURTHER_EXAMPLES,
)
"""Every type of the log once."""
