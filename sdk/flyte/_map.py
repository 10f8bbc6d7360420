"""`flyte.map`: one child for each item, side by side, results in the order of the items.

The blocking face works everywhere, also in an async task: it never waits for something that its own thread
has to do. There, `.aio` is better, as it lets other coroutines go on meanwhile.
"""

import asyncio
import functools
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Iterable, Iterator
from concurrent import futures
from concurrent.futures import FIRST_COMPLETED, Future
from typing import Any, TypeVar, overload

from flyte._binding import bind
from flyte._calling import call_aio, start
from flyte._runtime import controller, tracing
from flyte._runtime.child import Child
from flyte._runtime.group import use as use_group
from flyte._runtime.pending import resolved
from flyte._runtime.threads import start_thread
from flyte._task import Task

T = TypeVar("T")

Call = tuple[tuple[Any, ...], dict[str, Any]]


class _Failure:
    """An item that gave no result."""

    def __init__(self, error: Exception) -> None:
        self.error = error


class Map:
    """The callable behind `flyte.map`."""

    @overload
    def __call__(
        self,
        func: Task[..., Coroutine[Any, Any, T]],
        *iterables: Iterable[Any],
        group_name: str | None = None,
        concurrency: int = 0,
        return_exceptions: bool = True,
    ) -> Generator[T | Exception, None, None]: ...

    @overload
    def __call__(
        self,
        func: Task[..., T],
        *iterables: Iterable[Any],
        group_name: str | None = None,
        concurrency: int = 0,
        return_exceptions: bool = True,
    ) -> Generator[T | Exception, None, None]: ...

    @overload
    def __call__(
        self,
        func: functools.partial[Any],
        *iterables: Iterable[Any],
        group_name: str | None = None,
        concurrency: int = 0,
        return_exceptions: bool = True,
    ) -> Generator[Any, None, None]: ...

    def __call__(
        self,
        func: Any,
        *iterables: Iterable[Any],
        group_name: str | None = None,
        concurrency: int = 0,
        return_exceptions: bool = True,
    ) -> Generator[Any, None, None]:
        """Call `func` for each item of the iterables (zipped, when there are several), as children.

        `func` is a task, or a `functools.partial` of one that leaves exactly one parameter. At most
        `concurrency` children run at a time (0: all). A child's error is an item of the result; with
        `return_exceptions=False` the first one is raised. Raises TypeError for another `func`.
        """
        plan = _Plan(func, iterables, group_name, concurrency)
        return _results(plan, return_exceptions=return_exceptions)

    @overload
    def aio(
        self,
        func: Task[..., Coroutine[Any, Any, T]],
        *iterables: Iterable[Any],
        group_name: str | None = None,
        concurrency: int = 0,
        return_exceptions: bool = True,
    ) -> AsyncGenerator[T | Exception, None]: ...

    @overload
    def aio(
        self,
        func: Task[..., T],
        *iterables: Iterable[Any],
        group_name: str | None = None,
        concurrency: int = 0,
        return_exceptions: bool = True,
    ) -> AsyncGenerator[T | Exception, None]: ...

    @overload
    def aio(
        self,
        func: functools.partial[Any],
        *iterables: Iterable[Any],
        group_name: str | None = None,
        concurrency: int = 0,
        return_exceptions: bool = True,
    ) -> AsyncGenerator[Any, None]: ...

    def aio(
        self,
        func: Any,
        *iterables: Iterable[Any],
        group_name: str | None = None,
        concurrency: int = 0,
        return_exceptions: bool = True,
    ) -> AsyncGenerator[Any, None]:
        """The same as an async generator."""
        plan = _Plan(func, iterables, group_name, concurrency)
        return _results_aio(plan, return_exceptions=return_exceptions)

    def __repr__(self) -> str:
        return "<function flyte.map>"


map = Map()


class _Plan:
    """What is to be called, in which group, how many at a time. Raises TypeError and ValueError."""

    def __init__(
        self, func: Any, iterables: tuple[Iterable[Any], ...], group_name: str | None, concurrency: int
    ) -> None:
        self.task, self._call_of = _callee(func)
        if not iterables:
            raise TypeError(f"flyte.map({self.task.name}) needs something to map over")
        if isinstance(func, functools.partial) and len(iterables) > 1:
            raise TypeError("flyte.map of a partial takes one iterable, for the one parameter that is left")
        if concurrency < 0:
            raise ValueError(f"concurrency must not be negative, got {concurrency}")
        if controller.current() is not None:
            tracing.refuse_task(self.task.name)
        self._items = zip(*iterables, strict=False)
        self.group = f"{self.task.name}_{group_name or 'map'}"
        self.concurrency = concurrency

    def calls(self) -> Iterator[Call]:
        for item in self._items:
            yield self._call_of(item)


