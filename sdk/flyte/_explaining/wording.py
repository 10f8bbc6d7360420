"""Every sentence of an explanation, in one place."""

from datetime import datetime

from flyte_schemas.action import ActionState
from flyte_schemas.conditions import DESCRIBED
from flyte_schemas.events import ConditionRequested
from flyte_schemas.failure import PAST_DEADLINE, RAN_TOO_LONG, WAITED_TOO_LONG, Failure
from flyte_schemas.failure_codes import MAX_SYSTEM_FAILURES
from flyte_schemas.phase import ActionPhase
from flyte_schemas.policies import Policies
from flyte_schemas.pools import PROCESS

_CLOCKS = {
    RAN_TOO_LONG: "its attempt ran longer than the task's timeout",
    WAITED_TOO_LONG: "it waited for a place longer than the task's max_queued_time",
    PAST_DEADLINE: "it was not over within the task's deadline",
}

KINDS = {
    "executor": "the executor",
    "slot": "a slot",
    "backoff": "their next attempt",
    "result": "a cached result",
    "start": "their process",
    "function": "their function",
    "children": "their children",
    "person": "a person",
}
"""What actions wait for, in a list of many."""

_SHOWN = 5
"""How many suspects are named."""


def moment(at: datetime | None) -> str:
    """A time of day in the user's zone, with the date when it is not today's business."""
    return at.astimezone().strftime("%Y-%m-%d %H:%M:%S") if at else "?"


def lasting(seconds: float) -> str:
    """A duration as people say it: 4.2 s, 3 min 5 s, 2 h 10 min."""
    if seconds < 60:
        return f"{max(0.0, seconds):.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min {rest} s"


def between(start: datetime | None, end: datetime | None) -> str:
    return lasting((end - start).total_seconds()) if start and end else "?"


def first_line(text: str) -> str:
    return text.splitlines()[0] if text.strip() else ""


def brief(failure: Failure) -> str:
    """Code and message in a line."""
    return f"{failure.code}: {first_line(failure.message)}" if failure.message else failure.code


def named(action: str, task: str) -> str:
    return f"action {action} ({task})"


def counted(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or f'{one}s'}"


# -- how it ended --------------------------------------------------------------------------------------------


def succeeded(subject: str, state: ActionState) -> str:
    if state.recovered_from:
        return f"{subject} did not run: its result was taken over from {state.recovered_from}"
    if state.condition is not None:
        return f"{subject} was answered by {state.signalled_by or 'somebody'}"
    if state.cached_from:
        return f"{subject} succeeded without running: {state.cached_from} had computed the same"
    took = between(state.requested_at, state.ended_at)
    tries = "" if state.attempt <= 1 else f", in attempt {state.attempt}"
    return f"{subject} succeeded after {took}{tries}"


def failed(subject: str, failure: Failure) -> str:
    return f"{subject} failed: {brief(failure)}"


def failed_below(subject: str, cause: str, levels: int, how: str) -> str:
    where = "its own call" if levels == 1 else f"{levels} calls below it"
    return f"{subject} failed because {cause}, {where}, {how}"


def how_ended(state: ActionState) -> str:
    """What became of an action, as the end of a sentence."""
    match state.phase:
        case ActionPhase.ABORTED:
            return f"was aborted{_by(state)}: {state.abort_reason or 'nobody said why'}"
        case ActionPhase.TIMED_OUT if state.failure:
            return f"timed out: {brief(state.failure)}"
        case _:
            return f"failed with {brief(state.failure)}" if state.failure else "failed, and nothing says why"


def timed_out(subject: str, failure: Failure | None) -> str:
    clock = _CLOCKS.get(failure.code if failure else "", "it took too long")
    said = f" ({first_line(failure.message)})" if failure and failure.message else ""
    return f"{subject} timed out: {clock}{said}"


def aborted(subject: str, state: ActionState) -> str:
    return f"{subject} was aborted{_by(state)}: {state.abort_reason or 'nobody said why'}"


def aborted_with_parent(subject: str, parent: str, parents: ActionState) -> str:
    phase = parents.phase.value if parents.phase else "unknown"
    return f"{subject} was aborted because its parent, {parent}, had ended ({phase}): nobody waited for it"


def cascade(number: int) -> str:
    return f"With it {counted(number, 'action')} below it {'was' if number == 1 else 'were'} aborted."


def suspect(name: str, state: ActionState) -> str:
    return f"{name} {how_ended(state)}"


def suspects(children: list[str]) -> str:
    more = [f"and {len(children) - _SHOWN} more"] if len(children) > _SHOWN else []
    which = "; ".join([*children[:_SHOWN], *more])
    return f"Before that {which}: that may be the reason, though its own words are others."


def _by(state: ActionState) -> str:
    return f" by {state.aborted_by}" if state.aborted_by else ""


# -- what was tried ------------------------------------------------------------------------------------------


