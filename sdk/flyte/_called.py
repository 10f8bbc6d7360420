"""Environments of the tasks that a task's code names, though no `depends_on` does.

A run of Flyte's sends the definition of a child along with the call, so a program whose environments do not
name each other runs there; here a child must have been deployed. So what a run deploys is not only what is
declared: the names in the code of its tasks, and of the functions that they name, are looked up (nothing is
called). What is found in no such way is left, and the call says that it was not deployed.
"""

import contextlib
import functools
import inspect
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

from flyte._environment import Environment
from flyte._layout import is_installed
from flyte._plan import closure
from flyte._task import Task


def with_called(environment: Environment) -> tuple[Environment, ...]:
    """This environment and what it depends on, then those of tasks that its tasks (and theirs) name.

    Of two with the same name the first counts. Raises as `closure` does.
    """
    found = {one.name: one for one in closure([environment])}
    waiting, seen = list(found.values()), set[int]()
    while waiting:
        tasks = getattr(waiting.pop(0), "tasks", {}).values()
        named = [task.environment for one in tasks for task in _tasks_in(one.func, seen)]
        for needed in (each for called in named for each in closure([called])):
            if needed.name not in found:
                found[needed.name] = needed
                waiting.append(needed)
    return tuple(found.values())


def _tasks_in(value: Any, seen: set[int]) -> Iterator[Task[..., Any]]:
    """A task itself, or those that a function of the user's names, and the functions that it names.

    Only the types of objects are looked at: some answer every question, or do something to answer it.
    """
    if issubclass(type(value), Task):
        yield value
    if type(value) is not FunctionType:
        return
    func = inspect.unwrap(value)
    if type(func) is not FunctionType or id(func) in seen:
        return
    seen.add(id(func))
    if not is_installed(Path(func.__code__.co_filename)):
        for named in _named(func):
            yield from _tasks_in(named, seen)


def _named(func: FunctionType) -> Iterator[Any]:
    """The objects behind the names in a function's code, as far as they can be seen from here."""
    names = list(dict.fromkeys(_names(func.__code__)))
    scope = [func.__globals__[name] for name in names if name in func.__globals__]
    for value in (*scope, *_enclosed(func)):
        yield from _parts(value, names)


def _enclosed(func: FunctionType) -> Iterator[Any]:
    for cell in func.__closure__ or ():
        with contextlib.suppress(ValueError):  # a cell that is empty yet
            yield cell.cell_contents


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):  # of a function or comprehension within
            yield from _names(constant)


def _parts(value: Any, names: list[str]) -> list[Any]:
    """What is meant by a value: itself, a partial's function, the items of a container, parts of a module."""
    kind = type(value)
    if kind is functools.partial:
        return [value.func]
    if kind in (list, tuple, set):
        return list(value)
    if kind is dict:
        return list(value.values())
    if kind is ModuleType:
        return [vars(value)[name] for name in names if name in vars(value)]
    if issubclass(kind, type):
        parts = list(vars(value).values())
        return [part.__func__ if type(part) in (staticmethod, classmethod) else part for part in parts]
    return [value]
