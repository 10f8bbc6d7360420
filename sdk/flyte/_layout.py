"""Where source lies: the root of a bundle, and the names and paths of modules below it.

The root is the current folder when the file is below it (so that `from workflows.steps import clean` means
the same everywhere), else the file's own folder.
"""

import sys
import sysconfig
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from flyte import errors

_SERVICES = ("registry", "dataproxy", "executor", "scheduler", "notifier", "guard", "agent", "embedded")
_OWN_PACKAGES = {"flyte", "flyte_schemas", "flyte_bus", *(f"flyte_{service}" for service in _SERVICES)}
_INSTALLED = ("site-packages", "dist-packages")


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """A source root (absolute), and the folders below it that stand on `sys.path`, relative to it."""

    root: Path
    import_paths: tuple[str, ...]

    def relative(self, file: Path) -> str:
        """The path of `file` below the root, with forward slashes. Raises CodeBundleError when outside."""
        found = below(file, self.root)
        if found is None:
            raise errors.CodeBundleError(
                f"{file} is not below the source root {self.root}: choose a root that holds all task files "
                "with --root-dir (or flyte.init(root_dir=…))"
            )
        return found.as_posix()

    def import_paths_for(self, file: Path) -> tuple[str, ...]:
        """The import paths as `file` sees them: its own folder, when it is one of them, before the others."""
        folder = Path(self.relative(file)).parent.as_posix()
        own = "" if folder == "." else folder
        return tuple(sorted(self.import_paths, key=lambda path: path != own))

    def module_name(self, file: Path) -> str:
        """The dotted name under which `file` is loaded."""
        return module_name(Path(self.relative(file)))


def layout_of(files: Iterable[Path], root_dir: Path | None = None, *, sync_sys_paths: bool = True) -> Layout:
    """The layout that holds all `files`; without `sync_sys_paths` only the root stands on `sys.path`.

    Raises CodeBundleError when `root_dir` does not hold them.
    """
    files = list(files)
    root = Path(root_dir or _common_root(files)).absolute()
    layout = Layout(root=root, import_paths=_import_paths(root) if sync_sys_paths else ("",))
    for file in files:
        layout.relative(file)
    return layout


def module_name(relative: Path) -> str:
    """`workflows/clean.py` → `workflows.clean`; just the stem where a folder's name cannot stand in one."""
    parts = relative.with_suffix("").parts
    folders, stem = parts[:-1], parts[-1]
    if stem == "__init__" and folders:
        folders, stem = folders[:-1], folders[-1]
    stem = stem.replace(".", "_")
    return ".".join((*folders, stem)) if all(part.isidentifier() for part in folders) else stem


def below(path: Path, root: Path) -> Path | None:
    """`path` relative to `root`, as written or with links resolved; None when it is not below."""
    for candidate, base in ((path.absolute(), root.absolute()), (path.resolve(), root.resolve())):
        if candidate.is_relative_to(base):
            return candidate.relative_to(base)
    return None


def is_installed(path: Path) -> bool:
    """Whether a file belongs to Python, to a package index or to a virtual environment, not to the user."""
    if any(part in _INSTALLED for part in path.parts):
        return True
    return any(path.is_relative_to(folder) for folder in _system_folders())


def is_own(module: str) -> bool:
    """Whether a module is Flytejet's: it is there wherever tasks run, and in no bundle."""
    return module.partition(".")[0] in _OWN_PACKAGES


@cache
def _system_folders() -> tuple[Path, ...]:
    folders = [Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    if sys.prefix != sys.base_prefix:
        folders.append(Path(sys.prefix))
    return tuple(dict.fromkeys(form for folder in folders for form in (folder, folder.resolve())))


def _common_root(files: list[Path]) -> Path:
    here = Path.cwd()
    if not files or all(below(file, here) is not None for file in files):
        return here
    return files[0].absolute().parent


def _import_paths(root: Path) -> tuple[str, ...]:
    """The entries of `sys.path` below the root, in their order; the root itself is always one."""
    found = []
    for entry in sys.path:
        path = Path(entry or ".").absolute()
        relative = below(path, root)
        if relative is not None and path.is_dir() and not is_installed(path):
            found.append("" if relative == Path() else relative.as_posix())
    return tuple(dict.fromkeys([*found, ""]))
