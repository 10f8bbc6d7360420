"""What each role may do, said a second time and otherwise: rules to compare the server's answers with.

The matrix (`flyte_schemas.access`) is a list of patterns; here stands, for one subject, who may use it and
why. Whoever widens the matrix by mistake finds the two at odds.
"""

from collections.abc import Iterator
from dataclasses import dataclass

OWN, SISTER, FOREIGN = ("shop", "prod"), ("shop", "dev"), ("bank", "prod")
PLACES = (OWN, SISTER, FOREIGN)
RUN, OTHER_RUN, SOURCE_RUN = "r-own", "r-other", "r-source"
POOL, WORKER, ME = "pool-own", "w-own", "me@x"
"""What the credentials of the tests are for. All are of the place OWN; agents of RUN, which recovers
SOURCE_RUN.
"""

PEOPLE = {"viewer": 0, "runner": 1, "admin": 2}
SERVICES = ("registry", "dataproxy", "executor", "scheduler", "notifier", "console")
EDGE = (*PEOPLE, "agent", "worker", "guard")

WRITERS = {"run": "executor", "task": "registry", "trigger": "scheduler", "notice": "notifier"}
WRITERS |= {"seal": "registry"}
REQUIRED = {"run": 1, "abort": 1, "signal": 1, "deploy": 2, "trigger": 2}
READABLE = ("REQUESTS", "TASKS", "TRIGGERS", "RUNS", "LOGS")
STREAM_CALLS = (
    *("STREAM.CREATE", "STREAM.UPDATE", "STREAM.DELETE", "STREAM.PURGE", "STREAM.INFO", "STREAM.MSG.GET"),
    *("STREAM.MSG.DELETE", "STREAM.SNAPSHOT", "STREAM.RESTORE", "STREAM.PEER.REMOVE"),
    *("STREAM.LEADER.STEPDOWN", "CONSUMER.NAMES", "CONSUMER.LIST", "CONSUMER.CREATE"),
)
CONSUMER_CALLS = (
    *("CREATE", "DURABLE.CREATE", "INFO", "DELETE", "MSG.NEXT", "PAUSE", "RESET", "UNPIN"),
    "LEADER.STEPDOWN",
)
CONSUMERS = {
    ("FLYTE_REQUESTS", "registry"): "registry",
    ("FLYTE_REQUESTS", "executor"): "executor",
    ("FLYTE_REQUESTS", "scheduler"): "scheduler",
    ("FLYTE_TIMERS", "executor"): "executor",
    ("FLYTE_TIMERS", "scheduler"): "scheduler",
    ("FLYTE_RUNS", "executor-traces"): "executor",
    ("FLYTE_LOGS", "executor-printed"): "executor",
    ("FLYTE_RUNS", "notifier"): "notifier",
    ("FLYTE_RUNS", "notifier-events"): "notifier",
    ("FLYTE_RUNS", "stranger"): "",
}
WATCHED: dict[str, tuple[str, ...]] = {
    "executor": ("flyte_leases", "flyte_settings"),
    "notifier": ("flyte_settings", "flyte_outbox"),
    **dict.fromkeys(("registry", "scheduler", "dataproxy"), ("flyte_settings",)),
}
BUCKETS = ("flyte_settings", "flyte_leases", "flyte_cache", "flyte_outbox", "flyte_sessions")
STREAMS = (*(f"FLYTE_{name}" for name in (*READABLE, "SEALS", "TIMERS", "REJECTED", "NOTICES")),)
STREAMS += tuple(f"KV_{bucket}" for bucket in BUCKETS)
ASKED = {
    "registry": ("get-task", "list-tasks", "list-runs", "get-project"),
    "dataproxy": ("create-upload-location", "complete-upload", "create-download-location", "get-stored"),
    "executor": ("get-usage",),
    "console": ("open-session",),
}
ASKED_ANYWHERE = {
    "registry": ("list-projects", "get-progress"),
    "dataproxy": ("list-artifacts", "remove-artifacts", "remove-unfinished-uploads"),
}
SYSTEM = (
    *(
        "$SYS.REQ.SERVER.PING",
        "$SYS.REQ.ACCOUNT.X.CLAIMS.UPDATE",
        "$SYS.REQ.CLAIMS.UPDATE",
        "$SYS.DEBUG.SUBSCRIBERS",
    ),
    *("$JS.API.SERVER.REMOVE", "$JS.API.ACCOUNT.PURGE.X", "$JS.API.META.LEADER.STEPDOWN", "$JS.API.INFO"),
    *("$JS.API.STREAM.LIST", "$JS.API.STREAM.NAMES", "$JS.API.ACCOUNT.STREAM.MOVE.X.FLYTE_RUNS"),
)


