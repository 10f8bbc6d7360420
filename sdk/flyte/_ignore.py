"""What of a tree is not source: a standard list, and what `.gitignore` and `.flyteignore` files say.

The files are read as git reads them (nested, the deeper one and the later line win, from the top of the
repository down), but without git, which a machine may not have. So they hold for tracked files, too; a
`.flyteignore` has the last word over the `.gitignore` beside it, and may take a file back in with `!name`.
"""

from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Optional

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

IGNORE_FILES = (".flyteignore", ".gitignore")
"""Of one folder, the first that has an opinion wins."""

_CACHES = (".cache", ".ruff_cache", ".mypy_cache", ".pytest_cache", ".hypothesis", ".tox", "node_modules")
_FOLDERS = {".git", ".hg", ".svn", ".idea", ".vscode", ".flyte", ".venv", "__pycache__", *_CACHES}
_FOLDERS_OF_TOOLS = {"venv", "env", "dist", "build"}
"""Names that a Python package may have, too: with an `__init__.py` it is source."""
_FILES = {".env", ".DS_Store"}
_PATTERNS = ("*.pyc", "*.pyo", "*.log", "*.whl", "*.egg", "*.egg-info")


@dataclass(frozen=True, slots=True)
class IgnoreRules:
    """The ignore files that hold in `folder`: its own, and those of the folders above it."""

    folder: Path
    specs: "tuple[GitIgnoreSpec, ...]" = ()
    above: Optional["IgnoreRules"] = None

    def inside(self, folder: Path) -> "IgnoreRules":
        """The rules for what stands in `folder`, a folder right below this one."""
        specs = _specs_in(folder)
        return IgnoreRules(folder, specs, self) if specs else self

    def ignore(self, path: Path, *, is_folder: bool) -> bool:
        """Whether `path` (below `folder`, as written) is left out."""
        return is_no_source(path, is_folder=is_folder) or self._is_named(path, is_folder)

    def _is_named(self, path: Path, is_folder: bool) -> bool:
        relative = path.relative_to(self.folder).as_posix() + ("/" if is_folder else "")
        for spec in self.specs:
            verdict = spec.check_file(relative).include
            if verdict is not None:
                return verdict
        return self.above is not None and self.above._is_named(path, is_folder)


def rules_for(root: Path) -> IgnoreRules:
    """The rules at the root of a bundle, with those of the repository that it lies in."""
    folders = [root]
    if not (root / ".git").exists():
        above = list(root.parents)
        top = next((number for number, folder in enumerate(above) if (folder / ".git").exists()), None)
        folders += above[: top + 1] if top is not None else []
    rules: IgnoreRules | None = None
    for folder in reversed(folders):
        rules = IgnoreRules(folder, _specs_in(folder), rules)
    assert rules is not None  # the root is always one of them
    return rules


def is_no_source(path: Path, *, is_folder: bool) -> bool:
    """Whether the standard list leaves `path` out: caches, virtual environments, builds, version control."""
    name = path.name
    if any(fnmatchcase(name, pattern) for pattern in _PATTERNS):
        return True
    if not is_folder:
        return name in _FILES
    if name in _FOLDERS_OF_TOOLS:
        return not (path / "__init__.py").exists()
    return name in _FOLDERS or (path / "pyvenv.cfg").exists()


def _specs_in(folder: Path) -> "tuple[GitIgnoreSpec, ...]":
    texts = [_text(folder / name) for name in IGNORE_FILES]
    if not any(texts):
        return ()
    from pathspec import GitIgnoreSpec

    return tuple(GitIgnoreSpec.from_lines(text.splitlines()) for text in texts if text)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:  # there is none, or it is not ours to read
        return ""
