"""How an object is named by its content, and cut into parts: what every store and every client agree on.

An object of one part is named by its MD5. A larger one is named by the MD5 of its parts' MD5s and by their
number (`{32 hex digits}-{parts}`): so that a store that takes parts alone, and verifies each as it arrives,
has verified the whole; and parts are hashed side by side.
"""

import hashlib
import re

PART_BYTES = 16 * 1024**2
"""The size of a part, and of the largest object that has only one."""
MAX_PARTS = 512
"""With more, the parts are twice as large: the places of all parts go into one message."""

CONTENT_NAME_PATTERN = r"[0-9a-f]{32}(?:-(?:[2-9]|[1-9][0-9]{1,2}))?"
URI_PREFIX = "flyte://artifacts/"
MIN_GARBAGE_AGE_S = 3600.0
"""No object that is younger is removed: it may belong to something that is about to be said."""

_NAME = re.compile(CONTENT_NAME_PATTERN, re.ASCII)


def parts_of(uri: str) -> tuple[str, str, str]:
    """The project, the domain and the name in an object's URI. Raises ValueError for what is no such URI."""
    match uri.removeprefix(URI_PREFIX).split("/"):
        case [project, domain, name] if uri.startswith(URI_PREFIX):
            return project, domain, name
        case _:
            raise ValueError(f"not the URI of an artifact ({URI_PREFIX}PROJECT/DOMAIN/MD5): {uri!r}")


def part_bytes(size_bytes: int) -> int:
    """How large the parts of an object are; its last may be smaller."""
    size = PART_BYTES
    while size * MAX_PARTS < size_bytes:
        size *= 2
    return size


def part_count(size_bytes: int) -> int:
    """How many parts an object has: one at least."""
    return max(1, -(-size_bytes // part_bytes(size_bytes)))


def part_range(size_bytes: int, number: int) -> tuple[int, int]:
    """Where part `number` (from 1) begins in the object, and where the next one would."""
    each = part_bytes(size_bytes)
    return (number - 1) * each, min(number * each, size_bytes)


def content_name(part_md5s: tuple[str, ...]) -> str:
    """The name of the object whose parts have these MD5s (32 hex digits each)."""
    if len(part_md5s) == 1:
        return part_md5s[0]
    together = b"".join(map(bytes.fromhex, part_md5s))
    return f"{hashlib.md5(together, usedforsecurity=False).hexdigest()}-{len(part_md5s)}"


def is_content_name(text: str) -> bool:
    """Whether an object may have this name."""
    return _NAME.fullmatch(text) is not None


class NameDigest:
    """Finds the name of an object of `size_bytes` bytes while its bytes pass by, in order."""

    def __init__(self, size_bytes: int) -> None:
        self._each = part_bytes(size_bytes)
        self._part = hashlib.md5(usedforsecurity=False)
        self._left = self._each
        self._done: list[str] = []

    def update(self, chunk: bytes | memoryview) -> None:
        """Take the next bytes."""
        view = memoryview(chunk)
        while view:
            if not self._left:
                self._done.append(self._part.hexdigest())
                self._part, self._left = hashlib.md5(usedforsecurity=False), self._each
            taken = view[: self._left]
            self._part.update(taken)
            self._left -= len(taken)
            view = view[len(taken) :]

    def part_md5s(self) -> tuple[str, ...]:
        """The MD5s of all parts so far; of nothing, that of one empty part."""
        return (*self._done, self._part.hexdigest())

    def name(self) -> str:
        """The name of what has passed."""
        return content_name(self.part_md5s())
