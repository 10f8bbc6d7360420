"""The name of an object: its project, its domain and the MD5 of its content (`flyte_schemas.artifacts`).

The same key gives the path in a store and the URI on the wire. A key is made of three checked parts, so that
no path leaves its folder: there is nothing to sanitise, only something to refuse.
"""

import re
from dataclasses import dataclass
from typing import Self

from flyte_schemas.artifacts import URI_PREFIX, content_name, is_content_name, part_count, parts_of

_PLACE = re.compile(r"[A-Za-z0-9_-]{1,128}", re.ASCII)


class InvalidKey(ValueError):
    """This is not the name of an object."""


class InvalidParts(ValueError):
    """These are not the numbers of an object's parts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactKey:
    """One object. `project` and `domain`: letters, digits, `-`, `_`; `md5`: 32 lower-case hex digits, and
    `-PARTS` for an object of several.

    Raises InvalidKey.
    """

    project: str
    domain: str
    md5: str

    def __post_init__(self) -> None:
        for what, text in (("project", self.project), ("domain", self.domain)):
            if _PLACE.fullmatch(text) is None:
                raise InvalidKey(f"a {what} that keeps artifacts has only letters, digits, - and _: {text!r}")
        if not is_content_name(self.md5):
            raise InvalidKey(f"an MD5 is 32 lower-case hex digits (and -PARTS): {self.md5!r}")

    @property
    def path(self) -> str:
        """Where the object lies in any store; 256 folders keep each of them small."""
        return f"{self.project}/{self.domain}/{self.md5[:2]}/{self.md5}"

    @property
    def uri(self) -> str:
        """What the object is called on the wire, wherever its bytes are."""
        return f"{URI_PREFIX}{self.project}/{self.domain}/{self.md5}"

    @classmethod
    def from_path(cls, path: str) -> Self:
        """The key whose `path` this is, character by character. Raises InvalidKey."""
        match path.split("/"):
            case [project, domain, shard, md5] if shard == md5[:2]:
                return cls(project=project, domain=domain, md5=md5)
            case _:
                raise InvalidKey(f"not the path of an object: {path!r}")

    @classmethod
    def from_uri(cls, uri: str) -> Self:
        """The key whose `uri` this is, character by character. Raises InvalidKey."""
        try:
            project, domain, md5 = parts_of(uri)
        except ValueError as error:
            raise InvalidKey(str(error)) from error
        return cls(project=project, domain=domain, md5=md5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What shall be put under a key: its size, and the MD5 of each of its parts.

    Raises InvalidKey when these are not the parts that the key and the size stand for.
    """

    key: ArtifactKey
    size_bytes: int
    part_md5s: tuple[str, ...]

    def __post_init__(self) -> None:
        expected = part_count(self.size_bytes)
        if len(self.part_md5s) != expected:
            raise InvalidKey(
                f"{self.size_bytes} bytes are sent in {expected} parts, and {len(self.part_md5s)} are named"
            )
        if content_name(self.part_md5s) != self.key.md5:
            raise InvalidKey(f"the MD5s of the parts are not those of {self.key.md5}")

    def numbers(self, wanted: tuple[int, ...]) -> tuple[int, ...]:
        """The numbers of the parts that are wanted, of all when none is named. Raises InvalidParts."""
        count = len(self.part_md5s)
        if len(set(wanted)) < len(wanted):
            raise InvalidParts("a part is wanted more than once")
        if wanted and not (min(wanted) >= 1 and max(wanted) <= count):
            raise InvalidParts(f"part {max(wanted)} is wanted, and the parts are numbered from 1 to {count}")
        return wanted or tuple(range(1, count + 1))
