"""A Dockerfile of the user's own, by content: its text, and the files beside it that it copies.

What it does not copy does not count: a Dockerfile often lies at the root of the source, and changed code must
not build an image that does not hold it.
"""

import hashlib
import json
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from flyte._image_layers import file_reference

if TYPE_CHECKING:
    from flyte_schemas.image import FileReference


def dockerfile_reference(path: Path) -> "FileReference":
    """The Dockerfile, with a digest of its text and of all that it copies, if anything."""
    reference = file_reference(path)
    if reference.sha256 is None:
        return reference
    copied = [
        f"{pattern}\0{found.relative_to(path.parent).as_posix()}\0{file_reference(found).sha256}"
        for pattern in copied_patterns(path.read_text())
        for found in _matching(path.parent, pattern)
    ]
    if not copied:
        return reference
    digest = hashlib.sha256("\n".join([reference.sha256, *copied]).encode()).hexdigest()
    return reference.model_copy(update={"sha256": digest})


def copied_patterns(text: str) -> tuple[str, ...]:
    """What the COPY and ADD instructions of a Dockerfile take from its folder; `.` for a variable."""
    found = []
    for line in re.sub(r"\\\r?\n", " ", text).splitlines():
        instruction, _, rest = line.strip().partition(" ")
        if instruction.upper() not in ("COPY", "ADD") or "--from=" in rest:
            continue
        words = re.sub(r"^(\s*--\S+)+", "", rest).strip()
        try:
            sources = json.loads(words)[:-1] if words.startswith("[") else shlex.split(words)[:-1]
        except ValueError:
            sources = ["."]
        found += ["." if "$" in str(source) else str(source) for source in sources]
    return tuple(dict.fromkeys(source for source in found if "://" not in source and "<<" not in source))


def _matching(folder: Path, pattern: str) -> list[Path]:
    relative = pattern.lstrip("/").removeprefix("./")
    return sorted(folder.glob(relative)) if relative not in ("", ".") else [folder]
