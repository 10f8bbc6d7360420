"""Which files go into a bundle: what is loaded, what that imports, what is asked for by name, or everything.

Links are followed as long as they stay below the source root; a file that really lies elsewhere is refused,
for the bundle would not be what its root says.
"""

import glob
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from flyte import errors
from flyte._ignore import IgnoreRules, is_no_source, rules_for
from flyte._imports import import_closure
from flyte._layout import Layout, below, is_installed, is_own
from flyte._limits import MAX_BUNDLE_FILES

CopyStyle = Literal["loaded_modules", "all", "none", "custom"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Include:
    """Files that an environment wants in the bundle: paths and globs, from the folder of `declared_in`."""

    environment: str
    declared_in: Path
    patterns: tuple[str, ...]


def check_copy_style(copy_style: str) -> CopyStyle:
    """Raises ValueError for a style that does not exist."""
    for known in get_args(CopyStyle):
        if copy_style == known:
            return known  # type: ignore[no-any-return]
    raise ValueError(f"unknown copy_style {copy_style!r}: use one of {', '.join(get_args(CopyStyle))}")


def select(
    layout: Layout,
    entry_files: Iterable[Path],
    copy_style: str = "loaded_modules",
    includes: Iterable[Include] = (),
) -> dict[str, Path]:
    """The files of a bundle by their paths below the root.

    `loaded_modules`: what is loaded from below the root and what that imports; `all`: every file below the
    root that no ignore file names; `custom`: the entry files and what `includes` name; `none`: only the
    latter. Raises CodeBundleError; ValueError for any other style, or for `custom` without a list.
    """
    style = check_copy_style(copy_style)
    includes = tuple(includes)
    if style == "custom" and not includes:
        raise ValueError(
            "copy_style='custom' requires a list of files: name them in TaskEnvironment(include=(…))"
        )
    named = [file for include in includes for file in _included(include, layout)]
    match style:
        case "loaded_modules":
            found: Iterable[Path] = import_closure(layout, [*_loaded_modules(layout), *entry_files, *named])
        case "all":
            found = [*source_tree(layout.root), *entry_files, *named]
        case "custom":
            found = [*entry_files, *named]
        case "none":
            found = named
    return _keyed(layout, found)


def source_tree(root: Path) -> Iterator[Path]:
    """Every file below `root` that no ignore file names."""
    return _Walk(root).files(root, rules_for(root))


def _keyed(layout: Layout, files: Iterable[Path]) -> dict[str, Path]:
    """Files by their paths below the root. Raises CodeBundleError for one outside, or too many."""
    keyed: dict[str, Path] = {}
    root = layout.root.resolve()
    for file in files:
        if not file.resolve().is_relative_to(root):
            raise errors.CodeBundleError(
                f"{file} is a link to {file.resolve()}, which is not below the source root {layout.root}: "
                "put the file there, choose a higher --root-dir, or name it in a .flyteignore"
            )
        keyed[layout.relative(file)] = file
        if len(keyed) > MAX_BUNDLE_FILES:
            raise errors.CodeBundleError(
                f"there are more than {MAX_BUNDLE_FILES} files below {layout.root}, and a bundle may not "
                "hold more: choose a smaller --root-dir"
            )
    return keyed


def _loaded_modules(layout: Layout) -> Iterator[Path]:
    for name, module in list(sys.modules.items()):
        location = getattr(module, "__file__", None)
        if not isinstance(location, str) or is_own(name):
            continue
        path = Path(location)
        if (name == "__main__" and path.suffix != ".py") or _is_foreign(path):
            continue
        if below(path, layout.root) is not None and path.is_file():
            yield path


def _is_foreign(path: Path) -> bool:
    return is_installed(path) or path.is_relative_to(Path(__file__).parent)


def _included(include: Include, layout: Layout) -> Iterator[Path]:
    """The files that an environment's patterns name; a folder stands for all the source in it."""
    folder = include.declared_in.absolute().parent
    for pattern in include.patterns:
        asked = f"environment {include.environment!r} includes {pattern!r}"
        paths = _matching(folder, pattern)
        if not paths:
            raise errors.CodeBundleError(f"{asked}, and nothing is there (in {folder})")
        for path in paths:
            if below(path, layout.root) is None:
                raise errors.CodeBundleError(
                    f"{asked}, and {path} is not below the source root {layout.root}: choose a higher one "
                    "with --root-dir"
                )
            if path.is_file():
                yield path
            else:
                yield from _Walk(layout.root).files(path, None)


def _matching(folder: Path, pattern: str) -> list[Path]:
    exact = Path(os.path.normpath(folder / pattern))
    if exact.exists():
        return [exact]
    # Not Path.glob: that takes no pattern that begins with .. or /.
    found = glob.glob(str(Path(glob.escape(str(folder))) / pattern), recursive=True)  # noqa: PTH207
    paths = [Path(os.path.normpath(path)) for path in sorted(found)]
    return [path for path in paths if path.is_file() and not is_no_source(path, is_folder=False)]


class _Walk:
    """Goes through folders, and through links as long as they lead to places below `root`."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()

    def files(self, folder: Path, rules: IgnoreRules | None, way: tuple[Path, ...] = ()) -> Iterator[Path]:
        """The files in `folder` and below, but for what `rules` (else the standard list) leave out.

        A link to a folder outside is given as it is, for somebody to refuse. `way` holds the folders that
        led here, so that links in a circle end.
        """
        way = (*way, folder.resolve())
        for path in sorted(folder.iterdir()):
            is_folder = path.is_dir()
            if (rules.ignore if rules else is_no_source)(path, is_folder=is_folder):
                continue
            if is_folder and path.resolve() in way:
                continue
            if is_folder and path.resolve().is_relative_to(self._root):
                yield from self.files(path, rules and rules.inside(path), way)
            elif is_folder or path.is_file():  # but no socket, nor a link to nowhere
                yield path
