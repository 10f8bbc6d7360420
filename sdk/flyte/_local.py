"""Runs in this process: no server, the same meaning.

Values pass between tasks through the same conversion as on the stack, so what works here works there.
Sync functions run in threads of their own, as a sync parent waits in one for its child's; how many of one
parent's children do so at a time is bounded, which cannot deadlock since nobody waits for a sibling.
"""

import asyncio
import contextvars
import itertools
import threading
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeVar

from flyte import errors
from flyte._limits import LOCAL_RETRY_DELAY_CAP_S, LOCAL_RETRY_DELAY_S, LOCAL_SYNC_CHILDREN
from flyte._local_run import LocalRun
from flyte._runtime import context, controller, convert
from flyte._runtime.env_vars import applied
from flyte._runtime.failure import error_of, failure_of
from flyte._runtime.interface import NativeInterface
from flyte._syncify import running_loop
from flyte._task import Task
from flyte_schemas.failure import Failure
from flyte_schemas.literals import InlineLiteral
from flyte_schemas.phase import ActionPhase
from flyte_schemas.subjects import ROOT_ACTION

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalOptions:
    """What a local run is told: its name, where it claims to be, variables that win over the task's."""

    name: str
    project: str
    domain: str
    env_vars: Mapping[str, str] = field(default_factory=dict)


def run_here(task: Task[..., Any], inputs: dict[str, Any], options: LocalOptions) -> LocalRun:
    """Run `task` to its end. Raises what `failure.error_of` makes of its failure.

    Works beside a running event loop too (in a notebook): then a thread runs it.
    """
    if running_loop() is None:
        return _run(task, inputs, options)
    return _in_thread(lambda: _run(task, inputs, options)).result()


async def run_here_aio(task: Task[..., Any], inputs: dict[str, Any], options: LocalOptions) -> LocalRun:
    """The same, to be awaited."""
    return await asyncio.wrap_future(_in_thread(lambda: _run(task, inputs, options)))


def _run(task: Task[..., Any], inputs: dict[str, Any], options: LocalOptions) -> LocalRun:
    try:
        return asyncio.run(_Run(options).start(task, inputs))
    except SystemExit as error:  # from a coroutine that the user gave to the loop without awaiting it
        raise error_of(failure_of(error)) from error


class _Run:
    """One local run: its loop, and numbers for its actions."""

    def __init__(self, options: LocalOptions) -> None:
        self.options = options
        self._numbers = itertools.count(1)

    async def start(self, task: Task[..., Any], inputs: dict[str, Any]) -> LocalRun:
        self.loop = asyncio.get_running_loop()
        returned = await self.action(ROOT_ACTION, task, inputs)
        return LocalRun(self.options.name, task.name, returned, is_tuple=task.native_interface.returns_tuple)

    def next_name(self) -> str:
        return f"a{next(self._numbers)}"

    async def action(self, name: str, task: Task[..., Any], inputs: dict[str, Any]) -> Any:
        """Run one action with its retries; its value, or the error that its caller sees."""
        interface = task.native_interface
        literals = convert.inputs_to_wire(interface, inputs)
        for attempt in itertools.count():
            outcome = await self._attempt(name, task, literals, attempt)
            if not isinstance(outcome, _Failed):
                return convert.outputs_from_wire(interface, outcome)
            if attempt >= task.options.retries or not outcome.failure.recoverable:
                raise error_of(outcome.failure, outcome.phase) from outcome.error
            await asyncio.sleep(min(LOCAL_RETRY_DELAY_S * 2**attempt, LOCAL_RETRY_DELAY_CAP_S))
        raise AssertionError("attempts are counted without end")

    async def _attempt(
        self, name: str, task: Task[..., Any], literals: dict[str, InlineLiteral], attempt: int
    ) -> "dict[str, InlineLiteral] | _Failed":
        around = context.TaskContext(
            action=context.ActionID(
                name=name,
                run_name=self.options.name,
                project=self.options.project,
                domain=self.options.domain,
            ),
            attempt_number=attempt,
        )
        env_vars = {**task.environment.env_vars, **self.options.env_vars}
        with applied(env_vars), context.use(around), controller.use(_Children(self)):
            try:
                async with asyncio.timeout(task.options.timeout_s):
                    return await _call(task, task.native_interface, literals)
            except TimeoutError as error:
                return _timed_out(task, error)
            except asyncio.CancelledError as error:
                if _is_cancelled():
                    raise
                return _Failed(error)
            except (Exception, SystemExit) as error:
                return _Failed(error)


