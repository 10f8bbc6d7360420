"""Who is told how a run ended: declared with a trigger or a run, and sent by the notifier.

Each takes `on_phase`: one end of a run or several (SUCCEEDED, FAILED, ABORTED, TIMED_OUT, RECOVERED).
Raises TypeError and ValueError where it is declared.
"""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import urlsplit

from flyte_schemas.notify import MAIL_RECIPIENTS, RUN_NOTIFICATIONS, is_mail_address
from flyte_schemas.notify import Notification as WireNotification
from flyte_schemas.phase import ActionPhase

__all__ = ["Email", "NamedDelivery", "NamedRule", "Notification", "Slack", "Teams", "Webhook"]

OnPhase = ActionPhase | str | Iterable[ActionPhase | str]

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


@dataclass(frozen=True, kw_only=True)
class Notification:
    """What all but `NamedRule` have in common: the ends that somebody is told of."""

    on_phase: OnPhase
    _kind: ClassVar[Any]

    def __post_init__(self) -> None:
        object.__setattr__(self, "on_phase", _phases(type(self).__name__, self.on_phase))

    def to_wire(self) -> WireNotification:
        """The same as a word on the wire: what was said, without what was left out."""
        said = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        phases = said.pop("on_phase")
        settings = {name: value for name, value in said.items() if value is not None and value != ()}
        return WireNotification(kind=self._kind, phases=phases, settings=settings)


@dataclass(frozen=True, kw_only=True)
class Email(Notification):
    """A mail to `recipients`."""

    _kind = "email"
    recipients: str | Sequence[str]
    cc: str | Sequence[str] = ()
    bcc: str | Sequence[str] = ()
    subject: str | None = None
    body: str | None = None
    html_body: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        for field in ("recipients", "cc", "bcc"):
            object.__setattr__(self, field, _addresses(field, getattr(self, field)))
        if not self.recipients:
            raise ValueError("an Email needs recipients: give at least one address")
        number = len(self.recipients) + len(self.cc) + len(self.bcc)
        if number > MAIL_RECIPIENTS:
            raise ValueError(
                f"an Email goes to at most {MAIL_RECIPIENTS} addresses, not {number}: use a list"
            )
        _check_texts(self, "subject", "body", "html_body")


@dataclass(frozen=True, kw_only=True)
class Slack(Notification):
    """A message to the Slack channel of `webhook_url`: text, or `blocks` of Slack's own."""

    _kind = "slack"
    webhook_url: str
    message: str | None = None
    blocks: Sequence[Mapping[str, Any]] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_url(self, "webhook_url")
        _check_texts(self, "message")
        _check_json(self, "blocks", list | tuple)


@dataclass(frozen=True, kw_only=True)
class Teams(Notification):
    """A message to the Microsoft Teams channel of `webhook_url`: text, or an adaptive `card`."""

    _kind = "teams"
    webhook_url: str
    title: str | None = None
    message: str | None = None
    card: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_url(self, "webhook_url")
        _check_texts(self, "title", "message")
        _check_json(self, "card", Mapping)


@dataclass(frozen=True, kw_only=True)
class Webhook(Notification):
    """An HTTP request to `url`; without a `body` it tells the run in a few words."""

    _kind = "webhook"
    url: str
    method: str = "POST"
    headers: Mapping[str, str] | None = None
    body: Any = None

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_url(self, "url")
        if not isinstance(self.method, str) or self.method.upper() not in _METHODS:
            raise ValueError(f"a Webhook's method is one of {', '.join(_METHODS)}, not {self.method!r}")
        object.__setattr__(self, "method", self.method.upper())
        headers = {} if self.headers is None else self.headers
        pairs = headers.items() if isinstance(headers, Mapping) else [(headers, None)]
        if not all(isinstance(item, str) for pair in pairs for item in pair):
            raise TypeError(f"a Webhook's headers are a dict of strings, not {self.headers!r}")
        _check_json(self, "body", object)


@dataclass(frozen=True, kw_only=True)
class NamedDelivery(Notification):
    """Tells whom the platform knows by `name`."""

    _kind = "named-delivery"
    name: str

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_name(self)


@dataclass(frozen=True)
class NamedRule:
    """A rule that the platform knows by `name`: it says itself when, and whom."""

    name: str

    def __post_init__(self) -> None:
        _check_name(self)

    def to_wire(self) -> WireNotification:
        return WireNotification(kind="named-rule", settings={"name": self.name})


def notifications_of(given: object) -> tuple[WireNotification, ...]:
    """What `notifications=` takes, as words on the wire: one or several. Raises TypeError, ValueError."""
    if given is None:
        return ()
    several = given if isinstance(given, list | tuple | set | frozenset) else (given,)
    for one in several:
        if not isinstance(one, Notification | NamedRule):
            raise TypeError(f"notifications are flyte.notify.Email, Slack and the like, not {one!r}")
    if len(several) > RUN_NOTIFICATIONS:
        raise ValueError(f"a run tells at most {RUN_NOTIFICATIONS}: these are {len(several)} notifications")
    return tuple(one.to_wire() for one in several)


def _phases(kind: str, given: object) -> tuple[ActionPhase, ...]:
    several = list(given) if isinstance(given, list | tuple | set | frozenset) else [given]
    found = []
    for one in several:
        if not isinstance(one, str):
            raise TypeError(f"on_phase of {kind} is an ActionPhase or several, not {one!r}")
        phase = next((phase for phase in ActionPhase if one.lower() == phase.value), None)
        if phase is None or not phase.is_terminal:
            ends = ", ".join(phase.name for phase in ActionPhase if phase.is_terminal)
            raise ValueError(f"on_phase of {kind} is an end of a run ({ends}), not {one!r}")
        found.append(phase)
    if not found:
        raise ValueError(f"on_phase of {kind} is empty: name at least one phase")
    return tuple(dict.fromkeys(found))


def _addresses(field: str, given: object) -> tuple[str, ...]:
    several = (given,) if isinstance(given, str) else given
    if not isinstance(several, list | tuple) or not all(isinstance(one, str) for one in several):
        raise TypeError(f"{field} of an Email are addresses, not {given!r}")
    for one in several:
        if not is_mail_address(one):
            raise ValueError(f"{one[:300]!r} is no mail address: give it as name@example.com")
    return tuple(several)


def _check_texts(notification: object, *fields: str) -> None:
    for field in fields:
        value = getattr(notification, field)
        if value is not None and not isinstance(value, str):
            raise TypeError(f"{field} of {type(notification).__name__} is a string, not {value!r}")


def _check_url(notification: object, field: str) -> None:
    url = getattr(notification, field)
    if not isinstance(url, str):
        raise TypeError(f"{field} of {type(notification).__name__} is a string, not {url!r}")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise ValueError(f"{field} of {type(notification).__name__} is an http(s) URL, not {url!r}")


def _check_json(notification: object, field: str, kind: Any) -> None:
    from flyte._template import is_json

    value = getattr(notification, field)
    if value is not None and not (isinstance(value, kind) and is_json(value)):
        raise TypeError(f"{field} of {type(notification).__name__} is JSON data, not {value!r}")


def _check_name(notification: "NamedDelivery | NamedRule") -> None:
    if not isinstance(notification.name, str) or not notification.name.strip():
        raise ValueError(f"{type(notification).__name__} needs the name that the platform knows it by")
