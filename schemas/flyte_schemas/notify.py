"""Notifications: who is told that a run has ended, and how."""

from typing import Any, Literal

from flyte_schemas.phase import ActionPhase
from flyte_schemas.words import Word


class Notification(Word):
    """One way to tell somebody that a run ended in one of `phases` (a `named-rule` says itself in which).

    `settings` are what its kind needs, as `flyte.notify` has checked them: addresses, a URL, texts.
    """

    kind: Literal["email", "slack", "teams", "webhook", "named-delivery", "named-rule"]
    phases: tuple[ActionPhase, ...] = ()
    settings: dict[str, Any] = {}
