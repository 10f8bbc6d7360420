"""Notifications that are configured on the stack, and those that reached nobody."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from flyte._client.trouble import translated
from flyte.errors import RuntimeUserError
from flyte_bus.errors import Conflict
from flyte_schemas.envelope import AnyEvent, Malformed
from flyte_schemas.names import is_name
from flyte_schemas.notices import RULES_KEY, NotificationFailed, Rule, RuleBook
from flyte_schemas.streams import NOTICES, SETTINGS_BUCKET
from flyte_schemas.vocabulary import DATA_TYPES

if TYPE_CHECKING:
    from flyte.notify import Notification
    from flyte_bus.ports import KeyValue


async def create_notification(
    name: str,
    told: "Notification",
    *,
    project: str = "*",
    domain: str = "*",
    task: str = "*",
    types: Sequence[str] = (),
    any_phase: bool = False,
    only_by_name: bool = False,
) -> Rule:
    """Have somebody told from now on, as `told` says, of runs of what the patterns match.

    With `types`, of events of these types instead; with `any_phase`, of any end. Raises ValueError,
    RuntimeUserError (`NotificationAlreadyExists`).
    """
    if not is_name(name):
        raise ValueError(f"notification {name!r} is not allowed: no dots, wildcards or white space")
    known = [data.TYPE for data in DATA_TYPES if data.TYPE.startswith(_OF_ACTIONS)]
    for type in types:
        if type not in known:
            from flyte._binding import did_you_mean

            raise ValueError(f"there is no event of type {type!r}{did_you_mean(type, known)}")
    wire = told.to_wire()
    rule = Rule.model_validate(
        {
            "name": name,
            "project": project,
            "domain": domain,
            "task": task,
            "phases": () if types or any_phase else wire.phases,
            "types": tuple(types),
            "only_by_name": only_by_name,
            "kind": wire.kind,
            "settings": wire.settings,
            "created_at": datetime.now(UTC),
        }
    )

    def add(rules: dict[str, Rule]) -> dict[str, Rule]:
        if name in rules:
            raise RuntimeUserError(
                "NotificationAlreadyExists", f"notification {name!r} exists already: delete it first"
            )
        return rules | {name: rule}

    await _change(add)
    return rule


async def delete_notification(name: str) -> None:
    """Tell nobody by this rule any more. Raises RuntimeUserError (`NotificationNotFound`)."""

    def remove(rules: dict[str, Rule]) -> dict[str, Rule]:
        if name not in rules:
            raise RuntimeUserError(
                "NotificationNotFound",
                f"there is no notification {name!r}: `flyte get notification` lists those that there are",
            )
        return {other: rule for other, rule in rules.items() if other != name}

    await _change(remove)


async def list_notifications() -> list[Rule]:
    """The rules by name."""
    with translated():
        rules, _ = await _read(await _bucket())
    return [rule for _, rule in sorted(rules.items())]


async def list_failures(limit: int) -> list[tuple[str, AnyEvent]]:
    """What was told to nobody of late, the newest first: the run, and the fact."""
    from flyte import _session

    found: list[tuple[str, AnyEvent]] = []
    with translated():
        log = (await _session.client().bus()).log
        async for entry in log.read(NOTICES, "flyte.notice.>"):
            if not isinstance(entry.content, Malformed) and isinstance(
                entry.content.data, NotificationFailed
            ):
                found.append(("/".join(entry.subject.split(".")[2:]), entry.content))
                found = found[-limit:]
    return found[::-1]


def address_of(rule: Rule) -> str:
    """Whom a rule tells, as far as that is no secret: of a URL, its host."""
    url = rule.settings.get("url") or rule.settings.get("webhook_url")
    if url:
        return str(urlsplit(url).hostname)
    return ", ".join(rule.settings.get("recipients", ()))


_OF_ACTIONS = ("flyte.action.", "flyte.attempt.", "flyte.trace.", "flyte.condition.")


async def _bucket() -> "KeyValue":
    from flyte import _session

    return (await _session.client().bus()).bucket(SETTINGS_BUCKET)


async def _read(bucket: "KeyValue") -> tuple[dict[str, Rule], int]:
    """All rules by name, and the revision that wrote them (0: nobody has)."""
    entry = await bucket.get(RULES_KEY)
    if entry is None or entry.value is None:
        return {}, 0
    return dict(RuleBook.model_validate_json(entry.value).rules), entry.revision


async def _change(change: Callable[[dict[str, Rule]], dict[str, Rule]]) -> None:
    """Write what `change` makes of the rules; who was slower than another writer looks again."""
    with translated():
        bucket = await _bucket()
        while True:
            rules, revision = await _read(bucket)
            value = RuleBook(rules=change(rules)).model_dump_json().encode()
            try:
                if revision:
                    await bucket.update(RULES_KEY, value, revision=revision)
                else:
                    await bucket.create(RULES_KEY, value)
                return
            except Conflict:
                continue
