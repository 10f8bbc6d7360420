"""`@flyte.trace`: a function that is a step of its own within a task, recorded when it is over.

The step runs where it is called. A task that is tried again gets what is recorded, and nothing runs twice.
"""

import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

from flyte._runtime import controller, tracing

if TYPE_CHECKING:
    from flyte._runtime.steps import Recorded, Step
    from flyte._runtime.traced import Traced

P = ParamSpec("P")
R = TypeVar("R")


def trace(func: Callable[P, R]) -> Callable[P, R]:
    """Make a function, coroutine function or generator function a traced step.

    Within a task, each call is recorded in the run's log when it is over, with what it took and gave: the
    caller goes on when that stands. When the task is tried again, the same call (the same function and
    arguments in the same group; of identical calls the same one by number)

    - gives the recorded value, and the function does not run;
    - raises the recorded error when that was not recoverable (`NonRecoverableError`);
    - runs once more when its error was recoverable, or when it was not over.

    What is annotated is written down as a task's values are, everything else as it is or pickled, so a replay
    gives values of the annotated types. Arguments must be the same in each attempt for a call to be found.

    A generator is recorded item by item, and again as a whole at its end. One that had come to its end is
    replayed without running. One that was interrupted begins anew when the task is tried again: an item that
    comes as it is recorded is known, the first that differs and all that follow are new. One that its caller
    left before its end counts as interrupted.

    Steps belong to the task around them: in its own code, its coroutines, `asyncio.to_thread`. In a thread of
    one's own, and outside of a task, the function is what it was. Within a task that runs locally, steps are
    kept in memory for the task's further attempts.

    Calling a task inside raises TraceDoesNotAllowNestedTasksError. A call raises TypeError for arguments or a
    value that cannot be written down, RuntimeSystemError when the record cannot be reached. Raises TypeError
    for what is no function.
    """
    from flyte._task import Task

    if isinstance(func, Task):
        raise TypeError(f"{func.name} is a task, and recorded as one: @flyte.trace is for plain functions")
    if not callable(func):
        raise TypeError(f"@flyte.trace decorates functions, not {func!r}")
    return cast(Callable[P, R], recorded(func))


def recorded(func: Callable[..., Any], name: str = "") -> Callable[..., Any]:
    """`func` as a traced step; its name in the log is its own with its module's, unless one is given."""
    return functools.wraps(func)(_wrapped(func, _Declared(func, name)))


def _wrapped(func: Callable[..., Any], traced: "_Declared") -> Callable[..., Any]:
    if inspect.iscoroutinefunction(func):
        return _coroutine(func, traced)
    if inspect.isasyncgenfunction(func):
        return lambda *args, **kwargs: _Items(func, traced, args, kwargs).run_aio()
    if inspect.isgeneratorfunction(func):
        return lambda *args, **kwargs: _Items(func, traced, args, kwargs).run()
    return _function(func, traced)


class _Declared:
    """A function that was decorated; how its values are written down is found out with its first call."""

    def __init__(self, func: Callable[..., Any], name: str) -> None:
        self._func = func
        self._name = name
        self.short_name: str = getattr(func, "__name__", repr(func))

    @functools.cached_property
    def traced(self) -> "Traced":
        from flyte._runtime.traced import Traced

        return Traced(self._func, self._name)


def _function(func: Callable[..., Any], traced: _Declared) -> Callable[..., Any]:
    def step(*args: Any, **kwargs: Any) -> Any:
        call = _begin(traced, args, kwargs)
        if call is None:
            with tracing.use(traced.short_name):
                return func(*args, **kwargs)
        asked = call.recall()
        if asked is not None and (known := asked.result()) is not None:
            return call.replay(known)
        try:
            with call.inside():
                value = func(*args, **kwargs)
        except Exception as error:
            other = call.failed(error).result()
            if other is None:
                raise
            return call.replay(other)
        return call.settle(call.succeeded(value).result(), value)

    return step