@dataclass(frozen=True, slots=True)
class Rules:
    """What the holder of a role's credentials may do."""

    role: str

    def may_publish(self, subject: str) -> bool:
        """Whether this may be said by that role."""
        if self.role == "operator":
            return not subject.startswith(("$SYS", "_INBOX", "_R_"))
        tokens = subject.split(".")
        match tokens:
            case ["flyte", "req", project, domain, verb, name, *user]:
                return self._may_request((project, domain), verb, name, user)
            case ["flyte", "read", *rest]:
                return self._may_read(rest)
            case ["flyte", "svc", service, *rest]:
                return self._may_ask(service, rest)
            case ["flyte", "info", stream]:
                return self.role == "guard" and stream.removeprefix("FLYTE_") in (*READABLE, "SEALS")
            case ["flyte", "rejected"]:
                return self.role in SERVICES
            case ["flyte", "timer", "set", *_]:
                return self.role in ("executor", "scheduler")
            case ["flyte", kind, project, domain, *rest]:
                return self._may_write(kind, (project, domain), rest)
            case ["$KV", bucket, *key]:
                return self._may_put(bucket, key)
            case ["$JS", "API", "DIRECT", "GET", stream, *rest]:
                return self._may_get(stream, rest)
            case ["$JS", "API", *rest]:
                return self._may_call(rest)
            case ["$JS", "ACK", *rest]:
                named = tuple(rest[2:4] if len(rest) == 10 else rest[:2])
                return CONSUMERS.get((named[0], named[1]), "") == self.role
            case ["$JS", "FC", stream, *_]:
                return stream.removeprefix("KV_") in WATCHED.get(self.role, ())
            case _:
                return False

    def may_listen(self, pattern: str, inbox: str) -> bool:
        """Whether that role, whose inbox this is, may hear all that a pattern matches."""
        if pattern.startswith(f"{inbox}."):
            return True
        if self.role == "operator":
            return pattern.startswith(("flyte.", "$KV.", "_INBOX."))
        match pattern.split("."):
            case ["flyte", "live", kind, project, domain, *rest] if self.role in EDGE:
                if (project, domain) != OWN or len(rest) != 2 or rest[1] == ">":
                    return False
                if self.role in ("agent", "worker"):
                    return kind == "run" and self._is_own_run(rest[0])
                return self.role in PEOPLE and kind in ("run", "log", "task", "trigger")
            case ["flyte", "live", *_]:
                return self.role in SERVICES
            case ["flyte", "svc", "worker", "stop-attempt", _, worker]:
                return self.role == "worker" and worker == WORKER
            case ["flyte", "svc", service, *_]:
                return service == self.role and (self.role in SERVICES or pattern == "flyte.svc.guard.ping")
            case ["flyte", "read", *_]:
                return self.role == "guard"
            case _:
                return False

    # -- publishing ------------------------------------------------------------------------------------

    def _may_request(self, place: tuple[str, str], verb: str, name: str, user: list[str]) -> bool:
        if self.role == "scheduler":
            return verb == "run" and user == ["scheduler"]
        if place != OWN or verb not in REQUIRED:
            return False
        if self.role in PEOPLE:
            return user == [ME] and PEOPLE[self.role] >= REQUIRED[verb]
        return verb == "abort" and user == ["agent"] and self._is_own_run(name)

    def _may_write(self, kind: str, place: tuple[str, str], rest: list[str]) -> bool:
        if kind in ("run", "log") and self.role in ("agent", "worker"):
            return place == OWN and len(rest) == 2 and self._is_own_run(rest[0])
        return WRITERS.get(kind) == self.role

    def _may_put(self, bucket: str, key: list[str]) -> bool:
        match self.role:
            case "agent" | "worker":
                is_own = tuple(key[:2]) == OWN and len(key) == 5 and self._is_own_run(key[2])
                return bucket == "flyte_leases" and is_own
            case "executor":
                is_ours = bucket == "flyte_settings" and key[0] == "executor"
                return is_ours or bucket in ("flyte_leases", "flyte_cache")
            case "notifier":
                return bucket == "flyte_outbox"
            case "console":
                return bucket == "flyte_sessions"
            case _:
                return False

    def _may_get(self, stream: str, subject: list[str]) -> bool:
        """A direct get: by the body (`subject` is empty), or of one subject."""
        if self.role in SERVICES:
            return True
        if not subject:
            return self.role == "guard" and stream.removeprefix("FLYTE_") in (*READABLE, "SEALS")
        match subject:
            case ["$KV", "flyte_leases", *key]:
                return self.role in ("agent", "worker") and self._may_put("flyte_leases", key)
            case ["$KV", "flyte_settings", *key]:
                return self.role in PEOPLE and key == ["executor", "backend"]
            case ["$KV", "flyte_cache", "computing", "in", project, domain, _]:
                return self.role in PEOPLE and (project, domain) == OWN
            case ["flyte", kind, project, domain, *rest] if (project, domain) == OWN:
                if self.role in PEOPLE:
                    return kind in ("req", "task", "trigger", "run", "log", "seal")
                if self.role in ("agent", "worker"):
                    return kind == "task" or (kind == "run" and self._sees_run(rest[0]))
        return False

    def _may_read(self, rest: list[str]) -> bool:
        match rest:
            case ["last", stream]:
                is_agent = self.role in ("agent", "worker")
                known = ("RUNS",) if is_agent else READABLE
                return self.role in (*PEOPLE, "agent", "worker") and stream.removeprefix("FLYTE_") in known
            case [stream, project, domain, *run]:
                name = stream.removeprefix("FLYTE_")
                if (project, domain) != OWN or name not in (*READABLE, "SEALS"):
                    return False
                if self.role in PEOPLE:
                    return not run or name in ("RUNS", "LOGS")
                if self.role in ("agent", "worker"):
                    if not run:  # who sees each run of a place sees the place's
                        return name == "TASKS" or (name == "RUNS" and self.role == "worker")
                    return name == "RUNS" and len(run) == 1 and self._sees_run(run[0])
        return False

    def _may_ask(self, service: str, rest: list[str]) -> bool:
        question, *about = rest
        if question == "ping":
            is_named = service in ("registry", "dataproxy", "executor", "scheduler", "notifier")
            return self.role in PEOPLE or (self.role == "console" and is_named)
        if service == "worker":
            return self.role == "executor"
        if "secret" in question:
            return self._may_ask_of_secrets(question, about)
        if question == "take-work":
            return self.role == "worker" and about[1:] == [POOL]
        if question == "renew-credential":
            return self.role == "agent" and about == [*OWN, RUN]
        if question == "renew-worker":
            return self.role == "worker" and about == [*OWN, POOL, WORKER]
        if question in ASKED_ANYWHERE.get(service, ()):
            return (self.role in PEOPLE and question == "get-progress") or (
                self.role == "console" and service == "registry"
            )
        if question not in ASKED.get(service, ()) or len(about) != 2:
            return False
        if self.role in ("console", "executor"):
            asks_registry = self.role == "console" and service == "registry"
            return asks_registry or question == "create-download-location"
        if tuple(about) != OWN:
            return False
        if self.role in ("agent", "worker"):
            return service == "dataproxy" and question != "get-stored"
        is_upload = question in ("create-upload-location", "complete-upload")
        return self.role in PEOPLE and PEOPLE[self.role] >= is_upload

    def _may_ask_of_secrets(self, question: str, about: list[str]) -> bool:
        """Who keeps a place's secrets is its admin; wider scopes are the operator's alone."""
        if question == "secrets-key":
            return self.role == "admin"
        if question == "give-secrets":
            is_agent = self.role in ("agent", "worker")
            return is_agent and tuple(about[:2]) == OWN and self._is_own_run(about[2])
        if question == "list-secrets":
            return self.role in PEOPLE and tuple(about) == OWN
        return question in ("put-secret", "delete-secret") and self.role == "admin" and tuple(about) == OWN

    def _may_call(self, rest: list[str]) -> bool:
        """The rest of JetStream's API."""
        match rest:
            case ["STREAM", "INFO", _] | ["STREAM", "MSG", "GET", _]:
                return self.role in SERVICES or (self.role == "provisioner" and rest[1] == "INFO")
            case ["STREAM", "CREATE" | "UPDATE", _]:
                return self.role == "provisioner"
            case ["CONSUMER", "CREATE", stream, *_] if stream.startswith("KV_"):
                return stream.removeprefix("KV_") in WATCHED.get(self.role, ())
            case ["CONSUMER", "INFO" | "DELETE", stream, _] if stream.startswith("KV_"):
                return stream.removeprefix("KV_") in WATCHED.get(self.role, ())
            case ["CONSUMER", "CREATE", stream, durable] | ["CONSUMER", "MSG", "NEXT", stream, durable]:
                return CONSUMERS.get((stream, durable), "") == self.role
            case ["STREAM", "LIST"] | ["INFO"]:
                return self.role == "registry"
        return False

    def _is_own_run(self, run: str) -> bool:
        return self.role == "worker" or (self.role == "agent" and run == RUN)

    def _sees_run(self, run: str) -> bool:
        return self._is_own_run(run) or run == SOURCE_RUN


