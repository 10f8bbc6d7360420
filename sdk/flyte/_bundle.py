"""The user's source as one archive: a tar.gz whose bytes depend on nothing but the files in it.

Same source, same bytes, same digest: so an upload that is already there is skipped, and a version that is a
hash of content means what it says. Names are sorted, and times, owners and modes are the same for all.
"""

import gzip
import hashlib
import io
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from flyte import errors
from flyte._layout import Layout
from flyte._limits import MAX_BUNDLE_BYTES
from flyte._selection import Include, select


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


def make_bundle(
    layout: Layout,
    entry_files: Iterable[Path],
    copy_style: str = "loaded_modules",
    includes: Iterable[Include] = (),
) -> Bundle:
    """Pack the source that the tasks in `entry_files` need; see `flyte._selection.select` for the styles.

    Raises CodeBundleError; ValueError for a style that does not exist.
    """
    return _pack(select(layout, entry_files, copy_style, includes))


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
            data = _read(name, files[name])
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


def _read(name: str, file: Path) -> bytes:
    try:
        name.encode()
        return file.read_bytes()
    except OSError as error:
        raise errors.CodeBundleError(f"{file} cannot be read: {error}") from error
    except UnicodeEncodeError as error:
        raise errors.CodeBundleError(
            f"the name of the file {name!r} is not UTF-8: rename it, or name it in a .flyteignore"
        ) from error
