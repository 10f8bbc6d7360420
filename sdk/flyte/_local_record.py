"""The record of an action's steps in a local run: in memory, for the action's further attempts."""

from concurrent.futures import Future
from typing import TYPE_CHECKING

from flyte._runtime.failure import failure_of
from flyte._runtime.steps import Recorded

if TYPE_CHECKING:
    from flyte._happenings import Happenings
    from flyte_schemas.failure import Failure


class LocalRecord:
    """Implements `flyte._runtime.steps.Keeper`. `known` outlasts the attempt; `happenings` is told."""

    def __init__(
        self, action: str, attempt: int, known: dict[str, Recorded], happenings: "Happenings | None"
    ) -> None:
        self._action = action
        self._known = known
        self._happenings = happenings
        self.attempt = attempt

    def recall(self, step: str) -> "Future[Recorded | None] | None":
        return None if self.attempt == 1 else _done(self._known.get(step))

    def record(self, step: str, recorded: Recorded) -> "Future[Recorded | None]":
        if self._known.setdefault(step, recorded) is recorded and self._happenings is not None:
            self._happenings.traced(step, self._action, self.attempt, recorded)
        return _done(None)

    def failure_of(self, error: BaseException) -> "Failure":
        return failure_of(error)


def _done(answer: Recorded | None) -> "Future[Recorded | None]":
    future: Future[Recorded | None] = Future()
    future.set_result(answer)
    return future
