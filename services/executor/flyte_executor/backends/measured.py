"""Any backend, with its operations counted and timed."""

from collections.abc import Awaitable
from time import perf_counter
from typing import Protocol, runtime_checkable

from flyte_bus.meter import PATIENT_S, Meter, Values
from flyte_executor.backends.port import Backend, Launch, OnGone, OnWaiting, TellsTrouble
from flyte_executor.backends.workers import Workers
from flyte_schemas.subjects import AttemptKey


@runtime_checkable
class HasWorkers(Protocol):
    """A backend with pools of workers that are used again."""

    @property
    def workers(self) -> Workers: ...


class MeasuredBackend:
    """The port `Backend` and `TellsTrouble`; does what `inner` does."""

    def __init__(self, inner: Backend, name: str, meter: Meter) -> None:
        self._inner = inner
        self._name = name
        self._operations = meter.counter(
            "flyte_executor_backend_operations_total",
            "What the backend was asked to do, and whether it raised.",
            "backend",
            "operation",
            "outcome",
        )
        self._took = meter.histogram(
            "flyte_executor_backend_operation_seconds",
            "How long it took where it did not raise.",
            "backend",
            "operation",
            bounds=PATIENT_S,
        )
        for operation in ("launch", "stop"):
            for outcome in ("done", "failed"):
                self._operations.child(name, operation, outcome)
        meter.gauge("flyte_executor_workers", "Workers of pools.", "state", read=self._workers)

    async def start(self, on_gone: OnGone, on_waiting: OnWaiting) -> frozenset[AttemptKey]:
        return await self._inner.start(on_gone, on_waiting)

    async def launch(self, launch: Launch) -> None:
        await self._counted("launch", self._inner.launch(launch))

    async def stop_attempt(self, attempt: AttemptKey) -> None:
        await self._counted("stop", self._inner.stop_attempt(attempt))

    async def close(self, *, stop_attempts: bool) -> None:
        await self._inner.close(stop_attempts=stop_attempts)

    async def trouble(self) -> str:
        return await self._inner.trouble() if isinstance(self._inner, TellsTrouble) else ""

    def _workers(self) -> Values:
        if not isinstance(self._inner, HasWorkers):  # one that has yet to start may have none
            return {}
        return {(state,): number for state, number in self._inner.workers.by_state().items()}

    async def _counted(self, operation: str, work: Awaitable[None]) -> None:
        began = perf_counter()
        try:
            await work
        except Exception:
            self._operations.child(self._name, operation, "failed").value += 1
            raise
        self._operations.child(self._name, operation, "done").value += 1
        self._took.child(self._name, operation).since(began)
