"""The steps of a running action: calls of traced functions, recorded when they are over.

A step has a name that follows from the call, as a child has; an attempt that repeats the call asks under that
name for what an earlier attempt recorded. The first attempt asks nobody: there is nothing yet.

What is recorded under the call's own name is final: its value, or an error that is not recoverable. An error
that may go away is recorded under a name of the attempt's too: it is known, and the call is still open.
"""

import contextlib
import datetime
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from flyte._runtime import group, telemetry, tracing
from flyte._runtime.codecs import Unfit
from flyte._runtime.codecs.pickles import PickleCodec
from flyte._runtime.identity import ChildNames, data_digest
from flyte._runtime.traced import ERROR, ITEMS, Data, Traced
from flyte.errors import NonRecoverableError, RuntimeSystemError

if TYPE_CHECKING:
    from flyte_schemas.failure import Failure


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A step that is over: what ran, with what, and what came out or why nothing did."""

    name: str
    inputs: Data
    outputs: Data = field(default_factory=dict)
    failure: "Failure | None" = None
    group: str | None = None
    began: datetime.datetime
    traceparent: str | None = None
    """The span that it stands below, when it is recorded; it is nothing to recall."""


class Keeper(Protocol):
    """Where the steps of one attempt of an action are kept. All of it may be called from any thread."""

    @property
    def attempt(self) -> int:
        """Which attempt at the action this is, from 1."""
        ...

    def recall(self, step: str) -> "Future[Recorded | None] | None":
        """What an earlier attempt recorded under this name; None at once when there was none.

        The future raises RuntimeSystemError when the record cannot be read.
        """
        ...

    def record(self, step: str, recorded: Recorded) -> "Future[Recorded | None]":
        """Record a step. The future is done when it stands: None, or what another attempt had written first.

        It raises RuntimeSystemError when that cannot be done.
        """
        ...

    def failure_of(self, error: BaseException) -> "Failure":
        """What the record says of an exception."""
        ...


class Steps:
    """Names for the steps that one piece of code takes: a task's body, or a traced function inside of it."""

    def __init__(self, keeper: Keeper, scope: str) -> None:
        self.keeper = keeper
        self._names = ChildNames(scope)
        self._lock = threading.Lock()

    def next(self, what: str, inputs: Data, label: str | None) -> str:
        """The name of the next call of `what` with these inputs in this group."""
        digest = data_digest(inputs)
        with self._lock:
            return self._names.next_of(f"trace:{what}", digest, label)


class Step:
    """One call of a traced function within an action. Raises TypeError as `Traced.inputs` does."""

    def __init__(
        self, steps: Steps, traced: Traced, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> None:
        self._traced = traced
        self._keeper = steps.keeper
        self._inputs = traced.inputs(args, kwargs)
        self._group = group.current()
        self._name = steps.next(traced.name, self._inputs, self._group)
        self._inside = Steps(self._keeper, self._name)
        self._began = _now()
        self._traceparent = telemetry.current()
        self._items: list[str] = []
        self._item_began = self._began

    @contextlib.contextmanager
    def inside(self) -> Iterator[None]:
        """Around the function's own code."""
        self._item_began = _now()
        with tracing.use(self._traced.short_name, self._inside), telemetry.inside_step(self._name):
            yield

    def recall(self) -> "Future[Recorded | None] | None":
        """What an earlier attempt recorded of this call; None at once when there was none."""
        return self._keeper.recall(self._name)

    def replay(self, known: Recorded) -> Any:
        """The value that is recorded. Raises the error that is recorded."""
        if known.failure is not None:
            raise self._error_of(known, known.failure)
        return self._traced.value_of(known.outputs)

    def succeeded(self, value: Any) -> "Future[Recorded | None]":
        """Record what the function returned. Raises TypeError when it cannot be written down."""
        return self._keeper.record(self._name, self._over(self._traced.output(value)))

    def failed(self, error: Exception) -> "Future[Recorded | None]":
        """Record what the function raised."""
        failure = self._keeper.failure_of(error)
        if failure.recoverable:
            name = ChildNames(self._name).next_of(f"failed in attempt {self._keeper.attempt}", "", None)
            return self._keeper.record(name, self._over({}, failure))
        outputs: Data = {ITEMS: self._items} if self._items else {}
        with contextlib.suppress(Unfit):  # then it is raised again as a NonRecoverableError
            outputs[ERROR] = PickleCodec(BaseException).encode(error)
        return self._keeper.record(self._name, self._over(outputs, failure))

    def settle(self, other: Recorded | None, value: Any) -> Any:
        """What the call gives when it is recorded: what another attempt had recorded goes first."""
        return value if other is None else self.replay(other)

    # -- generators --------------------------------------------------------------------------------------

    def yielded(self, item: Any) -> "Future[Recorded | None]":
        """Record an item; the same item at the same place has the same name in every attempt."""
        outputs = self._traced.item(item)
        place: Data = {"item": len(self._items)}
        name = ChildNames(self._name).next_of("item", data_digest(place | outputs), None)
        self._items.append(name)
        return self._keeper.record(
            name,
            Recorded(
                name=f"{self._traced.name}[item]",
                inputs=place,
                outputs=outputs,
                group=self._group,
                began=self._item_began,
            ),
        )

    def finished(self, value: Any) -> "Future[Recorded | None]":
        """Record that the generator has come to its end, and what it returned."""
        outputs = {ITEMS: self._items} | ({} if value is None else self._traced.output(value))
        return self._keeper.record(self._name, self._over(outputs))

    def recall_item(self, name: str) -> "Future[Recorded | None]":
        """An item that `known.outputs` names."""
        asked = self._keeper.recall(name)
        assert asked is not None  # something was recalled before
        return asked

    def item_of(self, known: Recorded | None) -> Any:
        """The recorded item. Raises RuntimeSystemError when the record has lost it."""
        if known is None:
            raise RuntimeSystemError(
                "TraceIncomplete", f"an item of {self._traced.name} is not in the record"
            )
        return self._traced.item_of(known.outputs)

    def _over(self, outputs: Data, failure: "Failure | None" = None) -> Recorded:
        return Recorded(
            name=self._traced.name,
            inputs=self._inputs,
            outputs=outputs,
            failure=failure,
            group=self._group,
            began=self._began,
            traceparent=self._traceparent,
        )

    def _error_of(self, known: Recorded, failure: "Failure") -> BaseException:
        """The exception itself where it could be pickled; else one that says the same."""
        with contextlib.suppress(Unfit):
            error = PickleCodec(BaseException).decode(known.outputs.get(ERROR))
            if isinstance(error, BaseException):
                return error
        return NonRecoverableError(failure.message, failure.code)


def items_of(known: Recorded) -> list[str]:
    """The names of the items that a recorded generator gave."""
    return list(known.outputs.get(ITEMS, ()))


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)
