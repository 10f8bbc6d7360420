"""Code bundles: fetched once a machine, verified, and unpacked for each attempt.

An archive is not trusted: only plain files and folders below the root come out of it, within limits, which
hold for all that it decompresses to, headers included.
"""

import errno
import gzip
import os
import tarfile
import zlib
from pathlib import Path, PurePosixPath
from typing import Protocol

from flyte_agent.settings import AgentSettings
from flyte_schemas.task import BundleReference

_IMPOSSIBLE = (FileExistsError, NotADirectoryError, IsADirectoryError, ValueError)
"""Entries twice, below a file, in place of a folder, with a zero byte in the name."""


_HEADER_LIMIT_BYTES = 4 * 1024**2
"""The most that is read at once; tarfile reads an entry's names at once, however long they claim to be."""
_HEADER_BYTES = 4096
"""What the headers of one entry may take, on average over all that there may be."""


class BundleRefused(Exception):
    """The archive holds something that must not be unpacked."""


class Downloads(Protocol):
    """What this needs of `flyte._runtime.transfer.Artifacts`."""

    async def get_to_file(self, uri: str, sha256: str, size_bytes: int, path: Path) -> None: ...


async def fetch(bundle: BundleReference, artifacts: Downloads, settings: AgentSettings) -> Path:
    """The verified archive on this machine; downloaded when it is not there yet.

    Raises the errors of `Artifacts.get`.
    """
    settings.bundles.mkdir(parents=True, exist_ok=True)
    path = settings.bundles / f"{bundle.sha256}.tar.gz"
    if not path.exists():
        await artifacts.get_to_file(bundle.uri, bundle.sha256, bundle.size_bytes, path)
    return path


def unpack(archive: Path, root: Path, settings: AgentSettings) -> None:
    """Unpack into `root`.

    Raises BundleRefused, naming the entry; OSError when this machine cannot take it.
    """
    left = settings.max_bundle_bytes
    try:
        with gzip.open(archive, "rb") as stream:
            decompressed = _Limited(stream, left + settings.max_bundle_files * _HEADER_BYTES)
            bundle = tarfile.TarFile(fileobj=decompressed, mode="r")  # type: ignore[arg-type]
            for number, member in enumerate(bundle):
                if number >= settings.max_bundle_files:
                    raise BundleRefused(f"the bundle has more than {settings.max_bundle_files} entries")
                target = root / _safe(member)
                left -= member.size
                if left < 0:
                    raise BundleRefused(f"the bundle unpacks to more than {settings.max_bundle_bytes} bytes")
                _extract_as_named(bundle, member, target)
            decompressed.drain()
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile, ValueError) as error:
        raise BundleRefused(f"the bundle cannot be unpacked: {error}") from error


class _Limited:
    """What an archive decompresses to, for tarfile to read: up to a limit, and never much at a time."""

    def __init__(self, stream: gzip.GzipFile, limit_bytes: int) -> None:
        self._stream = stream
        self._limit_bytes = limit_bytes

    def read(self, size: int = -1) -> bytes:
        """Raises BundleRefused."""
        if not 0 <= size <= _HEADER_LIMIT_BYTES:
            raise BundleRefused(
                f"the bundle has an entry with headers of more than {_HEADER_LIMIT_BYTES} bytes"
            )
        data = self._stream.read(size)
        if self._stream.tell() > self._limit_bytes:
            raise BundleRefused(f"the bundle decompresses to more than {self._limit_bytes} bytes")
        return data

    def seek(self, offset: int) -> int:
        """Forwards only, as tarfile skips contents. Raises BundleRefused."""
        if offset > self._limit_bytes:
            raise BundleRefused(f"the bundle decompresses to more than {self._limit_bytes} bytes")
        return self._stream.seek(offset)

    def tell(self) -> int:
        return self._stream.tell()

    def drain(self) -> None:
        """Read to the end, where the checksum is. Raises BundleRefused; gzip's errors."""
        while self.read(1 << 16):
            pass


def _safe(member: tarfile.TarInfo) -> PurePosixPath:
    try:
        member.name.encode()
    except UnicodeEncodeError as error:
        raise BundleRefused(f"the bundle's entry {member.name!r} has a name that is not UTF-8") from error
    path = PurePosixPath(member.name)
    is_plain = member.isdir() or (member.isreg() and not member.issparse() and member.size >= 0)
    if path.is_absolute() or ".." in path.parts or not is_plain:
        raise BundleRefused(f"the bundle's entry {member.name!r} is not a plain file below its root")
    return path


def _extract_as_named(bundle: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    try:
        _extract(bundle, member, target)
    except _IMPOSSIBLE as error:
        raise BundleRefused(f"the bundle's entry {member.name!r} cannot be: {error}") from error
    except OSError as error:
        if error.errno not in (errno.ENAMETOOLONG, errno.ELOOP):
            raise
        raise BundleRefused(f"the bundle's entry {member.name!r} cannot be: {error.strerror}") from error


def _extract(bundle: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    if member.isdir():
        target.mkdir(parents=True, exist_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    content = bundle.extractfile(member)
    assert content is not None  # it is a regular file
    mode = 0o755 if member.mode & 0o100 else 0o644
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with content, os.fdopen(descriptor, "wb") as out:
        while chunk := content.read(1 << 20):
            out.write(chunk)