def said() -> Iterator[str]:
    """Subjects to publish to: all kinds of them, in one's own place and run, and in others'."""
    for project, domain in PLACES:
        place = f"{project}.{domain}"
        for verb in (*REQUIRED, "grant"):
            for name in (RUN, OTHER_RUN):
                yield from (
                    f"flyte.req.{place}.{verb}.{name}{user}" for user in ("", f".{ME}", ".you", ".agent")
                )
        for run in (RUN, OTHER_RUN, SOURCE_RUN):
            yield from (f"flyte.{kind}.{place}.{run}.a0" for kind in ("run", "log", "notice"))
            yield from (f"flyte.live.{kind}.{place}.{run}.a0" for kind in ("run", "log"))
            yield from (f"flyte.timer.{kind}.{place}.{run}.a0" for kind in ("set", "due"))
            yield from (f"flyte.read.FLYTE_{name}.{place}.{run}" for name in READABLE)
            yield f"$KV.flyte_leases.{place}.{run}.a0.1"
            yield f"flyte.svc.executor.renew-credential.{place}.{run}"
            yield f"flyte.svc.executor.give-secrets.{place}.{run}"
            yield f"$JS.API.DIRECT.GET.FLYTE_RUNS.flyte.run.{place}.{run}.a0"
            yield f"$JS.API.DIRECT.GET.FLYTE_LOGS.flyte.log.{place}.{run}.a0"
            yield f"$JS.API.DIRECT.GET.FLYTE_REQUESTS.flyte.req.{place}.run.{run}.you"
            yield f"$JS.API.DIRECT.GET.KV_flyte_leases.$KV.flyte_leases.{place}.{run}.a0.1"
        yield from (
            f"flyte.{kind}.{place}.env.task" for kind in ("task", "trigger", "live.task", "live.trigger")
        )
        yield from (f"flyte.read.FLYTE_{name}.{place}" for name in (*READABLE, "SEALS", "TIMERS", "REJECTED"))
        yield from (f"flyte.seal.{place}.{RUN}", f"$JS.API.DIRECT.GET.FLYTE_SEALS.flyte.seal.{place}.{RUN}")
        yield from (f"flyte.svc.executor.{verb}-secret.{place}" for verb in ("put", "delete"))
        yield from (f"flyte.svc.executor.{verb}-domain-secret.{domain}" for verb in ("put", "delete"))
        yield f"flyte.svc.executor.list-secrets.{place}"
        yield f"$JS.API.DIRECT.GET.FLYTE_TASKS.flyte.task.{place}.env.task"
        yield f"$JS.API.DIRECT.GET.FLYTE_TRIGGERS.flyte.trigger.{place}.env.task"
        yield f"$JS.API.DIRECT.GET.KV_flyte_cache.$KV.flyte_cache.computing.in.{place}.abc"
        yield f"$JS.API.DIRECT.GET.KV_flyte_cache.$KV.flyte_cache.in.{place}.abc"
        for pool, worker in ((POOL, WORKER), (POOL, "w-other"), ("pool-other", WORKER)):
            yield f"flyte.svc.executor.renew-worker.{place}.{pool}.{worker}"
        for service, questions in ASKED.items():
            yield from (f"flyte.svc.{service}.{question}.{place}" for question in questions)
    yield from _without_place()
    yield from _api()


