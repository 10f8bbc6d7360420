"""What this connection may see and do, as its own credentials say, and the words for what it may not."""

from dataclasses import dataclass
from datetime import UTC, datetime

from flyte_bus.identity.credentials import Identity
from flyte_schemas.reading import ANY, Scope

GUARDED_ROLES = frozenset({"agent", "worker", "viewer", "runner", "admin"})
"""Those who are bound to places, and read by way of the guard."""

_STREAMS = {
    "RUNS": "runs",
    "LOGS": "logs",
    "TASKS": "tasks",
    "TRIGGERS": "triggers",
    "NOTICES": "notices",
    "REQUESTS": "requests",
}
_TRUTH = {"run": "runs", "log": "logs", "task": "tasks", "trigger": "triggers", "notice": "notices"}
_REQUESTED = {
    "run": "start runs",
    "abort": "abort runs",
    "signal": "answer conditions",
    "deploy": "deploy tasks",
    "trigger": "change triggers",
}
_ROLE_FOR = {"deploy": "admin", "trigger": "admin"}
"""Which role a request takes, where `runner` does not do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Who a connection is: a user with a role in some places (`*`: any), or in some of their runs only.

    `inbox` is the beginning of the subjects that it may have answers sent to. `is_guarded`: it reads what
    many messages hold by way of the guard.
    """

    user: str
    role: str = ""
    places: tuple[tuple[str, str], ...] = ()
    runs: tuple[str, ...] = ()
    expires_at: datetime | None = None
    inbox: str = ""
    is_guarded: bool = False

    @property
    def scopes(self) -> tuple[Scope, ...]:
        """The parts of the log that it may read."""
        return tuple(
            Scope(project, domain, run) for project, domain in self.places for run in self.runs or (None,)
        )

    @property
    def shown(self) -> str:
        """The user, its role and where that holds, in words."""
        where = ", ".join("/".join(place) for place in self.places)
        role = f"{self.role or 'no role'}{f' in {where}' if where else ''}"
        return f"{self.user or 'this user'} ({role})"

    def is_over(self, now: datetime) -> bool:
        """Whether the credentials are no longer valid."""
        return self.expires_at is not None and self.expires_at <= now


def access_of(identity: Identity) -> Access:
    """What the holder of credentials may see and do.

    The server alone judges credentials; this only asks where they will be let in.
    """
    return Access(
        user=identity.name,
        role=identity.role,
        places=tuple(_place(text) for text in identity.places),
        runs=(*identity.tags.get("run", ()), *identity.tags.get("source", ())),
        expires_at=identity.expires_at,
        inbox=identity.inbox,
        is_guarded=identity.role in GUARDED_ROLES,
    )


def _place(text: str) -> tuple[str, str]:
    project, _, domain = text.partition(".")
    return project, domain


def refusal(access: Access | None, subject: str, *, listening: bool = False) -> tuple[str, str]:
    """One sentence of who may not do what where, and one of what to do about it."""
    what, place, role = _meaning(subject.split("."), listening=listening)
    who = access.shown if access is not None else "this user of NATS"
    where = f" in {'/'.join(place)}" if place else ""
    message = f"{who} may not {what}{where}: NATS refused {subject}"
    if place is None:
        return message, "Ask the administrator of the platform for credentials of another role."
    name = (access.user if access is not None else "") or "NAME"
    project, domain = (f"'{part}'" if part == ANY else part for part in place)
    hint = (
        f"Ask the administrator for the role {role} there: "
        f"flyte admin create user {name} --role {role} --project {project} --domain {domain}"
    )
    return message, hint


def ended(access: Access | None, said: str, now: datetime) -> tuple[str, str]:
    """The same for credentials that the server takes no longer; `said` are its words."""
    who = access.shown if access is not None else "this user of NATS"
    if access is not None and access.expires_at is not None and access.is_over(now):
        moment = access.expires_at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        why = f"its credentials expired at {moment}"
    else:
        why = f"NATS takes its credentials no longer ({said})"
    name = (access.user if access is not None else "") or "NAME"
    return (
        f"{who} is not let in: {why}",
        f"Ask the administrator for new ones: flyte admin create user {name}",
    )


def _meaning(tokens: list[str], *, listening: bool) -> tuple[str, tuple[str, str] | None, str]:
    """What somebody does who uses a subject, in which place, and the role that it takes."""
    match tokens:
        case ["flyte", "req", project, domain, verb, *_]:
            what = _REQUESTED.get(verb, f"ask for {verb}")
            return what, (project, domain), _ROLE_FOR.get(verb, "runner")
        case ["flyte", "read", stream, project, domain, *_] if stream != "last":
            return f"read {_named(stream)}", (project, domain), "viewer"
        case ["flyte", "live", kind, project, domain, *_]:
            return f"read {_TRUTH.get(kind, kind)}", (project, domain), "viewer"
        case ["$JS", "API", "DIRECT", "GET", stream, "flyte", _, project, domain, *_]:
            return f"read {_named(stream)}", (project, domain), "viewer"
        case ["flyte", "svc", service, question, project, domain]:
            return f"ask the {service} to {question.replace('-', ' ')}", (project, domain), "viewer"
        case ["flyte", "svc", service, question, *_]:
            return f"{'answer' if listening else 'ask'} {service} {question.replace('-', ' ')}", None, ""
        case ["flyte", kind, project, domain, *_] if kind in _TRUTH:
            return f"write into the log of {_TRUTH[kind]}", (project, domain), "runner"
        case ["$KV", bucket, *_] | ["$JS", "API", "DIRECT", "GET", "KV_flyte_settings" as bucket, *_]:
            return f"use the bucket {bucket.removeprefix('KV_')}", None, ""
        case _:
            return f"{'listen to' if listening else 'use'} {'.'.join(tokens)}", None, ""


def _named(stream: str) -> str:
    return _STREAMS.get(stream.removeprefix("FLYTE_"), stream)
