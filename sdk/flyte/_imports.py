"""What source imports, read without running it: also the imports inside functions, which run later.

A module that is only imported inside a task's body is in no `sys.modules` when the code is packed. Here the
import statements are followed from file to file, as far as they lead to files below the source root. It is
enough to be generous: one file too many in a bundle does no harm.
"""

import ast
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from flyte._layout import Layout, below, is_installed, is_own


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """One import statement: `from .x import y` has level 1, module "x" and names ("y",)."""

    module: str
    names: tuple[str, ...] = ()
    level: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """Where a dotted name led: the files that importing it runs, and its folder when it is a package."""

    files: tuple[Path, ...] = ()
    folder: Path | None = None
    is_whole: bool = False


_NOTHING = _Found()


def import_closure(layout: Layout, files: Iterable[Path]) -> Iterator[Path]:
    """All files below the root that `files` import, directly or not, and `files` themselves."""
    seen: set[Path] = set()
    waiting = list(files)
    while waiting:
        file = waiting.pop()
        if file in seen:
            continue
        seen.add(file)
        yield file
        if file.suffix == ".py":
            for wanted in imports_of(file):
                waiting.extend(_files_of(layout, file, wanted))


def imports_of(file: Path) -> tuple[Import, ...]:
    """The imports of a Python file, wherever they stand in it; none when it cannot be read."""
    try:
        tree = ast.parse(file.read_bytes(), filename=str(file))
    except (OSError, SyntaxError, ValueError, RecursionError):
        return ()
    statements = _Statements()
    statements.visit(tree)
    return tuple(dict.fromkeys(statements.found))


def file_below(layout: Layout, module: str) -> Path | None:
    """The file (or folder, of a package without `__init__.py`) that `module` is below the root, if it is."""
    for base in _bases(layout):
        found = _follow(base, module.split("."))
        if found.is_whole:
            return found.files[-1] if found.files else found.folder
    return None


class _Statements(ast.NodeVisitor):
    """Collects imports, but for those that only type checkers see."""

    def __init__(self) -> None:
        self.found: list[Import] = []

    def visit_Import(self, node: ast.Import) -> None:
        self.found += [Import(module=alias.name) for alias in node.names]

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        names = tuple(alias.name for alias in node.names)
        self.found.append(Import(module=node.module or "", names=names, level=node.level))

    def visit_If(self, node: ast.If) -> None:
        if ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            for statement in node.orelse:
                self.visit(statement)
        else:
            self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        match node.args:
            case [ast.Constant(value=str(module)), *_] if name in ("import_module", "__import__"):
                self.found.append(Import(module=module.lstrip("."), level=_dots(module)))
        self.generic_visit(node)


def _dots(module: str) -> int:
    return len(module) - len(module.lstrip("."))


def _files_of(layout: Layout, file: Path, wanted: Import) -> Iterator[Path]:
    bases: tuple[Path, ...]
    if wanted.level:
        base = file.parent
        for _ in range(wanted.level - 1):
            base = base.parent
        bases = (base,) if below(base, layout.root) is not None else ()
    elif is_own(wanted.module) or _is_from_elsewhere(layout, wanted.module.partition(".")[0]):
        return
    else:
        bases = _bases(layout, file)
    for base in bases:
        found = _follow(base, wanted.module.split(".") if wanted.module else [])
        yield from found.files
        for name in wanted.names if found.folder is not None and found.is_whole else ():
            assert found.folder is not None
            yield from _follow(found.folder, [name]).files
        if found.files and found.is_whole:
            return


def _bases(layout: Layout, file: Path | None = None) -> tuple[Path, ...]:
    """The folders in which Python looks for the top of a name; for `file`, its own before the others."""
    paths = layout.import_paths_for(file) if file is not None else layout.import_paths
    return tuple(layout.root / path for path in paths)


def _follow(base: Path, parts: list[str]) -> _Found:
    """Walk a dotted name down from a folder, as the importer would."""
    files: list[Path] = []
    folder = base
    for number, part in enumerate(parts):
        if (package := folder / part / "__init__.py").is_file():
            files.append(package)
            folder = folder / part
        elif (module := folder / f"{part}.py").is_file():
            return _Found(files=(*files, module), is_whole=number == len(parts) - 1)
        elif (folder / part).is_dir() and not is_installed(folder / part):
            folder = folder / part
        else:
            return _Found(files=tuple(files)) if files else _NOTHING
    return _Found(files=tuple(files), folder=folder, is_whole=True)


def _is_from_elsewhere(layout: Layout, top: str) -> bool:
    """Whether this process has a module of this name that does not come from below the root."""
    module = sys.modules.get(top)
    if module is None:
        return top in sys.builtin_module_names
    location = getattr(module, "__file__", None)
    places = [location] if isinstance(location, str) else list(getattr(module, "__path__", ()))
    return not any(below(Path(place), layout.root) is not None for place in places)
