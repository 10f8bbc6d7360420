"""What the shell offers after TAB: tasks and inputs of a file, and names of runs and of deployed tasks.

A file is parsed and not imported: TAB must be fast, and must not run anybody's code. Whatever goes wrong here
is no completion, and never an error.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import click
import typer

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

DEPLOYED_TASK = "deployed-task"
"""The word that stands for a file where a task is deployed."""
MANY = 50
"""So many names are offered, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """A task as the text of its file shows it."""

    name: str
    inputs: tuple[str, ...]
    summary: str


def declared_in(source: str) -> tuple[Declared, ...]:
    """The functions that are decorated with `@….task` or `@….task(…)`, in the order of the text.

    Raises SyntaxError for what is not Python.
    """
    return tuple(
        Declared(name=node.name, inputs=tuple(_inputs(node.args)), summary=_summary(node))
        for node in ast.parse(source).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and any(_is_task(one) for one in node.decorator_list)
    )


def tasks_of(file: str, incomplete: str) -> list[tuple[str, str]]:
    """Names of a file's tasks that begin so, each with its summary."""
    return [(task.name, task.summary) for task in _read(file) if task.name.startswith(incomplete)]


def inputs_of(file: str, task: str, incomplete: str) -> list[str]:
    """The flags of a task's inputs that begin so."""
    flags = (f"--{name}" for one in _read(file) if one.name == task for name in one.inputs)
    return [flag for flag in flags if flag.startswith(incomplete)]


def runs_on_the_stack(incomplete: str, project: str | None = None, domain: str | None = None) -> list[str]:
    """Names of runs that begin so, the newest first; none without a stack."""
    from flyte._client.listing import asked_runs, list_runs

    place = _connect(project, domain)
    if place is None:
        return []
    from flyte._syncify import block_on

    found = block_on(list_runs(asked_runs(*place, limit=MANY)))
    return [run.found.name for run in found if run.found.name.startswith(incomplete)]


def tasks_on_the_stack(incomplete: str, project: str | None = None, domain: str | None = None) -> list[str]:
    """Names of deployed tasks that begin so; none without a stack."""
    from flyte._client.listing import list_tasks
    from flyte_schemas.endpoints import ListTasks

    place = _connect(project, domain)
    if place is None:
        return []
    from flyte._syncify import block_on

    found = block_on(list_tasks(ListTasks(project=place[0], domain=place[1], limit=MANY)))
    return [task.found.name for task in found if task.found.name.startswith(incomplete)]


def inputs_on_the_stack(
    task: str, incomplete: str, project: str | None = None, domain: str | None = None
) -> list[str]:
    """The flags of a deployed task's inputs that begin so; none without a stack."""
    from flyte import _session
    from flyte._client.deployed import fetch_task

    place = _connect(project, domain)
    if place is None:
        return []
    from flyte._syncify import block_on

    record = block_on(fetch_task(_session.client(), *place, task))
    flags = (f"--{parameter.name}" for parameter in record.template.interface.inputs)
    return [flag for flag in flags if flag.startswith(incomplete)]


def offer_runs(context: typer.Context, incomplete: str) -> list[str]:
    """For an argument that names a run."""
    try:
        return runs_on_the_stack(incomplete, context.params.get("project"), context.params.get("domain"))
    except Exception:
        return []


NamedRun = Annotated[str, typer.Argument(help="Name or URL of the run.", autocompletion=offer_runs)]
"""The argument of each command that is about one run."""


def offer_deployed(context: typer.Context, incomplete: str) -> list[str]:
    """For an argument that names a deployed task."""
    try:
        return tasks_on_the_stack(incomplete, context.params.get("project"), context.params.get("domain"))
    except Exception:
        return []


class FileOrDeployed(click.Path):
    """The file of `flyte run FILE`: the shell knows the files; or the word for a deployed task."""

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> "list[CompletionItem]":
        if incomplete and DEPLOYED_TASK.startswith(incomplete) and not list(Path().glob(f"{incomplete}*")):
            from click.shell_completion import CompletionItem

            return [CompletionItem(DEPLOYED_TASK)]
        return super().shell_complete(ctx, param, incomplete)


def offer_tasks(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """For the task of `flyte run FILE TASK` and `flyte run deployed-task NAME`."""
    file = context.params.get("file") or ""
    if file == DEPLOYED_TASK:
        return [(name, "") for name in offer_deployed(context, incomplete)]
    return tasks_of(file, incomplete)


def offer_inputs(context: typer.Context, incomplete: str) -> list[str]:
    """For what stands behind `flyte run FILE TASK`."""
    file, task = context.params.get("file") or "", context.params.get("task") or ""
    if file != DEPLOYED_TASK:
        return inputs_of(file, task, incomplete)
    try:
        place = context.params.get("project"), context.params.get("domain")
        return inputs_on_the_stack(task, incomplete, *place)
    except Exception:
        return []


def _connect(project: str | None, domain: str | None) -> tuple[str, str] | None:
    """Configure this process as a command would; the place, or None when there is nobody to ask."""
    from flyte import _session
    from flyte._config import make_config

    config = make_config(project=project, domain=domain)
    if not config.endpoint:
        return None
    _session.configure(config)
    return config.project, config.domain


def _read(file: str) -> tuple[Declared, ...]:
    try:
        return declared_in(Path(file).read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError):
        return ()


def _is_task(decorator: ast.expr) -> bool:
    function = decorator.func if isinstance(decorator, ast.Call) else decorator
    return isinstance(function, ast.Attribute) and function.attr == "task"


def _inputs(arguments: ast.arguments) -> Iterator[str]:
    for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
        yield argument.arg


def _summary(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    return (ast.get_docstring(node) or "").partition("\n")[0]