def _without_place() -> Iterator[str]:
    yield "flyte.rejected"
    for service in (*SERVICES, "guard"):
        yield f"flyte.svc.{service}.ping"
    for service, questions in ASKED_ANYWHERE.items():
        yield from (f"flyte.svc.{service}.{question}" for question in questions)
    yield from (f"flyte.svc.executor.{verb}-global-secret" for verb in ("put", "delete"))
    yield "flyte.svc.executor.secrets-key"
    yield from (f"flyte.svc.executor.take-work.e1.{pool}" for pool in (POOL, "pool-other"))
    yield from (f"flyte.svc.worker.stop-attempt.s1.{worker}" for worker in (WORKER, "w-other"))
    yield from (f"flyte.{asked}.{stream}" for asked in ("read.last", "info") for stream in STREAMS)
    yield from (
        "$KV.flyte_settings.executor.backend",
        "$KV.flyte_settings.notifications",
        "$KV.flyte_cache.global.abc",
    )
    yield from ("$KV.flyte_outbox.a.b", "$KV.flyte_sessions.abc", "$KV.other.key")
    yield from (f"flyte.svc.console.open-session.{place}" for place in (f"{OWN[0]}.~", "~.~"))
    yield from (
        f"$JS.API.DIRECT.GET.KV_flyte_settings.$KV.flyte_settings.{key}"
        for key in ("executor.backend", "executor.checkpoint", "notifications", "projects")
    )


