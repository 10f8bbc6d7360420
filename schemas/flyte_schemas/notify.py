"""Notifications: who is told that a run has ended, and how."""

import re
from typing import Any, Literal

from flyte_schemas.phase import ActionPhase
from flyte_schemas.words import Word

RUN_NOTIFICATIONS = 50
"""How many a run may ask for: further ones are not sent."""
MAIL_RECIPIENTS = 100
"""To how many one mail goes at most, copies included: RFC 5321, 4.5.3.1.8, promises no more."""
_MAIL_ADDRESS_CHARACTERS = 254
_MAIL_PART = r"""[^@\s()<>\[\]:;,\\"\x00-\x1f\x7f]+"""
_MAIL_ADDRESS = re.compile(f"{_MAIL_PART}@{_MAIL_PART}")


def is_mail_address(given: object) -> bool:
    """Whether this is one mail address: `local@domain`, without quotes, comments or a name before it.

    In ASCII only: a header of other characters takes 70 ms an address to make. Source: RFC 5321, 4.1.2 and
    4.5.3.1.3.
    """
    if not isinstance(given, str) or len(given) > _MAIL_ADDRESS_CHARACTERS or not given.isascii():
        return False
    return _MAIL_ADDRESS.fullmatch(given) is not None


class Notification(Word):
    """One way to tell somebody that a run ended in one of `phases` (a `named-rule` says itself in which).

    `settings` are what its kind needs, as `flyte.notify` has checked them: addresses, a URL, texts.
    """

    kind: Literal["email", "slack", "teams", "webhook", "named-delivery", "named-rule"]
    phases: tuple[ActionPhase, ...] = ()
    settings: dict[str, Any] = {}