def no_more_attempts(state: ActionState, failure: Failure, policies: Policies | None) -> str:
    """Why no further attempt followed."""
    if failure.code == MAX_SYSTEM_FAILURES:
        return "The platform has its own budget for losses, beside the task's retries; it is used up."
    if failure.code == PAST_DEADLINE:
        return "No attempt follows a deadline."
    if not failure.recoverable:
        return "It was not tried again: such a failure would come again."
    if policies is None:
        return ""
    tried = counted(state.user_failures, "attempt")
    if policies.retries == 0:
        return "It was not tried again: its task has no retries (@env.task(retries=…) gives it some)."
    return f"{tried} failed, which is all that its task's retries={policies.retries} allow."


def own_error(code: str) -> str:
    return f"{code} is the task's own error: mend what raises it, or catch it in the task's caller"


# -- what it waits for ---------------------------------------------------------------------------------------


def only_asked_for(subject: str) -> str:
    return f"{subject} was asked for, and has not begun: only the request for it is in the log"


def refused(subject: str, reason: str) -> str:
    return f"{subject} was asked for and never began: the executor could not read the request ({reason})"


def not_over(subject: str, phase: str, since: datetime | None, now: datetime) -> str:
    return f"{subject} is not over: it is {phase} and was asked for {between(since, now)} ago"


def waits_for_executor(since: datetime | None, now: datetime, has_executor: bool | None) -> str:
    there = {
        None: "see with `flyte status` whether one runs",
        True: "one is there, and will come to it",
        False: "none answers: start one (`flyte start`, or flyte-executor)",
    }
    return f"waits for an executor to take it, for {between(since, now)}: {there[has_executor]}"


def waits_for_slot(position: int, number: int, pool: str, *, is_held_back: bool) -> str:
    place = f"number {position} of {number} in this run" if number > 1 else "the only one in this run"
    one = "a free slot of the executor" if pool == PROCESS else f"a free process of its pool {pool}"
    if is_held_back:
        one = "its run to have fewer actions running"
    return f"waits for {one}: {place}"


def slots(busy: int, limit: int | None, elsewhere: int | None) -> str:
    """Who has, and who wants, the slots that an action waits for."""
    have = f"{counted(busy, 'action')} of this run {'has' if busy == 1 else 'have'} a slot now"
    if limit is not None and busy >= limit:
        return f"{have}, which is all that its max_action_concurrency={limit} allows."
    if elsewhere is None:
        return f"{have}; who else waits is not known: the registry does not answer."
    others = f"{elsewhere} of other runs here {'waits' if elsewhere == 1 else 'wait'} too"
    return f"{have}; {others}. A free one goes to the run that holds the fewest."


def waits_for_place(why: str) -> str:
    return f"waits for {first_line(why)}"


def waits_for_process() -> str:
    return "waits for its process: it needs no slot, because it has children"


def waits_for_backoff(attempt: int, until: datetime, now: datetime, failure: Failure | None) -> str:
    after = f" after {brief(failure)}" if failure else ""
    return f"waits {between(now, until)} more, until {moment(until)}, for attempt {attempt}{after}"


def waits_for_retry(attempt: int) -> str:
    return f"waits for the executor to open attempt {attempt}"


def waits_for_decision(failure: Failure | None) -> str:
    after = f" ({brief(failure)})" if failure else ""
    return f"its attempt is over{after}: it waits for the executor to decide what follows"


def waits_for_result(holder: str) -> str:
    return f"waits for the result of the same call, which {holder} computes now, to take it from the cache"


def waits_for_start(worker: str, since: datetime | None, now: datetime) -> str:
    return f"its code is fetched and imported on {worker}, for {between(since, now)}"


def waits_for_function(attempt: int, worker: str, since: datetime | None, now: datetime) -> str:
    return f"runs on {worker} for {between(since, now)}, in attempt {attempt}"


def waits_for_children(live: int, done: int) -> str:
    over = f" ({done} {'is' if done == 1 else 'are'})" if done else ""
    number = counted(live, "child", "children")
    return f"runs, and {number} of it {'is' if live == 1 else 'are'} not over{over}"


def waits_for_person(condition: ConditionRequested, run: str, name: str) -> str:
    asked, answer = first_line(condition.prompt), f"flyte signal condition {run} {name} VALUE"
    return f"asks {asked!r} and waits for {DESCRIBED[condition.data_type]}: `{answer}`"


def left_out(number: int) -> str:
    return f"… the first {number} are left out …"


def many_more(number: int, kinds: str) -> str:
    return f"… and {number} more ({kinds})"


# -- clocks --------------------------------------------------------------------------------------------------


def deadline(seconds: float) -> str:
    return f"the deadline of {seconds:g} s is over: it times out, whatever it does then"


def place_by(seconds: float) -> str:
    return f"max_queued_time of {seconds:g} s is over: the attempt fails if it has no place by then"


def answer_by(seconds: float) -> str:
    return f"the condition's timeout of {seconds:g} s is over: it times out without an answer"


def runs_until(seconds: float) -> str:
    return f"the timeout of {seconds:g} s is over: the attempt is ended"
