"""A folder in the artifact store: one object that lists its files, and says in which objects their bytes are.

Small files lie together in one object, so that thousands of them are a few transfers; a large one is an
object of its own. Whoever collects garbage keeps the objects that a folder which is kept refers to.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

MARK = "flyte-dir"
"""What the object of a folder begins with, as a key of its JSON."""
VERSION = 2
BEGINNING = b'{"flyte-dir"'
"""By these bytes an object that is a folder is told from a file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One file: `size_bytes` bytes from `offset` on in the object `uri`, whose content has this `name`:
    that of an object of its own (their MD5 in hex digits, when they are few)."""

    uri: str
    offset: int
    size_bytes: int
    name: str
    is_executable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """The files by their paths within the folder (with forward slashes), and the folders that are empty."""

    files: Mapping[str, Member]
    empty: tuple[str, ...] = field(default=())

    @property
    def objects(self) -> frozenset[str]:
        """The URIs of the objects that hold the bytes."""
        return frozenset(member.uri for member in self.files.values())


def folder_json(folder: Folder) -> bytes:
    """The object of a folder: the same for the same content, in ASCII.

    `{"flyte-dir": 2, "objects": [URI …], "files": {PATH: [object, offset, size, name, is executable]},
    "empty": [PATH …]}`
    """
    numbers = {uri: number for number, uri in enumerate(sorted(folder.objects))}
    files = {
        path: [numbers[member.uri], member.offset, member.size_bytes, member.name, int(member.is_executable)]
        for path, member in sorted(folder.files.items())
    }
    document = {MARK: VERSION, "objects": list(numbers), "files": files, "empty": sorted(folder.empty)}
    return json.dumps(document, separators=(",", ":")).encode("ascii")


def folder_of(data: bytes) -> Folder | None:
    """The folder that an object stands for; None for an object that is no folder of this version."""
    if not data.startswith(BEGINNING):
        return None
    try:
        document = json.loads(data)
        if document[MARK] != VERSION:
            return None
        objects = document["objects"]
        files = {
            path: Member(
                uri=objects[number], offset=offset, size_bytes=size, name=name, is_executable=bool(executable)
            )
            for path, (number, offset, size, name, executable) in document["files"].items()
        }
        return Folder(files=files, empty=tuple(document["empty"]))
    except (ValueError, LookupError, TypeError, AttributeError):
        return None
