"""What is said: the document that programs get, and the few words that people do."""

import re
from collections.abc import Mapping
from email.message import EmailMessage
from html import escape
from typing import Any

import orjson

from flyte_schemas.action import ActionState
from flyte_schemas.addresses import page_address
from flyte_schemas.envelope import AnyEvent, encode
from flyte_schemas.notify import MAIL_RECIPIENTS, is_mail_address
from flyte_schemas.subjects import ActionKey

_SUBJECT_CHARACTERS = 200
"""How much of a subject a mail gets: it may come from a task's failure, and mail headers are slow to make."""
TEXT_CHARACTERS = 300
"""How much of a target or an error is recorded: both may come from a run, and an event has a limit."""
_MARKDOWN = re.compile(r"[\\\[\]()*_`]")
"""What a Teams text would take for a link or for formatting."""


class NotAddressed(ValueError):
    """A mail to nobody that it can be sent to, and why."""


def document(
    key: ActionKey, state: ActionState, event: AnyEvent, sequence: int, console_url: str = ""
) -> dict[str, Any]:
    """The event as it stands in the log, with its place, and the action that it is about."""
    requested, failure = state.requested, state.failure
    return {
        "sequence": sequence,
        "event": orjson.loads(encode(event)),
        "run": {
            "project": key.run.project,
            "domain": key.run.domain,
            "name": key.run.run,
            "action": key.action,
            "task": requested.task.name if requested else None,
            "version": requested.task.version if requested else None,
            "phase": state.phase.value if state.phase else None,
            "attempts": state.attempt,
            "requested_at": _time(state.requested_at),
            "started_at": _time(state.started_at),
            "ended_at": _time(state.ended_at),
            "requested_by": requested.requested_by if requested else "",
            "labels": requested.settings.labels if requested and requested.settings else {},
            "failure": {"code": failure.code, "message": failure.message} if failure else None,
            "url": page_address(key, console_url),
        },
    }


def sentence(told: Mapping[str, Any]) -> str:
    """The same for people, in a line."""
    run = told["run"]
    what = f"run {run['name']}" if run["action"] == "a0" else f"action {run['action']} of run {run['name']}"
    failure = run["failure"]
    why = f": {failure['code']}: {failure['message'].partition(chr(10))[0]}" if failure else ""
    phase = str(run["phase"] or "").upper()
    return f"{what} of task {run['task']} ({run['project']}/{run['domain']}): {phase}{why}"


def slack_body(settings: Mapping[str, Any], told: Mapping[str, Any]) -> dict[str, Any]:
    """What Slack's incoming webhooks take; a failure's text mentions nobody there, and hides no address."""
    body: dict[str, Any] = {"text": settings.get("message") or escape(sentence(told), quote=False)}
    if settings.get("blocks"):
        body["blocks"] = settings["blocks"]
    return body


def teams_body(settings: Mapping[str, Any], told: Mapping[str, Any]) -> dict[str, Any]:
    """What a Teams workflow takes: a message with an adaptive card."""
    texts = [
        {"type": "TextBlock", "text": text, "wrap": True, **more}
        for text, more in (
            (settings.get("title"), {"weight": "bolder", "size": "medium"}),
            (settings.get("message") or _MARKDOWN.sub(r"\\\g<0>", sentence(told)), {}),
        )
        if text
    ]
    card = settings.get("card") or {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": texts,
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "content": card}
    return {"type": "message", "attachments": [attachment]}


def mail(settings: Mapping[str, Any], told: Mapping[str, Any], sender: str) -> tuple[EmailMessage, list[str]]:
    """The mail, and all whom it goes to. Raises NotAddressed; whatever, for settings of other types."""
    people = {field: list(settings.get(field, ())) for field in ("recipients", "cc", "bcc")}
    everybody = [*people["recipients"], *people["cc"], *people["bcc"]]
    if len(everybody) > MAIL_RECIPIENTS or not all(map(is_mail_address, everybody)):
        raise NotAddressed(f"it goes to what is no mail address, or to more than {MAIL_RECIPIENTS} of them")
    message = EmailMessage()
    message["From"] = sender
    message["To"] = ", ".join(people["recipients"])
    if people["cc"]:
        message["Cc"] = ", ".join(people["cc"])
    subject = " ".join((settings.get("subject") or sentence(told)).split())
    message["Subject"] = cut(subject, _SUBJECT_CHARACTERS)
    message["Message-ID"] = f"<{told['event']['id'].replace('/', '.')}@flytejet>"
    message.set_content(settings.get("body") or f"{sentence(told)}\n\n{told['run']['url']}\n")
    if settings.get("html_body"):
        message.add_alternative(settings["html_body"], subtype="html")
    return message, everybody


def cut(text: str, characters: int = TEXT_CHARACTERS) -> str:
    """The text, or so much of its beginning and an ellipsis."""
    return text if len(text) <= characters else text[: characters - 1] + "…"


def _time(time: Any) -> str | None:
    return time.isoformat() if time else None