def _coroutine(func: Callable[..., Any], traced: _Declared) -> Callable[..., Any]:
    async def step(*args: Any, **kwargs: Any) -> Any:
        call = _begin(traced, args, kwargs)
        if call is None:
            with tracing.use(traced.short_name):
                return await func(*args, **kwargs)
        asked = call.recall()
        if asked is not None and (known := await _answer(asked)) is not None:
            return call.replay(known)
        try:
            with call.inside():
                value = await func(*args, **kwargs)
        except Exception as error:
            other = await _answer(call.failed(error))
            if other is None:
                raise
            return call.replay(other)
        return call.settle(await _answer(call.succeeded(value)), value)

    return step


class _Items:
    """One call of a traced generator. Only while it computes an item is its code inside the trace."""

    def __init__(
        self, func: Callable[..., Any], traced: _Declared, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        self._func = func
        self._traced = traced
        self._args = args
        self._kwargs = kwargs
        self._call: Step | None = None

    def run(self) -> Generator[Any, Any, Any]:
        self._call = call = _begin(self._traced, self._args, self._kwargs)
        asked = call.recall() if call is not None else None
        if asked is not None and (known := asked.result()) is not None:
            return (yield from self._replay(known))
        generator = self._func(*self._args, **self._kwargs)
        advance: Callable[[], Any] = functools.partial(next, generator)
        try:
            while True:
                try:
                    with self._inside():
                        item = advance()
                except StopIteration as stop:
                    if call is not None:
                        call.finished(stop.value).result()
                    return stop.value
                except Exception as error:
                    if call is not None:
                        call.failed(error).result()
                    raise
                if call is not None:
                    call.yielded(item).result()
                try:
                    advance = functools.partial(generator.send, (yield item))
                except GeneratorExit:
                    raise
                except BaseException as error:
                    advance = functools.partial(generator.throw, error)
        finally:
            generator.close()

    async def run_aio(self) -> AsyncGenerator[Any, Any]:
        self._call = call = _begin(self._traced, self._args, self._kwargs)
        asked = call.recall() if call is not None else None
        if asked is not None and (known := await _answer(asked)) is not None:
            async for item in self._replay_aio(known):
                yield item
            return
        generator = self._func(*self._args, **self._kwargs)
        advance: Callable[[], Coroutine[Any, Any, Any]] = functools.partial(anext, generator)
        try:
            while True:
                try:
                    with self._inside():
                        item = await advance()
                except StopAsyncIteration:
                    if call is not None:
                        await _answer(call.finished(None))
                    return
                except Exception as error:
                    if call is not None:
                        await _answer(call.failed(error))
                    raise
                if call is not None:
                    await _answer(call.yielded(item))
                try:
                    advance = functools.partial(generator.asend, (yield item))
                except GeneratorExit:
                    raise
                except BaseException as error:
                    advance = functools.partial(generator.athrow, error)
        finally:
            await generator.aclose()

    def _replay(self, known: "Recorded") -> Generator[Any, Any, Any]:
        """The recorded items, and the recorded end; what is sent or thrown has had its answer."""
        from flyte._runtime.steps import items_of

        assert self._call is not None
        for name in items_of(known):
            item = self._call.item_of(self._call.recall_item(name).result())
            try:
                yield item
            except GeneratorExit:
                raise
            except Exception:
                continue
        return self._call.replay(known)

    async def _replay_aio(self, known: "Recorded") -> AsyncGenerator[Any, Any]:
        from flyte._runtime.steps import items_of

        assert self._call is not None
        for name in items_of(known):
            item = self._call.item_of(await _answer(self._call.recall_item(name)))
            try:
                yield item
            except GeneratorExit:
                raise
            except Exception:
                continue
        self._call.replay(known)

    def _inside(self) -> Any:
        return tracing.use(self._traced.short_name) if self._call is None else self._call.inside()


def _begin(declared: _Declared, args: tuple[Any, ...], kwargs: dict[str, Any]) -> "Step | None":
    """The call as a step of the running action; None outside of one, where nothing is recorded."""
    current = controller.current()
    if current is None:
        return None
    from flyte._runtime.steps import Step

    return Step(tracing.steps_inside() or current.steps, declared.traced, args, kwargs)


async def _answer(future: "Future[Recorded | None]") -> "Recorded | None":
    import asyncio

    return await asyncio.wrap_future(future)
