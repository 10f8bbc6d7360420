"""The notifier's limits, and what only its operator may say."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from flyte_schemas.addresses import console_address

SERVICE = "notifier"
"""The service's name: of its consumers, its endpoint, its events' source."""

CLAIM_MORE_S = 5.0
"""How much longer than a try may take a notifier has a delivery for itself."""

Now = Callable[[], datetime]


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifierSettings:
    """What the notifier tells with, and how patiently. Times in seconds.

    `hosts`: patterns of the hosts that may be called; none: any. `secret` signs what is sent.
    `smtp_url`: `smtp://USER:PASSWORD@HOST:PORT`, or `smtps://`; `smtp_from`: whom mails come from.
    `console_url`: where the web page is, without a slash at its end.
    """

    rules_file: Path | None = None
    hosts: tuple[str, ...] = ()
    secret: str = ""
    smtp_url: str = ""
    smtp_from: str = ""
    console_url: str = ""
    timeout_s: float = 10.0
    """The longest that one try may take."""
    tries: int = 10
    first_pause_s: float = 1.0
    """Before the second try; doubles with each further one."""
    longest_pause_s: float = 300.0
    at_a_time: int = 64
    at_a_time_each: int = 4
    """How many tries are under way, and to one target."""
    waiting_each: int = 1_000
    """How many may wait for one target: with more, a new one is given up at once."""
    oldest: timedelta = timedelta(days=1)
    """Nobody is told of an event that was older when the notifier saw it."""
    ack_wait_s: float = 10.0

    @property
    def claim_s(self) -> float:
        return self.timeout_s + CLAIM_MORE_S

    def pause_s(self, tries: int) -> float:
        """How long to wait after so many tries."""
        return min(self.first_pause_s * 2.0 ** min(tries - 1, 30), self.longest_pause_s)


def from_environment() -> NotifierSettings:
    """From `FLYTE_NOTIFIER_{RULES,HOSTS,SECRET,SECRET_FILE,SMTP_URL,SMTP_FROM,TIMEOUT_S,TRIES,PAUSE_S}`,
    and from `FLYTE_CONSOLE_ENDPOINT`.

    Raises ValueError.
    """
    said = os.environ
    rules, secret_file = said.get("FLYTE_NOTIFIER_RULES", ""), said.get("FLYTE_NOTIFIER_SECRET_FILE", "")
    secret = said.get("FLYTE_NOTIFIER_SECRET", "")
    if secret_file:
        try:
            secret = Path(secret_file).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ValueError(f"FLYTE_NOTIFIER_SECRET_FILE={secret_file!r}: {error.strerror}") from error
    smtp_url, smtp_from = said.get("FLYTE_NOTIFIER_SMTP_URL", ""), said.get("FLYTE_NOTIFIER_SMTP_FROM", "")
    if smtp_url and not smtp_from:
        raise ValueError("FLYTE_NOTIFIER_SMTP_URL needs FLYTE_NOTIFIER_SMTP_FROM, whom mails come from")
    timeout_s, tries = (
        _number("FLYTE_NOTIFIER_TIMEOUT_S", 10.0),
        _number("FLYTE_NOTIFIER_TRIES", 10.0),
    )
    return NotifierSettings(
        rules_file=Path(rules) if rules else None,
        hosts=tuple(filter(None, said.get("FLYTE_NOTIFIER_HOSTS", "").split(","))),
        secret=secret,
        smtp_url=smtp_url,
        smtp_from=smtp_from,
        console_url=console_address(said.get("FLYTE_CONSOLE_ENDPOINT", "")),
        timeout_s=timeout_s,
        tries=int(tries),
        first_pause_s=_number("FLYTE_NOTIFIER_PAUSE_S", 1.0),
    )


def _number(variable: str, usual: float) -> float:
    text = os.environ.get(variable) or str(usual)
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not number > 0:
        raise ValueError(f"{variable}={text!r} is no number above 0")
    return number
