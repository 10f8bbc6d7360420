"""Where each word is published: the subjects of the log, built and read in one place."""

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from flyte_schemas.users import user_of, user_token

ROOT_ACTION = "a0"
"""The root action of every run."""

LIVE_PREFIX = "flyte.live."
"""What the log republishes, for readers who hold no consumer."""

REJECTED = "flyte.rejected"


def _both(verb: str) -> tuple[str, str]:
    """Requests that say who asks, and those of earlier versions, which do not."""
    return f"flyte.req.*.*.{verb}.*.*", f"flyte.req.*.*.{verb}.*"


DEPLOY_REQUESTS = _both("deploy")
RUN_REQUESTS = _both("run")
ABORT_REQUESTS = _both("abort")
SIGNAL_REQUESTS = _both("signal")
TRIGGER_REQUESTS = _both("trigger")

ACTIONS_KNOWN = 10_000
"""For how many subjects their action is remembered: each has several events, and several readers."""

TIMERS_DUE = "flyte.timer.due.*.*.*.*"
"""Timers of actions that have gone off."""

TRIGGERS_DUE = "flyte.timer.due.*.*.*.*.*"
"""Those of triggers: their keys have one word more."""


class RunKey(NamedTuple):
    """One run, wherever it is named."""

    project: str
    domain: str
    run: str

    def __str__(self) -> str:
        return f"{self.project}/{self.domain}/{self.run}"

    def action(self, name: str) -> "ActionKey":
        return ActionKey(self, name)


class ActionKey(NamedTuple):
    """One action of a run."""

    run: RunKey
    action: str

    def __str__(self) -> str:
        return f"{self.run}/{self.action}"

    @property
    def is_root(self) -> bool:
        return self.action == ROOT_ACTION


class AttemptKey(NamedTuple):
    """One attempt (1, 2, …) at an action."""

    action: ActionKey
    attempt: int

    def __str__(self) -> str:
        return f"{self.action}/{self.attempt}"


class TriggerKey(NamedTuple):
    """One trigger; `task` is its task's full name, `environment.function`."""

    project: str
    domain: str
    task: str
    name: str

    def __str__(self) -> str:
        return f"{self.project}/{self.domain}/{self.task}/{self.name}"


def request_subject(project: str, domain: str, verb: str, name: str, token: str) -> str:
    """Where something is asked for; `token` is that of the user who asks (`users.user_token`)."""
    return f"flyte.req.{project}.{domain}.{verb}.{name}.{token}"


def deploy_request(project: str, domain: str, environment: str, user: str) -> str:
    return request_subject(project, domain, "deploy", environment, user_token(user))


def run_request(run: RunKey, user: str) -> str:
    return request_subject(*run[:2], "run", run.run, user_token(user))


def run_requests(run: RunKey) -> tuple[str, str]:
    """Match the requests for a run: whoever asks; and one of an earlier version, which does not say who."""
    old = f"flyte.req.{run.project}.{run.domain}.run.{run.run}"
    return f"{old}.*", old


def abort_request(run: RunKey, user: str) -> str:
    return request_subject(*run[:2], "abort", run.run, user_token(user))


def signal_request(run: RunKey, user: str) -> str:
    return request_subject(*run[:2], "signal", run.run, user_token(user))


def trigger_request(project: str, domain: str, environment: str, user: str) -> str:
    return request_subject(project, domain, "trigger", environment, user_token(user))


def triggers_subject(project: str, domain: str, task: str) -> str:
    """The subject of a task's triggers, all of them; `task` is its full name."""
    return f"flyte.trigger.{project}.{domain}.{task}"


def task_subject(project: str, domain: str, task: str) -> str:
    """The subject of a task's versions; `task` is its full name, `environment.function`."""
    return f"flyte.task.{project}.{domain}.{task}"


def action_subject(key: ActionKey) -> str:
    return f"flyte.run.{key.run.project}.{key.run.domain}.{key.run.run}.{key.action}"


def run_filter(run: RunKey) -> str:
    """Matches everything that happens to any action of the run."""
    return f"flyte.run.{run.project}.{run.domain}.{run.run}.*"


def place_filter(project: str, domain: str) -> str:
    """Matches everything that happens to any run of a project and domain."""
    return f"flyte.run.{project}.{domain}.*.*"


def log_subject(key: ActionKey) -> str:
    return f"flyte.log.{key.run.project}.{key.run.domain}.{key.run.run}.{key.action}"


