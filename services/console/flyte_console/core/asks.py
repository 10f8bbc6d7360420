"""What a request asks for: the names in its path and the parameters behind it, read strictly."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from flyte_console.core.sessions import Session
from flyte_schemas.moments import EARLIEST, LATEST
from flyte_schemas.names import is_name
from flyte_schemas.phase import ActionPhase
from flyte_schemas.subjects import ActionKey, RunKey

VERSION_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,127}$"
_VERSION = re.compile(VERSION_PATTERN.strip("^$"), re.ASCII)

MAX_TEXT_CHARACTERS = 1_000
"""The longest text of a parameter."""
MAX_WHOLE = 2**62
"""The largest number of a parameter."""


class BadAsk(ValueError):
    """A parameter that cannot be; the sentence says which and why."""


class NotYours(Exception):
    """A place that the asker's session does not cover."""

    def __init__(self, project: str, domain: str) -> None:
        super().__init__(f"you may not look at {project}/{domain}")


@dataclass(frozen=True, slots=True)
class Ask:
    """One request: the names in its path, its parameters (each with all values), and the asker's session."""

    path: Mapping[str, str]
    query: Mapping[str, Sequence[str]]
    session: Session

    def allow(self, names: Iterable[str]) -> None:
        """Raises BadAsk for a parameter that is not one of these."""
        known = set(names)
        for name in self.query:
            if name not in known:
                raise BadAsk(
                    f"there is no parameter {name!r}: there are {', '.join(sorted(known)) or 'none'}"
                )

    def must_cover(self, project: str, domain: str) -> None:
        """Raises NotYours."""
        if not self.session.covers(project, domain):
            raise NotYours(project, domain)

    def name(self, part: str) -> str:
        """A name in the path. Raises BadAsk."""
        text = self.path[part]
        if not is_name(text):
            raise BadAsk(f"{text!r} cannot be the name of a {part}: no dots, blanks or wildcards")
        return text

    @property
    def task_name(self) -> str:
        """The task's full name in the path. Raises BadAsk."""
        return _task(self.path["name"])

    @property
    def run(self) -> RunKey:
        """The run that the path names. Raises BadAsk."""
        return RunKey(self.name("project"), self.name("domain"), self.name("run"))

    @property
    def action(self) -> ActionKey:
        """The action that the path names. Raises BadAsk."""
        return self.run.action(self.name("action"))

    def text(self, name: str) -> str | None:
        """A parameter; None when it is not given or empty. Raises BadAsk when it is given twice."""
        given = self.texts(name)
        if len(given) > 1:
            raise BadAsk(f"{name} is given {len(given)} times: give it once")
        return given[0] if given else None

    def texts(self, name: str) -> list[str]:
        """A parameter that may be given several times."""
        given = [text for text in self.query.get(name, ()) if text]
        for text in given:
            if len(text) > MAX_TEXT_CHARACTERS:
                raise BadAsk(f"{name} is longer than {MAX_TEXT_CHARACTERS} characters")
        return given

    def named(self, name: str) -> str | None:
        """A parameter that is a name."""
        text = self.text(name)
        if text is not None and not is_name(text):
            raise BadAsk(f"{name} is {text!r}: that cannot be a name")
        return text

    def task(self, name: str) -> str | None:
        """A parameter that is a task's full name."""
        text = self.text(name)
        return None if text is None else _task(text)

    def version(self, name: str) -> str | None:
        """A parameter that is a version of a task."""
        text = self.text(name)
        return None if text is None else version(text)

    def whole(self, name: str, *, default: int, at_least: int = 0, at_most: int = MAX_WHOLE) -> int:
        """A whole number within limits."""
        text = self.text(name)
        if text is None:
            return default
        if not (text.isascii() and text.isdecimal()) or not at_least <= int(text) <= at_most:
            limit = f" to {at_most}" if at_most < MAX_WHOLE else ""
            raise BadAsk(f"{name} is {text!r}: give a whole number from {at_least}{limit}")
        return int(text)

    def phases(self) -> tuple[ActionPhase, ...]:
        """The phases that are asked for."""
        known = {phase.value: phase for phase in ActionPhase}
        for text in self.texts("phase"):
            if text not in known:
                raise BadAsk(f"there is no phase {text!r}: there are {', '.join(known)}")
        return tuple(known[text] for text in self.texts("phase"))

    def labels(self) -> dict[str, str]:
        """The labels that are asked for, as `KEY=VALUE`."""
        found = {}
        for text in self.texts("label"):
            key, is_pair, value = text.partition("=")
            if not key or not is_pair:
                raise BadAsk(f"label is {text!r}: give KEY=VALUE")
            found[key] = value
        return found

    def moment(self, name: str) -> datetime | None:
        """A time in ISO 8601; without a zone it is UTC."""
        text = self.text(name)
        if text is None:
            return None
        try:
            time = datetime.fromisoformat(text)
        except ValueError as error:
            raise BadAsk(f"{name} is {text!r}: give a time like 2026-01-31T12:00:00Z") from error
        time = time if time.tzinfo else time.replace(tzinfo=UTC)
        if not EARLIEST <= time <= LATEST:
            raise BadAsk(f"{name} is {text!r}: give a time from {EARLIEST:%F} to {LATEST:%F}")
        return time


def version(text: str) -> str:
    """A version of a task. Raises BadAsk."""
    if not _VERSION.fullmatch(text):
        raise BadAsk(f"{text!r} cannot be a version of a task")
    return text


def _task(text: str) -> str:
    parts = text.split(".")
    if len(parts) != 2 or not all(map(is_name, parts)):
        raise BadAsk(f"{text!r} cannot be the name of a task: it is ENVIRONMENT.FUNCTION")
    return text
