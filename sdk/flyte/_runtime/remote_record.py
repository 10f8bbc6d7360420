"""The record of an attempt's steps on the stack: the agent writes it into the log, and reads it there."""

import contextlib
import itertools
import threading
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError

from flyte._runtime.convert import inline_value
from flyte._runtime.failure import failure_in
from flyte._runtime.messages import Kept, Message, Recall, Record, Remembered, Start
from flyte._runtime.steps import Recorded
from flyte._runtime.traced import Data
from flyte.errors import RuntimeSystemError
from flyte_schemas.events import TraceFailed, TraceSucceeded
from flyte_schemas.failure import Failure
from flyte_schemas.literals import AnyLiteral, InlineLiteral, Literals

Trace = TraceSucceeded | TraceFailed


class RemoteRecord:
    """Implements `flyte._runtime.steps.Keeper` over the agent's socket.

    A later attempt, or one of a run that recovers another, asks once for all that is recorded: from then on a
    step is looked up here, and only a large one is asked for.
    """

    def __init__(self, send: Callable[[Message], None], start: Start) -> None:
        self._send = send
        self._action = start.action
        self._root = start.root
        self._calls = itertools.count(1)
        self._waiting: dict[int, Future[Recorded | None]] = {}
        self._known: dict[str, Trace] = {}
        self._large: set[str] = set()
        self._loaded: Future[Recorded | None] | None = None
        self._lock = threading.Lock()
        self.attempt = start.attempt
        self._is_first = start.attempt == 1 and not start.recovers

    def recall(self, step: str) -> "Future[Recorded | None] | None":
        if self._is_first:
            return None
        loaded, answer = self._load(), Future[Recorded | None]()
        loaded.add_done_callback(lambda _: self._look_up(step, loaded, answer))
        return answer

    def _load(self) -> "Future[Recorded | None]":
        """Ask for all that is recorded, once; done when it is here."""
        with self._lock:
            if self._loaded is not None:
                return self._loaded
            call = next(self._calls)
            self._loaded = self._waiting[call] = Future()
        self._send(Recall(call=call))
        return self._loaded

    def _look_up(
        self, step: str, loaded: "Future[Recorded | None]", answer: "Future[Recorded | None]"
    ) -> None:
        with contextlib.suppress(InvalidStateError):  # whoever waited was cancelled
            if (error := loaded.exception()) is not None:
                answer.set_exception(error)
            elif step in self._large:
                with self._lock:
                    call = next(self._calls)
                    self._waiting[call] = answer
                self._send(Recall(call=call, step=step))
            else:
                known = self._known.get(step)
                answer.set_result(_recorded(known) if known else None)

    def record(self, step: str, recorded: Recorded) -> "Future[Recorded | None]":
        trace = self._trace_of(recorded)
        call, answer = self._expect()
        self._send(Record(call=call, step=step, trace=trace, traceparent=recorded.traceparent))
        return answer

    def failure_of(self, error: BaseException) -> Failure:
        return failure_in(error, self._root)

    def answered(self, kept: Kept | Remembered) -> None:
        """Take the agent's answer."""
        if isinstance(kept, Remembered):
            self._known.update(kept.traces)
            self._large.update(kept.large)
            if kept.more:
                return
        with self._lock:
            answer = self._waiting.pop(kept.call)
        with contextlib.suppress(InvalidStateError):  # whoever waited was cancelled
            if isinstance(kept, Remembered):
                answer.set_result(None)
            elif kept.failure is not None:
                answer.set_exception(RuntimeSystemError(kept.failure.code, kept.failure.message))
            else:
                answer.set_result(_recorded(kept.trace) if kept.trace else None)

    def _expect(self) -> "tuple[int, Future[Recorded | None]]":
        answer: Future[Recorded | None] = Future()
        with self._lock:
            call = next(self._calls)
            self._waiting[call] = answer
        return call, answer

    def _trace_of(self, recorded: Recorded) -> Trace:
        said = {
            "name": recorded.name,
            "parent": self._action,
            "parent_attempt": self.attempt,
            "group": recorded.group,
            "inputs": _literals(recorded.inputs),
            "outputs": _literals(recorded.outputs),
            "started_at": recorded.began,
        }
        if recorded.failure is None:
            return TraceSucceeded.model_validate(said)
        return TraceFailed.model_validate(said | {"failure": recorded.failure})


def _recorded(trace: Trace) -> Recorded:
    return Recorded(
        name=trace.name,
        inputs=_data(trace.inputs),
        outputs=_data(trace.outputs),
        failure=trace.failure if isinstance(trace, TraceFailed) else None,
        group=trace.group,
        began=trace.started_at,
    )


def _literals(data: Data) -> dict[str, AnyLiteral]:
    return {name: InlineLiteral(value=value) for name, value in data.items()}


def _data(literals: Literals) -> Data:
    return {name: inline_value(literal) for name, literal in literals.items()}
