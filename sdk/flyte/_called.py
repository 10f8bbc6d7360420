"""Environments of the tasks that a task's code names, though no `depends_on` does.

A run of Flyte's sends the definition of a child along with the call, so a program whose environments do not
name each other runs there; here a child must have been deployed. So what a run deploys is not only what is
declared: the names in the code of its tasks, and of the functions that they name, are looked up (nothing is
called). What is found in no such way is left, and the call says that it was not deployed.
"""

import contextlib
import functools
import inspect
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

from flyte._environment import Environment
from flyte._layout import is_installed
from flyte._task import Task


def with_called(environment: Environment) -> list[Environment]:
    """This environment, then those of tasks that its tasks (and theirs) name; each once."""
    found, waiting, seen = [environment], [environment], set[int]()
    while waiting:
        one = waiting.pop(0)
        tasks = [task for task in getattr(one, "tasks", {}).values() if isinstance(task, Task)]
        called = [task.environment for task in tasks for task in _tasks_in(task.func, seen)]
        for other in (*one.depends_on, *called):
            if all(other is not known for known in found):
                found.append(other)
                waiting.append(other)
    return found


def _tasks_in(func: Any, seen: set[int]) -> Iterator[Task[..., Any]]:
    """The tasks that a function names, and those that the user's own functions which it names do."""
    func = inspect.unwrap(func)
    if (
        not isinstance(func, FunctionType)
        or id(func) in seen
        or is_installed(Path(func.__code__.co_filename))
    ):
        return
    seen.add(id(func))
    for value in _named(func):
        if isinstance(value, Task):
            yield value
        else:
            yield from _tasks_in(value, seen)


def _named(func: FunctionType) -> Iterator[Any]:
    """The objects behind the names in a function's code, as far as they can be seen from here."""
    names = set(_names(func.__code__))
    scope = {name: func.__globals__[name] for name in names & func.__globals__.keys()}
    for value in (*scope.values(), *_enclosed(func)):
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


def _parts(value: Any, names: Iterable[str]) -> Iterator[Any]:
    """What is meant by a value: itself, a partial's function, the items of a container, parts of a module."""
    if isinstance(value, functools.partial):
        yield value.func
    elif type(value) in (list, tuple, set):
        yield from value
    elif type(value) is dict:
        yield from value.values()
    elif isinstance(value, ModuleType):
        yield from (vars(value)[name] for name in names if name in vars(value))
    elif isinstance(value, type):
        yield from vars(value).values()
    else:
        yield value
