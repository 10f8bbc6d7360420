"""The mail that is made of a notification: whatever its settings are, it is made at once or not at all."""

from typing import Any

import pytest

from flyte_notifier.core.messages import NotAddressed, mail

TOLD = {"event": {"id": "r1/1"}}


@pytest.mark.parametrize(
    "people",
    [
        {"recipients": "a" * 70_000},
        {"recipients": ["(" * 500 + "@x"]},
        {"recipients": ["a@x"], "cc": ["ü" * 5_000 + "@x"]},
        {"recipients": ["a@x"], "cc": ["ü@x"]},
        {"recipients": ["a@ü.example"]},
        {"recipients": ["a@x\x7f"]},
        {"recipients": ["a@x"], "bcc": ["a@x"] * 100},
    ],
)
def test_a_mail_to_what_is_no_address_is_not_even_made(people: dict[str, Any]) -> None:
    with pytest.raises(NotAddressed, match="no mail address, or to more than 100"):
        mail(people, TOLD, "flyte@x")


def test_a_mail_to_as_many_as_it_may_has_a_short_subject() -> None:
    settings = {
        "recipients": [f"{number}{'a.' * 120}a@x" for number in range(100)],
        "subject": "oh no " * 9_000,
        "body": "see there",
    }
    message, everybody = mail(settings, TOLD, "flyte@x")
    assert everybody == settings["recipients"]
    assert message["To"] == ", ".join(everybody)
    assert len(message["Subject"]) == 200 and message["Subject"].endswith(" o…")
