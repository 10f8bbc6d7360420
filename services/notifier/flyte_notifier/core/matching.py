"""Whom an event is told: the rules that want it, and what its run has asked for."""

import hashlib
from collections.abc import Iterable
from datetime import datetime

from flyte_notifier.core.messages import cut
from flyte_schemas.action import ActionState
from flyte_schemas.envelope import AnyEvent
from flyte_schemas.notices import Delivery, Rule
from flyte_schemas.notify import RUN_NOTIFICATIONS, Notification
from flyte_schemas.phase import ActionPhase
from flyte_schemas.subjects import ActionKey

_NAME_CHARACTERS = 200
"""A longer name is cut, and is then still longer than a rule's may be."""


def told_of_end(key: ActionKey, state: ActionState, rules: Iterable[Rule], at: datetime) -> list[str]:
    """The targets that are told that a run has ended as it did: its own, and those of rules."""
    requested, phase = state.requested, state.phase
    if requested is None or phase is None:
        return []
    settings = requested.settings
    own = [] if settings is None else list(settings.notifications[:RUN_NOTIFICATIONS])
    named = {_named(one) for one in own if one.kind == "named-rule"}
    targets = [
        f"run:{number}" for number, one in enumerate(own) if one.kind != "named-rule" and phase in one.phases
    ]
    known = {rule.name: rule for rule in rules if is_for(rule, key, state)}
    targets += [f"rule:{name}" for name in sorted(named) if name not in known or _ends(known[name], phase)]
    for rule in known.values():
        if (
            not rule.types
            and not rule.only_by_name
            and rule.name not in named
            and _ends(rule, phase)
            and _is_old_enough(rule, at)
        ):
            targets.append(f"rule:{rule.name}")
    return targets


def told_of_event(key: ActionKey, event: AnyEvent, task: str, rules: Iterable[Rule]) -> list[str]:
    """The rules that want this type of event, of whatever action."""
    return [
        f"rule:{rule.name}"
        for rule in rules
        if event.type in rule.types
        and _is_old_enough(rule, event.time)
        and rule.concerns(key.run.project, key.run.domain, task)
    ]


def is_for(rule: Rule, key: ActionKey, state: ActionState) -> bool:
    """Whether a rule is there for this action at all: of another's, nobody hears that it is there."""
    task = state.requested.task.name if state.requested else ""
    return rule.concerns(key.run.project, key.run.domain, task)


def named_by(notification: Notification) -> str:
    """The rule that a run's own notification is sent by; empty when it is sent as it stands."""
    return _named(notification) if notification.kind == "named-delivery" else ""


def delivery_key(delivery: Delivery) -> str:
    """Its key in the outbox: the same event to the same target is one delivery, however often it is seen."""
    return hashlib.sha256(f"{delivery.event_id} {delivery.target}".encode()).hexdigest()[:32]


def _named(notification: Notification) -> str:
    name = notification.settings.get("name")
    return cut(name, _NAME_CHARACTERS) if isinstance(name, str) else ""


def _ends(rule: Rule, phase: ActionPhase) -> bool:
    return not rule.phases or phase in rule.phases


def _is_old_enough(rule: Rule, at: datetime) -> bool:
    return rule.created_at is None or rule.created_at <= at
