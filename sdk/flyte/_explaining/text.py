"""An explanation as text for a person: the answer first, then how it came, then what to do."""

from collections import Counter
from collections.abc import Iterator

from flyte._explaining import wording
from flyte._explaining.explanation import Explanation, Wait
from flyte._explaining.record import AttemptRecord
from flyte_schemas.failure_codes import find_code

MAX_WAITS = 10
"""How many actions that are not over are named one by one."""
MAX_ATTEMPTS = 10
"""How many attempts are shown, the last ones."""


def text_of(found: Explanation) -> str:
    """All of it, without a line break at the end."""
    parts = [[found.summary, *found.notes], *map(list, _sections(found))]
    return "\n\n".join("\n".join(lines) for lines in parts if lines)


def _sections(found: Explanation) -> Iterator[list[str]]:
    if len(found.path) > 1:
        yield _titled("The way there:", _path(found))
    yield _titled("What it waits for:", _waits(found.waits))
    yield _titled("Its clocks:", [f"{wording.moment(clock.at)}  {clock.text}" for clock in found.clocks])
    yield _titled(f"Attempts of {found.cause}:", _attempts(found.attempts))
    if found.log:
        yield _titled("The last lines that it printed:", list(found.log))
    if found.failure is not None and found.failure.traceback:
        yield _titled("Where it happened:", found.failure.traceback.rstrip().splitlines())
    yield _titled("What to do:", list(_advice(found)))


def _titled(title: str, lines: list[str]) -> list[str]:
    return [title, *(f"  {line}" for line in lines)] if lines else []


def _path(found: Explanation) -> list[str]:
    lines = (f"{step.action} {step.task} ({step.phase.value})" for step in found.path)
    return ["  " * depth + line for depth, line in enumerate(lines)]


def _waits(waits: tuple[Wait, ...]) -> list[str]:
    lines = [f"{wait.action} {wait.task}: {wait.text}" for wait in waits[:MAX_WAITS]]
    more = Counter(wait.waits_for.value for wait in waits[MAX_WAITS:])
    if more:
        kinds = ", ".join(f"{number} for {wording.KINDS[kind]}" for kind, number in more.most_common())
        lines.append(wording.many_more(more.total(), kinds))
    return lines


def _attempts(attempts: tuple[AttemptRecord, ...]) -> list[str]:
    shown = attempts[-MAX_ATTEMPTS:]
    earlier = len(attempts) - len(shown)
    return [*([wording.left_out(earlier)] if earlier else []), *map(_attempt, shown)]


def _attempt(attempt: AttemptRecord) -> str:
    began = attempt.started_at or attempt.placed_at or attempt.queued_at
    words = [str(attempt.number), wording.moment(began)]
    if attempt.ended_at is None:
        words.append("is not over")
    else:
        words.append(f"after {wording.between(began, attempt.ended_at)}")
        words.append(_outcome(attempt))
    if attempt.retry_at is not None:
        words.append(f"[next not before {wording.moment(attempt.retry_at)}]")
    return "  ".join(words)


def _outcome(attempt: AttemptRecord) -> str:
    if attempt.failure is not None:
        return wording.brief(attempt.failure)
    return "cut short by the end of its action" if attempt.is_cut_short else "succeeded"


def _advice(found: Explanation) -> Iterator[str]:
    if found.todo:
        yield found.todo
    if found.failure is not None:
        known = find_code(found.failure.code)
        if known is not None:
            yield f"{known.code}: {known.meaning} (retried {known.retried})"
        yield f"more: {found.page}"
