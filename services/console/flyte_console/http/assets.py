"""The files of the web page, held in memory: a request names one of them, or nothing on this disk."""

import gzip
import hashlib
import mimetypes
import re
from dataclasses import dataclass
from pathlib import Path

_HASHED = re.compile(r"[.-][0-9A-Za-z_-]{8,}\.[a-z0-9]+$")
_TEXT = ("text/", "application/javascript", "application/json", "image/svg", "application/manifest")

FOR_EVER = "public, max-age=31536000, immutable"
ASK_AGAIN = "no-cache"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """One file, as it is sent. `zipped` is None where that would not be smaller."""

    content_type: str
    body: bytes
    zipped: bytes | None
    digest: str
    cache: str


def load_assets(folder: Path) -> dict[str, Asset]:
    """Every file below a folder, by its path within it."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    return {path.relative_to(folder).as_posix(): _asset(path) for path in files}


def _asset(path: Path) -> Asset:
    body = path.read_bytes()
    content_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    if content_type.startswith("text/"):
        content_type += "; charset=utf-8"
    zipped = gzip.compress(body, 9, mtime=0) if content_type.startswith(_TEXT) else None
    return Asset(
        content_type=content_type,
        body=body,
        zipped=zipped if zipped is not None and len(zipped) < len(body) else None,
        digest=digest_of(body),
        cache=FOR_EVER if _HASHED.search(path.name) else ASK_AGAIN,
    )


def digest_of(body: bytes) -> str:
    """What a browser may hold against what it has."""
    return hashlib.blake2b(body, digest_size=12).hexdigest()