class _Failed:
    """An attempt that gave no value: why, and the exception itself."""

    def __init__(
        self,
        error: BaseException,
        failure: Failure | None = None,
        phase: ActionPhase = ActionPhase.FAILED,
    ) -> None:
        self.error = error
        self.failure = failure or failure_of(error)
        self.phase = phase


class _Children:
    """The controller of one attempt: runs its children in this process."""

    def __init__(self, run: _Run) -> None:
        self._run = run
        self._places = asyncio.Semaphore(LOCAL_SYNC_CHILDREN)

    async def call(self, task: Task[..., Any], inputs: dict[str, Any]) -> Any:
        work = self._child(task, inputs)
        if asyncio.get_running_loop() is self._run.loop:
            return await work
        return await asyncio.wrap_future(self._submit(work))

    def call_blocking(self, task: Task[..., Any], inputs: dict[str, Any]) -> Any:
        return self._submit(self._child(task, inputs)).result()

    async def _child(self, task: Task[..., Any], inputs: dict[str, Any]) -> Any:
        name = self._run.next_name()
        if task.is_async:
            return await self._run.action(name, task, inputs)
        async with self._places:
            return await self._run.action(name, task, inputs)

    def _submit(self, work: Coroutine[Any, Any, Any]) -> "Future[Any]":
        return asyncio.run_coroutine_threadsafe(work, self._run.loop)


async def _call(
    task: Task[..., Any], interface: NativeInterface, literals: dict[str, InlineLiteral]
) -> dict[str, InlineLiteral]:
    inputs = convert.inputs_from_wire(interface, literals)
    if task.is_async:
        returned = await task.func(**inputs)
    else:
        returned = await asyncio.wrap_future(_in_thread(lambda: task.func(**inputs)))
        if isinstance(returned, _Exit):
            raise SystemExit(returned.code)
    return convert.outputs_to_wire(interface, returned)


@dataclass(frozen=True, slots=True)
class _Exit:
    """A `sys.exit` in a thread, carried as a value: as an exception it would end the event loop."""

    code: Any


def _in_thread(func: Callable[[], T]) -> "Future[T]":
    """Run `func` in a thread of its own, in a copy of this context."""
    future: Future[Any] = Future()
    here = contextvars.copy_context()

    def work() -> None:
        try:
            future.set_result(here.run(func))
        except SystemExit as error:
            future.set_result(_Exit(error.code))
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=work, name="flyte-task", daemon=True).start()
    return future


def _timed_out(task: Task[..., Any], error: TimeoutError) -> _Failed:
    """Our own timeout, or a TimeoutError that the user's code raised."""
    if error.__traceback__ is None or task.options.timeout_s is None or not _is_ours(error):
        return _Failed(error)
    failure = failure_of(errors.TaskTimeoutError(f"the attempt ran longer than {task.options.timeout_s:g} s"))
    return _Failed(error, failure, ActionPhase.TIMED_OUT)


def _is_ours(error: TimeoutError) -> bool:
    """`asyncio.timeout` raises from the cancellation that it sent."""
    return isinstance(error.__cause__, asyncio.CancelledError)


def _is_cancelled() -> bool:
    current = asyncio.current_task()
    return current is not None and current.cancelling() > 0
