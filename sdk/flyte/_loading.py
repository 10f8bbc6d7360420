"""Load a user's file, and find the environment or task that a command names in it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from flyte import errors
from flyte._binding import did_you_mean
from flyte._environment import TaskEnvironment, declared
from flyte._layout import layout_of, module_name
from flyte._runtime.loading import load_module
from flyte._selection import source_tree
from flyte._task import Task


class NotFoundInFile(LookupError):
    """The file has no such environment or task; the message names what it has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedFile:
    """A module that was loaded from `file`, under the source root `root`."""

    file: Path
    root: Path
    module: ModuleType

    def environment(self, variable: str) -> TaskEnvironment:
        """The environment in `variable` of the file. Raises NotFoundInFile."""
        found = getattr(self.module, variable, None)
        if isinstance(found, TaskEnvironment):
            return found
        variables = self._named(TaskEnvironment)
        for name, environment in variables.items():
            if environment.name == variable:
                raise NotFoundInFile(
                    f"{variable!r} is the name of an environment; say the variable that holds it: {name!r}"
                )
        raise NotFoundInFile(
            f"{self.file.name} has no environment in a variable {variable!r}"
            f"{did_you_mean(variable, list(variables))}"
        )

    def environments(self) -> list[TaskEnvironment]:
        """All environments of the file: those in its variables, and others that it declares."""
        found = list(self._named(TaskEnvironment).values())
        here = self.file.resolve()
        found += [one for one in declared() if one.declared_in and one.declared_in.resolve() == here]
        return list(dict.fromkeys(found))

    def environment_variables(self) -> list[str]:
        """The names of the variables that hold an environment."""
        return list(self._named(TaskEnvironment))

    def task(self, name: str) -> Task[..., Any]:
        """The task of this name: a variable of the file, a function's name, or `environment.function`.

        Raises NotFoundInFile.
        """
        tasks = self.tasks()
        for candidate in (name, name.rpartition(".")[2]):
            if candidate in tasks and name in (candidate, tasks[candidate].name):
                return tasks[candidate]
        raise NotFoundInFile(f"{self.file.name} has no task {name!r}{did_you_mean(name, list(tasks))}")

    def tasks(self) -> dict[str, Task[..., Any]]:
        """The file's tasks, by the names under which a user may ask for them."""
        named = self._named(Task)
        known = set(map(id, named.values()))
        for environment in declared():
            for task in environment.tasks.values():
                if task.func.__module__ == self.module.__name__ and id(task) not in known:
                    named.setdefault(task.func.__name__, task)
        return named

    def _named(self, kind: type[Any]) -> dict[str, Any]:
        return {name: value for name, value in vars(self.module).items() if isinstance(value, kind)}


def load_file(path: Path, root_dir: Path | None = None) -> LoadedFile:
    """Load a Python file as the module that it is below its source root.

    Raises FileNotFoundError, ValueError when it is not a `.py` file, ModuleLoadError with the user's
    traceback when it does not import, CodeBundleError when it is not below `root_dir`.
    """
    if path.is_dir():
        raise ValueError(f"{path} is a folder: name the Python file in it")
    if path.suffix != ".py":
        raise ValueError(f"{path} is not a Python file (.py)")
    if not path.is_file():
        near = did_you_mean(path.name, sorted(item.name for item in _siblings(path)))
        raise FileNotFoundError(f"there is no file {path}{near if 'did you mean' in near else ''}")
    layout = layout_of([path], root_dir)
    relative = Path(layout.relative(path))
    folder = "" if relative.parent == Path() else relative.parent.as_posix()
    module = load_module(
        layout.module_name(path),
        layout.root / relative,
        root=layout.root,
        import_paths=dict.fromkeys((folder, "")),
    )
    if not isinstance(module, ModuleType):
        raise errors.ModuleLoadError(f"{path.name} replaced itself in sys.modules")
    return LoadedFile(file=path, root=layout.root, module=module)


def load_folder(
    folder: Path, root_dir: Path | None = None
) -> tuple[tuple[LoadedFile, ...], dict[Path, Exception]]:
    """Load every Python file in `folder` and below that no ignore file names, and no `setup.py`.

    Gives the loaded files, and for the others why they did not load. Raises CodeBundleError when the folder
    is not below `root_dir`.
    """
    files = [file for file in source_tree(folder) if file.suffix == ".py" and file.name != "setup.py"]
    root = layout_of([folder], root_dir).root
    loaded, failures = [], {}
    for file in sorted(files, key=lambda file: (file.parent, file.name)):
        there = _loaded_from(file)
        try:
            with _siblings_by_name(file.parent.resolve(), root):
                loaded.append(
                    LoadedFile(file=file, root=root, module=there) if there else load_file(file, root)
                )
        except Exception as error:
            failures[file] = error
    return tuple(loaded), failures


@contextmanager
def _siblings_by_name(folder: Path, root: Path) -> Iterator[None]:
    """Let a file import its siblings by their bare names, as a script does, and forget these names after it.

    So a sibling that is loaded already is not loaded again as another module, and two folders may each have
    a `shared.py` of their own.
    """
    prefix = ".".join(module_name(folder.relative_to(root.resolve()) / "x.py").split(".")[:-1])
    if not prefix or (folder / "__init__.py").exists():
        yield
        return
    for name, module in list(sys.modules.items()):
        if name.startswith(f"{prefix}."):
            sys.modules.setdefault(name.removeprefix(f"{prefix}."), module)
    try:
        yield
    finally:
        for name, module in list(sys.modules.items()):
            location = getattr(module, "__file__", None)
            is_below = isinstance(location, str) and Path(location).resolve().is_relative_to(folder)
            if is_below and not name.startswith(f"{prefix}."):
                del sys.modules[name]
                sys.modules.setdefault(f"{prefix}.{name}", module)


def _loaded_from(file: Path) -> ModuleType | None:
    """The module that an earlier file has imported from `file`: loading it again would declare all twice."""
    for name, module in list(sys.modules.items()):
        location = getattr(module, "__file__", None)
        if not isinstance(location, str) or name == "__main__" or Path(location).name != file.name:
            continue
        if Path(location).resolve() == file.resolve():
            return module
    return None


def _siblings(path: Path) -> list[Path]:
    return list(path.parent.glob("*.py")) if path.parent.is_dir() else []