def _callee(func: Any) -> tuple[Task[..., Any], Callable[[tuple[Any, ...]], Call]]:
    if isinstance(func, Task):
        return func, lambda item: (item, {})
    if not isinstance(func, functools.partial) or not isinstance(func.func, Task):
        raise TypeError(f"flyte.map takes a task, or a functools.partial of one, not {func!r}")
    task = func.func
    given = dict(zip(task.native_interface.inputs, func.args, strict=False)) | func.keywords
    left = {name: p for name, p in task.native_interface.inputs.items() if name not in given}
    required = [name for name, parameter in left.items() if parameter.required]
    names = required if len(required) == 1 else list(left)
    if len(names) != 1:
        raise TypeError(
            f"flyte.map needs a partial of {task.name} that leaves exactly one parameter, "
            f"and this one leaves {len(names)}: {', '.join(names) or 'none'}"
        )
    return task, lambda item: ((), {**given, names[0]: item[0]})


def _results(plan: _Plan, *, return_exceptions: bool) -> Generator[Any, None, None]:
    begin = _begin_child if controller.current() is not None else _begin_function
    waiting: deque[Child | _Failure] = deque()
    running: set[Future[Any]] = set()
    try:
        for call in plan.calls():
            if plan.concurrency and len(running) >= plan.concurrency:
                running = futures.wait(running, return_when=FIRST_COMPLETED).not_done
            while waiting and _is_over(waiting[0]):
                yield _result(waiting.popleft(), return_exceptions=return_exceptions)
            child = _begun(begin, plan, call)
            waiting.append(child)
            if isinstance(child, Child):
                running.add(child.future)
        while waiting:
            yield _result(waiting.popleft(), return_exceptions=return_exceptions)
    finally:
        for left in waiting:
            if isinstance(left, Child):
                left.future.cancel()


def _is_over(child: Child | _Failure) -> bool:
    return isinstance(child, _Failure) or child.future.done()


def _begun(begin: Callable[[_Plan, Call], Child], plan: _Plan, call: Call) -> Child | _Failure:
    try:
        return begin(plan, call)
    except Exception as error:
        return _Failure(error)


def _begin_child(plan: _Plan, call: Call) -> Child:
    current = controller.current()
    assert current is not None
    with use_group(plan.group):
        return start(current, plan.task, bind(plan.task.native_interface, *call))


def _begin_function(plan: _Plan, call: Call) -> Child:
    """Outside of a run: the function itself, to its end, one item after the other."""
    args, kwargs = call

    async def body() -> Any:
        return await call_aio(plan.task, args, kwargs)

    future = start_thread(lambda: asyncio.run(body()))
    future.exception()
    return Child(future, lambda value: value)


def _result(child: Child | _Failure, *, return_exceptions: bool) -> Any:
    try:
        if isinstance(child, _Failure):
            raise child.error
        return child.result()
    except Exception as error:
        if return_exceptions:
            return error
        raise


async def _results_aio(plan: _Plan, *, return_exceptions: bool) -> AsyncGenerator[Any, None]:
    waiting: deque[asyncio.Task[Any]] = deque()
    running: set[asyncio.Task[Any]] = set()
    try:
        for call in plan.calls():
            if plan.concurrency and len(running) >= plan.concurrency:
                _, running = await asyncio.wait(running, return_when=FIRST_COMPLETED)
            while waiting and waiting[0].done():
                yield _told(waiting.popleft().result(), return_exceptions=return_exceptions)
            child = asyncio.create_task(_one(plan, call))
            waiting.append(child)
            running.add(child)
        while waiting:
            yield _told(await waiting.popleft(), return_exceptions=return_exceptions)
    finally:
        for left in waiting:
            left.cancel()


async def _one(plan: _Plan, call: Call) -> Any:
    """One child's value, or its failure as a value: a task that nobody asks keeps quiet about it."""
    try:
        return await _in_group(plan, *call)
    except Exception as error:
        return _Failure(error)


async def _in_group(plan: _Plan, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    with use_group(plan.group):
        return await call_aio(plan.task, resolved(args), resolved(kwargs))


def _told(outcome: Any, *, return_exceptions: bool) -> Any:
    if not isinstance(outcome, _Failure):
        return outcome
    if return_exceptions:
        return outcome.error
    raise outcome.error
