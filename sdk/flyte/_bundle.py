"""The user's source as one archive: a tar.gz whose bytes depend on nothing but the files in it.

Same source, same bytes, same digest: so an upload that is already there is skipped, and a version that is a
hash of content means what it says. Names are sorted, and times, owners and modes are the same for all.
"""

import gzip
import hashlib
import io
import sys
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from flyte import errors
from flyte._layout import Layout, below, is_installed
from flyte._limits import MAX_BUNDLE_BYTES, MAX_BUNDLE_FILES

CopyStyle = Literal["loaded_modules", "all"]

_SERVICES = ("registry", "dataproxy", "executor", "agent", "embedded")
_OWN_PACKAGES = {"flyte", "flyte_schemas", "flyte_bus", *(f"flyte_{service}" for service in _SERVICES)}
_CACHES = ("__pycache__", ".cache", ".ruff_cache", ".mypy_cache", ".pytest_cache", ".tox", "node_modules")
_IGNORED_FOLDERS = {".git", ".hg", ".svn", ".idea", ".vscode", ".flyte", "dist", "build", *_CACHES}
_IGNORED_SUFFIXES = (".pyc", ".pyo", ".log", ".whl", ".egg", ".env")


@dataclass(frozen=True, slots=True, kw_only=True)
class BundledFile:
    """One file of a bundle: its path below the root, with forward slashes."""

    path: str
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A packed archive and what is in it; digests are of the archive's bytes, as hex digits."""

    data: bytes
    sha256: str
    md5: str
    files: tuple[BundledFile, ...]

    @property
    def unpacked_bytes(self) -> int:
        return sum(file.size_bytes for file in self.files)


def make_bundle(layout: Layout, entry_files: Iterable[Path], copy_style: str = "loaded_modules") -> Bundle:
    """Pack the source that the tasks in `entry_files` need.

    `loaded_modules`: every module that is loaded from below the root; `all`: every file below the root, but
    for version control, caches and virtual environments. Raises CodeBundleError; ValueError for any other.
    """
    match check_copy_style(copy_style):
        case "loaded_modules":
            found = _loaded_modules(layout)
        case "all":
            found = _all_files(layout)
    files = {layout.relative(file): file for file in (*found, *entry_files)}
    if len(files) > MAX_BUNDLE_FILES:
        raise errors.CodeBundleError(
            f"{len(files)} files below {layout.root} are more than the {MAX_BUNDLE_FILES} that a bundle may "
            "hold: choose a smaller --root-dir"
        )
    return _pack(files)


def check_copy_style(copy_style: str) -> CopyStyle:
    """Raises ValueError (NotImplementedError for a style that is yet to come)."""
    if copy_style in ("none", "custom"):
        raise NotImplementedError(
            f"copy_style={copy_style!r} is not supported yet: use 'loaded_modules' or 'all'"
        )
    for known in get_args(CopyStyle):
        if copy_style == known:
            return known  # type: ignore[no-any-return]
    raise ValueError(f"unknown copy_style {copy_style!r}: use 'loaded_modules' or 'all'")


def _loaded_modules(layout: Layout) -> Iterator[Path]:
    for name, module in list(sys.modules.items()):
        location = getattr(module, "__file__", None)
        if not isinstance(location, str) or name.partition(".")[0] in _OWN_PACKAGES:
            continue
        path = Path(location)
        if name == "__main__" and path.suffix != ".py":
            continue
        if below(path, layout.root) is not None and not _is_foreign(path) and path.is_file():
            yield path


def _all_files(layout: Layout) -> Iterator[Path]:
    folders = [layout.root]
    while folders:
        for item in sorted(folders.pop().iterdir()):
            if item.is_dir() and not item.is_symlink():
                if item.name not in _IGNORED_FOLDERS and not (item / "pyvenv.cfg").exists():
                    folders.append(item)
            elif item.is_file() and not item.name.endswith(_IGNORED_SUFFIXES):
                yield item


def _is_foreign(path: Path) -> bool:
    return is_installed(path) or path.resolve().is_relative_to(Path(__file__).resolve().parent)


def _pack(files: dict[str, Path]) -> Bundle:
    if not files:
        raise errors.CodeBundleError("there is no source to pack")
    archive = io.BytesIO()
    bundled = []
    total = 0
    with (
        gzip.GzipFile(filename="", fileobj=archive, mode="wb", mtime=0, compresslevel=6) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for name in sorted(files):
            data = _read(files[name])
            total += len(data)
            if total > MAX_BUNDLE_BYTES:
                raise errors.CodeBundleError(
                    f"the source is larger than {MAX_BUNDLE_BYTES // 1024**2} MiB (at {name}): choose a "
                    "smaller --root-dir, and keep data out of the source tree"
                )
            tar.addfile(_member(name, data, files[name]), io.BytesIO(data))
            bundled.append(BundledFile(path=name, size_bytes=len(data)))
    packed = archive.getvalue()
    return Bundle(
        data=packed,
        sha256=hashlib.sha256(packed).hexdigest(),
        md5=hashlib.md5(packed, usedforsecurity=False).hexdigest(),
        files=tuple(bundled),
    )


def _member(name: str, data: bytes, file: Path) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    member.mode = 0o755 if file.stat().st_mode & 0o100 else 0o644
    return member


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise errors.CodeBundleError(f"{file} cannot be read: {error}") from error
