"""The conditions of a local run: one of each name, kept over the attempts of the task that asked."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flyte import errors
from flyte._local_asking import Asking
from flyte._runtime.child import Child
from flyte._runtime.questions import Asked, Question
from flyte._runtime.threads import start_thread
from flyte_schemas.literals import Answer

if TYPE_CHECKING:
    from flyte._happenings import Happenings

IsOver = Callable[[], bool]


@dataclass(slots=True, kw_only=True)
class _Known:
    owner: str
    deadline: float | None
    is_over: IsOver
    answer: "Future[Answer] | None" = None

    def is_given_up(self) -> bool:
        """Whether an attempt that ended took the question along."""
        answer = self.answer
        return (
            answer is not None and answer.done() and isinstance(answer.exception(), errors.ActionAbortedError)
        )


class LocalConditions:
    """What the tasks of one run have asked. Safe across threads."""

    def __init__(self, happenings: "Happenings | None") -> None:
        self._happenings = happenings
        self._asking = Asking(happenings.lend if happenings is not None else nullcontext)
        self._known: dict[str, _Known] = {}
        self._lock = threading.Lock()

    def pause(self, question: Question, action: str, asked: set[str], is_over: IsOver) -> Asked:
        """Ask as `action`, whose attempt has `asked` so much already and ends when `is_over`."""
        opened: Future[None] = Future()
        with self._lock:
            known = self._known.get(question.name)
            if question.name in asked or (known is not None and known.owner != action):
                opened.set_exception(_exists(question.name))
                return Asked(opened, lambda: Child(Future(), _as_it_is))
            asked.add(question.name)
            if known is None:
                deadline = None if question.timeout_s is None else time.monotonic() + question.timeout_s
                known = self._known[question.name] = _Known(owner=action, deadline=deadline, is_over=is_over)
                if self._happenings is not None:
                    self._happenings.paused(question, action)
            elif known.is_given_up():
                known.answer = None
            known.is_over = is_over
        opened.set_result(None)
        return Asked(opened, lambda: self._answer(question, known))

    def _answer(self, question: Question, known: _Known) -> Child:
        with self._lock:
            if known.answer is None:
                known.answer = start_thread(lambda: self._ask(question, known))
            return Child(known.answer, _as_it_is)

    def _ask(self, question: Question, known: _Known) -> Answer:
        try:
            answer = self._asking.ask(question, known.deadline, lambda: known.is_over())
        except errors.BaseRuntimeError as error:
            if self._happenings is not None and not isinstance(error, errors.ActionAbortedError):
                self._happenings.unanswered(question.name, error)
            raise
        if self._happenings is not None:
            self._happenings.answered(question.name, answer)
        return answer


def _exists(name: str) -> errors.ConditionAlreadyExistsError:
    return errors.ConditionAlreadyExistsError(
        f"condition {name!r} exists already: names of conditions are unique within a run"
    )


def _as_it_is(value: Any) -> Any:
    return value
