"""The rules as they are now: those of the operator's file, and those that commands have created."""

import asyncio
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, ValidationError

from flyte_bus.ports import Bus, KeyEntry
from flyte_schemas.envelope import one_sentence
from flyte_schemas.notices import RULES_KEY, Kind, Rule, RuleBook
from flyte_schemas.phase import ActionPhase
from flyte_schemas.streams import SETTINGS_BUCKET
from flyte_schemas.words import Name, Word


class _Written(Word):
    """One rule of the file: whom it tells is one of the last five."""

    name: Name
    project: str = "*"
    domain: str = "*"
    task: str = "*"
    phases: tuple[ActionPhase, ...] = ()
    types: tuple[str, ...] = ()
    only_by_name: bool = False
    headers: dict[str, str] = Field(default_factory=dict)
    webhook: str | None = None
    slack: str | None = None
    teams: str | None = None
    email: tuple[str, ...] | None = None
    command: tuple[str, ...] | None = None

    def rule(self) -> Rule:
        """Raises ValueError unless exactly one is told."""
        settings: dict[Kind, dict[str, Any] | None] = {
            "webhook": {"url": self.webhook, "headers": self.headers} if self.webhook else None,
            "slack": {"webhook_url": self.slack} if self.slack else None,
            "teams": {"webhook_url": self.teams} if self.teams else None,
            "email": {"recipients": list(self.email)} if self.email else None,
            "command": {"words": list(self.command)} if self.command else None,
        }
        said = [(kind, one) for kind, one in settings.items() if one is not None]
        if len(said) != 1:
            raise ValueError(f"{self.name} needs one of {', '.join(settings)}")
        if self.headers and not self.webhook:
            raise ValueError(f"{self.name} has headers, which only a webhook takes")
        ((kind, found),) = said
        fields = self.model_dump(include=Rule.model_fields.keys() & type(self).model_fields.keys())
        return Rule(**fields, kind=kind, settings=found)


class _File(Word):
    notifications: tuple[_Written, ...]


def read_rules(path: Path) -> dict[str, Rule]:
    """The rules of a YAML (or JSON) file. Raises ValueError with one sentence of what is wrong."""
    try:
        written = _File.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
        rules = [one.rule() for one in written.notifications]
    except OSError as error:
        raise ValueError(f"notifications of {path}: {error.strerror}") from error
    except ValidationError as error:
        raise ValueError(f"notifications of {path}: {one_sentence(error)}") from error
    except (ValueError, yaml.YAMLError) as error:
        raise ValueError(f"notifications of {path}: {error}") from error
    names = [rule.name for rule in rules]
    if len(set(names)) < len(names):
        raise ValueError(f"notifications of {path}: two have one name")
    return {rule.name: rule for rule in rules}


class Rulebook:
    """All rules by name; where both say one, the file's counts."""

    def __init__(self, bus: Bus, file: Path | None) -> None:
        self._bus = bus
        self._written = {} if file is None else read_rules(file)
        self._change = asyncio.Event()
        self._revision = 0
        self.rules: dict[str, Rule] = dict(self._written)

    async def load(self) -> None:
        """Read what commands have created until now: the news of it may come after that of a run's end."""
        entry = await self._bus.bucket(SETTINGS_BUCKET).get(RULES_KEY)
        if entry is not None and entry.revision != self._revision:
            self._take(entry)

    async def find(self, name: str) -> Rule | None:
        """The rule of this name; one that is not known here is looked for."""
        if name not in self.rules:
            await self.load()
        return self.rules.get(name)

    async def follow(self) -> None:
        """Keep up with what commands create and delete, for ever."""
        async for entry in self._bus.bucket(SETTINGS_BUCKET).watch(RULES_KEY):
            self._take(entry)

    async def changed(self) -> None:
        """Return when the rules are others than now."""
        await self._change.wait()

    def _take(self, entry: KeyEntry) -> None:
        book = RuleBook() if entry.value is None else RuleBook.model_validate_json(entry.value)
        created = {name: rule for name, rule in book.rules.items() if rule.kind != "command"}
        self.rules, self._revision = created | self._written, entry.revision
        self._change.set()
        self._change = asyncio.Event()