def _api() -> Iterator[str]:
    for stream in STREAMS:
        yield f"$JS.API.DIRECT.GET.{stream}"
        yield from (f"$JS.API.{call}.{stream}" for call in STREAM_CALLS)
    for stream, durable in (
        *CONSUMERS,
        ("KV_flyte_leases", "x"),
        ("KV_flyte_settings", "x"),
        ("KV_flyte_outbox", "x"),
    ):
        yield from (f"$JS.API.CONSUMER.{call}.{stream}.{durable}" for call in CONSUMER_CALLS)
        yield f"$JS.ACK.{stream}.{durable}.1.1.1.1.0"
        yield f"$JS.ACK._.ACCHASH.{stream}.{durable}.1.1.1.1.0.abc"
        yield f"$JS.FC.{stream}.{durable}.abc"
    yield from SYSTEM


def heard(inbox: str, others: str) -> Iterator[str]:
    """Patterns to listen to: one's own, others', and those that match too much."""
    yield from (
        ">",
        "*",
        "flyte.>",
        "flyte.*.>",
        "$JS.>",
        "$JS.API.>",
        "$JS.ACK.>",
        "$SYS.>",
        "_R_.>",
        "$KV.>",
    )
    yield from (
        "_INBOX.>",
        "_INBOX.*",
        "_INBOX.*.>",
        f"{others}.>",
        f"{others}.x",
        f"{inbox}.>",
        f"{inbox}.x.y",
    )
    yield from ("flyte.live.>", "flyte.live.*.>", "flyte.read.>", "flyte.svc.>", "flyte.svc.*.ping")
    yield from (f"flyte.live.{kind}.>" for kind in ("run", "log", "task", "trigger"))
    yield from (
        f"flyte.live.run.*.{OWN[1]}.*.*",
        f"flyte.live.run.{OWN[0]}.*.*.*",
        f"flyte.live.run.{OWN[0]}.>",
    )
    for place in PLACES:
        for kind in ("run", "log", "task", "trigger", "notice"):
            yield from (
                f"flyte.{prefix}{kind}.{place[0]}.{place[1]}.{rest}"
                for prefix in ("", "live.")
                for rest in ("*.*", f"{RUN}.*", f"{OTHER_RUN}.*", ">")
            )
        yield f"flyte.req.{place[0]}.{place[1]}.>"
    yield from (f"flyte.svc.{service}.>" for service in (*SERVICES, "worker", "guard"))
    yield from (f"flyte.svc.worker.stop-attempt.s1.{worker}" for worker in (WORKER, "w-other", "*"))
    yield from ("flyte.svc.guard.ping", "flyte.svc.executor.take-work.e1.pool-own", f"{inbox}")
