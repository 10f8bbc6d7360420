"""`@flyte.trace`: a function that is a step of its own within a task.

The step runs where it is called. It may not call tasks, because it is to be recorded as a whole; recording
it in the log, and taking its result from there when the task is tried again, comes later.
"""

import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any, ParamSpec, TypeVar, cast

from flyte._runtime import tracing

P = ParamSpec("P")
R = TypeVar("R")


def trace(func: Callable[P, R]) -> Callable[P, R]:
    """Make a function, coroutine function or generator function a traced step.

    Calling a task inside raises TraceDoesNotAllowNestedTasksError. Raises TypeError for what is no function.
    """
    from flyte._task import Task

    if isinstance(func, Task):
        raise TypeError(f"{func.name} is a task, and recorded as one: @flyte.trace is for plain functions")
    if not callable(func):
        raise TypeError(f"@flyte.trace decorates functions, not {func!r}")
    return cast(Callable[P, R], functools.wraps(func)(_traced(func, getattr(func, "__name__", repr(func)))))


def _traced(func: Callable[..., Any], name: str) -> Callable[..., Any]:
    if inspect.iscoroutinefunction(func):
        return _traced_coroutine(func, name)
    if inspect.isasyncgenfunction(func):
        return lambda *args, **kwargs: _steps_aio(func(*args, **kwargs), name)
    if inspect.isgeneratorfunction(func):
        return lambda *args, **kwargs: _steps(func(*args, **kwargs), name)

    def step(*args: Any, **kwargs: Any) -> Any:
        with tracing.use(name):
            return func(*args, **kwargs)

    return step


def _traced_coroutine(func: Callable[..., Any], name: str) -> Callable[..., Any]:
    async def step(*args: Any, **kwargs: Any) -> Any:
        with tracing.use(name):
            return await func(*args, **kwargs)

    return step


def _steps(generator: Generator[Any, Any, Any], name: str) -> Generator[Any, Any, Any]:
    """The generator's items; only while it computes one is it inside the trace."""
    sent: Any = None
    advance: Callable[[Any], Any] = generator.send
    try:
        while True:
            try:
                with tracing.use(name):
                    item = advance(sent)
            except StopIteration as stop:
                return stop.value
            try:
                sent, advance = (yield item), generator.send
            except GeneratorExit:
                raise
            except BaseException as error:
                sent, advance = error, generator.throw
    finally:
        generator.close()


async def _steps_aio(generator: AsyncGenerator[Any, Any], name: str) -> AsyncGenerator[Any, Any]:
    sent: Any = None
    advance: Callable[[Any], Any] = generator.asend
    try:
        while True:
            try:
                with tracing.use(name):
                    item = await advance(sent)
            except StopAsyncIteration:
                return
            try:
                sent, advance = (yield item), generator.asend
            except GeneratorExit:
                raise
            except BaseException as error:
                sent, advance = error, generator.athrow
    finally:
        await generator.aclose()
