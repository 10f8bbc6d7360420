"""A trigger for people: when it fires, and what it is."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from flyte._cli.show import time_text
from flyte_schemas.trigger import ArtifactArrival, Automation, CronSchedule, RateSchedule

if TYPE_CHECKING:
    from flyte._client.triggers import Trigger


def automation_text(automation: Automation) -> str:
    """When something with this automation fires."""
    match automation:
        case CronSchedule(expression=expression) if expression.startswith("@every"):
            return expression
        case CronSchedule(expression=expression, timezone=timezone):
            return f"{expression} ({timezone})"
        case RateSchedule(interval_minutes=minutes):
            return f"every {minutes} min"
        case ArtifactArrival(name=name):
            return f"artifact {name}"


def next_text(trigger: "Trigger") -> str:
    """When it fires next, as a clause."""
    following = trigger.next_time
    if not trigger.is_active:
        return "it is not active"
    return f"it fires next at {time_text(following)}" if following else "it fires no more"


def trigger_text(trigger: "Trigger") -> str:
    """All of it, a fact a line, without what is as usual."""
    facts: dict[str, Any] = trigger.to_dict()
    shown = {
        "name": facts.pop("name"),
        "task": facts.pop("task"),
        "version": facts.pop("version") + (" (pinned)" if facts.pop("is_pinned") else ""),
        "brought by": "a deployment" if facts.pop("is_deployed") else "flyte create trigger",
        "automation": automation_text(trigger.automation_spec),
        "active": "yes" if facts.pop("is_active") else "no",
        "next": time_text(trigger.next_time),
    }
    del facts["next_time"], facts["automation"]
    for key in ("since", "updated_at"):
        facts[key] = time_text(datetime.fromisoformat(facts[key]))
    for key in ("time_inputs", "artifact_inputs"):
        facts[key] = ", ".join(facts[key])
    rest = {key.replace("_", " "): value for key, value in facts.items() if value}
    return "\n".join(f"{key:<14} {value}" for key, value in (shown | rest).items())
