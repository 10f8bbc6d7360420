"""The part of requirements.lock that an installation needs, with its hashes, for pip to read.

    python3 deploy/locked.py                      what `import flyte` and `flyte` need
    python3 deploy/locked.py services group:dev   an extra and a dependency group of pyproject.toml besides
    python3 deploy/locked.py --only group:build   a dependency group, and nothing of what the project needs

It runs before anything is installed, so it imports nothing but the standard library. What needs what is read
from the lock's own `# via` lines, which do not say for which extra: what only an unused extra of a dependency
needs is there too. pip resolves what it is given once more: were anything left out, it would refuse.
"""

from __future__ import annotations

import dataclasses
import pathlib
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from typing import Any

ROOT = pathlib.Path(__file__).parent.parent
GROUP = "group:"
ENTRY = re.compile(r"(?P<name>[\w.-]+)==(?P<version>[^ ;\\]+)(?: ; (?P<marker>[^\\]+?))?(?: \\)?$")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Entry:
    """One version that is locked. A name has several where their markers exclude each other."""

    name: str
    version: str
    marker: str | None
    hashes: tuple[str, ...]
    """As pip writes them: `sha256:…`, one for each file of this version."""
    wanted_by: frozenset[str]
    """The names of the packages that need it; the project itself is not named."""

    def text(self) -> str:
        """These lines of the lock."""
        marker = f" ; {self.marker}" if self.marker else ""
        return " \\\n    ".join(
            [f"{self.name}=={self.version}{marker}", *(f"--hash={h}" for h in self.hashes)]
        )


def normal(name: str) -> str:
    """A package's name as indexes write it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def read(text: str) -> list[Entry]:
    """All entries of a lock.

    Raises:
        ValueError: a line is none that `make lock` writes.
    """
    return [_entry(lines) for lines in _blocks(text)]


def _blocks(text: str) -> Iterator[list[str]]:
    block: list[str] = []
    for line in text.splitlines():
        if not line.startswith((" ", "#")) and line:
            if block:
                yield block
            block = []
        if line and not line.startswith("#"):
            block.append(line)
    if block:
        yield block


def _entry(lines: list[str]) -> Entry:
    found = ENTRY.match(lines[0])
    if found is None:
        raise ValueError(f"requirements.lock has a line that `make lock` does not write: {lines[0]!r}")
    rest = [line.strip() for line in lines[1:]]
    notes = (
        line.removeprefix("#").strip().removeprefix("via").strip() for line in rest if line.startswith("#")
    )
    return Entry(
        name=normal(found["name"]),
        version=found["version"],
        marker=found["marker"],
        hashes=tuple(
            line.removesuffix("\\").strip().removeprefix("--hash=") for line in rest if "--hash=" in line
        ),
        wanted_by=frozenset(normal(note) for note in notes if note and "(pyproject.toml" not in note),
    )


def roots(project: dict[str, Any], wanted: Iterable[str], *, only: bool = False) -> set[str]:
    """The names that the project asks for itself: always (unless `only`), for these extras and groups.

    Raises:
        ValueError: the project has no such extra or group.
    """
    extras = project["project"]["optional-dependencies"]
    groups = project["dependency-groups"]
    names: set[str] = set()
    todo: list[str | dict[str, str]] = [] if only else list(project["project"]["dependencies"])
    for want in wanted:
        known, key = (groups, want.removeprefix(GROUP)) if want.startswith(GROUP) else (extras, want)
        if key not in known:
            raise ValueError(
                f"pyproject.toml has no {want!r}; extras: {', '.join(extras)}; groups: {', '.join(groups)}"
            )
        todo += known[key]
    while todo:
        requirement = todo.pop()
        if isinstance(requirement, dict):
            todo += groups[requirement["include-group"]]
            continue
        name, own = _split(requirement)
        if name == project["project"]["name"]:
            todo += [one for extra in own for one in extras[extra]]
        else:
            names.add(name)
    return names


def _split(requirement: str) -> tuple[str, list[str]]:
    """The package's name, and its extras."""
    name, bracket, rest = re.split(r"[ ;<>=!~]", requirement, maxsplit=1)[0].partition("[")
    return normal(name), [extra.strip() for extra in rest.partition("]")[0].split(",")] if bracket else []


def needed(entries: Iterable[Entry], names: Iterable[str]) -> list[Entry]:
    """These packages, and all that they need, as the lock has them.

    Raises:
        ValueError: the lock lacks one of them.
    """
    entries = list(entries)
    found = set(names)
    if missing := found - {entry.name for entry in entries}:
        raise ValueError(f"requirements.lock lacks {', '.join(sorted(missing))}; run `make lock`")
    while more := {entry.name for entry in entries if entry.wanted_by & found} - found:
        found |= more
    return [entry for entry in entries if entry.name in found]


def main(wanted: list[str]) -> None:
    """Write the part of the lock for these extras and groups to standard output."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    entries = read((ROOT / "requirements.lock").read_text())
    only = wanted[:1] == ["--only"]
    for entry in needed(entries, roots(project, wanted[1:] if only else wanted, only=only)):
        sys.stdout.write(entry.text() + "\n")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except ValueError as error:
        sys.exit(str(error))
