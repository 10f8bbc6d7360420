"""Find a task in unpacked source: load the module it lives in, and look it up by its full name.

A module is loaded from its own file, under the name that the deployment gave it. So a file called `code.py`
or `01_hello.py` works, whatever the standard library has or Python's grammar says.
"""

import importlib
import importlib.util
import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from flyte import errors
from flyte._runtime.failure import user_traceback

if TYPE_CHECKING:
    from flyte._task import Task
    from flyte_schemas.task import Source


def load_task(source: "Source", name: str, root: Path) -> "Task[..., Any]":
    """The task with the full name `name`, from the bundle unpacked at `root`.

    Raises ModuleLoadError, with the user's traceback when the module does not import.
    """
    load_module(source.module, root / source.file, root=root, import_paths=source.import_paths)
    return find_task(name)


def find_task(name: str) -> "Task[..., Any]":
    """The last declared task with this full name. Raises ModuleLoadError when there is none."""
    from flyte._environment import declared

    environment, _, _ = name.partition(".")
    for candidate in reversed(declared()):
        if candidate.name == environment and name in candidate.tasks:
            return candidate.tasks[name]
    known = sorted(task for candidate in declared() for task in candidate.tasks)
    raise errors.ModuleLoadError(
        f"no task {name!r} is declared; these are: {', '.join(known) or '(none)'}. "
        "Is it declared under `if __name__ == '__main__'`?"
    )


def load_module(module: str, file: Path, *, root: Path, import_paths: Iterable[str] = ("",)) -> ModuleType:
    """Load `file` as `module`, with the `import_paths` (relative to `root`) at the front of `sys.path`.

    A module that is there already, from the same file, is not loaded again. Raises ModuleLoadError.
    """
    add_import_paths(root, import_paths)
    file = file.resolve()
    there = sys.modules.get(module)
    if there is not None and _file_of(there) == file:
        return there
    try:
        # Without a bundle the code is in the image, where Python finds it by its name.
        return _load(module, file) if file.exists() else importlib.import_module(module)
    except (Exception, SystemExit) as error:
        sys.modules.pop(module, None)
        raise errors.ModuleLoadError(f"{file.name} does not import:\n{user_traceback(error)}") from error


def add_import_paths(root: Path, import_paths: Iterable[str]) -> None:
    """Put folders below `root` at the front of `sys.path`, in their order, once."""
    wanted = list(dict.fromkeys(str((root / path).resolve()) for path in import_paths))
    sys.path[:] = wanted + [path for path in sys.path if path not in wanted]


def _load(module: str, file: Path) -> ModuleType:
    package, _, leaf = module.rpartition(".")
    parent = _package(package) if package else None
    is_package = file.name == "__init__.py"
    spec = importlib.util.spec_from_file_location(
        module, file, submodule_search_locations=[str(file.parent)] if is_package else None
    )
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} is not a Python file")
    loaded = importlib.util.module_from_spec(spec)
    sys.modules[module] = loaded
    spec.loader.exec_module(loaded)
    if parent is not None:
        setattr(parent, leaf, loaded)
    return loaded


def _package(name: str) -> ModuleType | None:
    """The package that a module stands in; None for a folder that is none to Python."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{name}.".startswith(f"{error.name}."):
            return None
        raise


def _file_of(module: ModuleType) -> Path | None:
    file = getattr(module, "__file__", None)
    return Path(file).resolve() if file else None