def log_filter(run: RunKey) -> str:
    return f"flyte.log.{run.project}.{run.domain}.{run.run}.*"


def timer_subject(key: ActionKey) -> str:
    """Where the timer of an action appears when it goes off."""
    return f"flyte.timer.due.{key.run.project}.{key.run.domain}.{key.run.run}.{key.action}"


def trigger_timer_subject(key: TriggerKey) -> str:
    """Where the timer of a trigger appears when it goes off."""
    return f"flyte.timer.due.{key.project}.{key.domain}.{key.task}.{key.name}"


def timer_setting(due: str) -> str:
    """Where the timer is set that will appear at `due`: `flyte.timer.due.x` → `flyte.timer.set.x`."""
    return due.replace("flyte.timer.due.", "flyte.timer.set.", 1)


def notice_subject(key: ActionKey) -> str:
    """Where it is told that nobody took a notification about an action."""
    return f"flyte.notice.{key.run.project}.{key.run.domain}.{key.run.run}.{key.action}"


def seal_subject(run: RunKey) -> str:
    """Where the seals of a run stand."""
    return f"flyte.seal.{run.project}.{run.domain}.{run.run}"


def seal_filter(project: str, domain: str) -> str:
    """Matches the seals of all runs of a project and domain."""
    return f"flyte.seal.{project}.{domain}.*"


def lease_key(attempt: AttemptKey) -> str:
    """Where in the bucket of leases the worker of an attempt shows that it lives."""
    run = attempt.action.run
    return f"{run.project}.{run.domain}.{run.run}.{attempt.action.action}.{attempt.attempt}"


def live(subject: str) -> str:
    """Where a subject of the log is republished: `flyte.run.x` → `flyte.live.run.x`."""
    return LIVE_PREFIX + subject.removeprefix("flyte.")


@dataclass(frozen=True, slots=True)
class Request:
    """What the subject of a request says; `user` is who asks, and empty where an earlier version asked.

    Who may publish under whose name the server knows, so this name counts, and not what a body says.
    """

    project: str
    domain: str
    verb: str
    name: str
    user: str = ""


def parse_request(subject: str) -> Request | None:
    """The parts of `flyte.req.{project}.{domain}.{verb}.{name}.{user}`; None for anything else."""
    match subject.split("."):
        case ["flyte", "req", project, domain, verb, name]:
            return Request(project, domain, verb, name)
        case ["flyte", "req", project, domain, verb, name, token]:
            user = user_of(token)
            return None if user is None else Request(project, domain, verb, name, user)
        case _:
            return None


@lru_cache(maxsize=ACTIONS_KNOWN)
def parse_action(subject: str) -> ActionKey | None:
    """The action of `flyte.run.…`, `flyte.log.…` or `flyte.notice.…`; None for anything else."""
    match subject.split("."):
        case ["flyte", "run" | "log" | "notice", project, domain, run, action]:
            return ActionKey(RunKey(project, domain, run), action)
        case _:
            return None


def parse_seal(subject: str) -> RunKey | None:
    """The run of `flyte.seal.…`; None for anything else."""
    match subject.split("."):
        case ["flyte", "seal", project, domain, run]:
            return RunKey(project, domain, run)
        case _:
            return None


def parse_timer(subject: str) -> ActionKey | None:
    """The action of `flyte.timer.due.…`; None for anything else."""
    match subject.split("."):
        case ["flyte", "timer", "due", project, domain, run, action]:
            return ActionKey(RunKey(project, domain, run), action)
        case _:
            return None


def parse_trigger_timer(subject: str) -> TriggerKey | None:
    """The trigger of `flyte.timer.due.…`; None for anything else."""
    match subject.split("."):
        case ["flyte", "timer", "due", project, domain, environment, function, name]:
            return TriggerKey(project, domain, f"{environment}.{function}", name)
        case _:
            return None


def parse_task(subject: str) -> tuple[str, str, str] | None:
    """Project, domain and full task name of `flyte.task.…` or `flyte.trigger.…`; None for anything else."""
    match subject.split("."):
        case ["flyte", "task" | "trigger", project, domain, environment, function]:
            return project, domain, f"{environment}.{function}"
        case _:
            return None


def parse_lease(key: str) -> AttemptKey | None:
    """The attempt of a key in the bucket of leases; None for anything else."""
    match key.split("."):
        case [project, domain, run, action, attempt] if attempt.isdecimal():
            return AttemptKey(ActionKey(RunKey(project, domain, run), action), int(attempt))
        case _:
            return None
