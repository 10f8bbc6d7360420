"""A deployed task for people: all that its template says, a fact a line, without what is as usual."""

from typing import Any

from pydantic import BaseModel

from flyte._cli.show import time_text
from flyte._cli.trigger_facts import automation_text
from flyte._plan import signature
from flyte_schemas.endpoints import TaskRecord
from flyte_schemas.image import ImageSpec
from flyte_schemas.policies import Backoff, Policies, Reuse
from flyte_schemas.task import Resources, TaskTemplate
from flyte_schemas.trigger import Trigger

_LABEL_WIDTH = 16


def task_text(record: TaskRecord) -> str:
    """The record in lines of label and fact."""
    template = record.template
    facts: list[tuple[str, str]] = [
        ("name", record.name),
        ("version", record.version),
        ("deployed", time_text(record.deployed_at)),
        ("short name", template.short_name if template.short_name != template.source.function else ""),
        ("signature", signature(template)),
        ("description", template.description),
        ("docs", "" if template.docs == template.description else _indented(template.docs)),
        *((f"input {one.name}", one.description) for one in template.interface.inputs),
        ("environment", _joined(template.environment, template.environment_description)),
        ("source", f"{template.source.file}:{template.source.line}"),
        ("image", template.image),
        *_layers(template.image_spec),
        ("resources", _resources(template.resources)),
        ("env vars", _pairs(template.env_vars)),
        *_policies(template.policies),
        *_places(template),
        *(fact for trigger in template.triggers for fact in _trigger_facts(trigger)),
        *(("link", _fields(link)) for link in template.links),
        ("bundle", template.bundle.uri if template.bundle else ""),
    ]
    return "\n".join(f"{label:<{_LABEL_WIDTH}} {fact}" for label, fact in facts if fact)


def _indented(text: str) -> str:
    """Several lines as one fact."""
    return f"\n{' ' * (_LABEL_WIDTH + 1)}".join(text.splitlines())


def _layers(spec: ImageSpec | None) -> list[tuple[str, str]]:
    if spec is None:
        return []
    base = spec.base or (f"Dockerfile {spec.dockerfile.path}" if spec.dockerfile else spec.reference or "")
    facts = [("image base", base)]
    for layer in spec.layers:
        files = [file.path for file in layer.files]
        facts.append(
            ("image layer", " ".join([layer.kind, *layer.arguments, *files, _pairs(layer.options)]).rstrip())
        )
    return facts


def _resources(resources: Resources) -> str:
    said = resources.model_dump(exclude_none=True, exclude={"accelerator"})
    return _pairs(said)


def _policies(policies: Policies) -> list[tuple[str, str]]:
    cache = policies.cache
    return [
        ("retries", f"{policies.retries}{_pauses(policies.backoff)}"),
        ("timeout", _seconds(policies.max_runtime_s)),
        ("queue timeout", _seconds(policies.max_queued_s)),
        ("deadline", _seconds(policies.deadline_s)),
        ("interruptible", "yes" if policies.interruptible else ""),
        ("cache", _fields(cache) if cache.behavior != "disable" else ""),
    ]


def _pauses(backoff: Backoff | None) -> str:
    if backoff is None:
        return ""
    growing = f", then {backoff.factor:g} times as long" if backoff.factor > 1 else ""
    cap = "" if backoff.cap_s is None else f", at most {backoff.cap_s:g} s"
    return f", after {backoff.base_s:g} s{growing}{cap}"


def _places(template: TaskTemplate) -> list[tuple[str, str]]:
    """Where and in what company an attempt runs."""
    pod, usual = template.pod_template, TaskTemplate.model_fields["max_inline_io_bytes"].default
    limit = template.max_inline_io_bytes
    return [
        *(("secret", _fields(secret)) for secret in template.secrets),
        ("pod template", (pod.name or _fields(pod)) if pod else ""),
        ("reuse", _reuse(template.reuse) if template.reuse else ""),
        ("queue", template.queue or ""),
        ("inline limit", f"{limit} bytes" if limit != usual else ""),
        ("report", "yes" if template.report else ""),
        ("entrypoint", "yes" if template.entrypoint else ""),
        ("artifacts", "produced" if template.produces_artifacts else ""),
        ("plugin", _fields(template.plugin_config) if template.plugin_config else ""),
        ("resolver", _fields(template.task_resolver) if template.task_resolver else ""),
    ]


def _reuse(reuse: Reuse) -> str:
    return (
        f"{reuse.min_replicas} to {reuse.max_replicas} replicas of {reuse.concurrency}, scope {reuse.scope}, "
        f"idle {reuse.idle_ttl_s:g} s, scaled down after {reuse.scaledown_ttl_s:g} s"
    )


def _trigger_facts(trigger: Trigger) -> list[tuple[str, str]]:
    """When it fires with what, and who is told how its runs end."""
    told = [
        (f"  {told.kind}", _joined(", ".join(told.phases), _pairs(told.settings)).lstrip())
        for told in trigger.notifications
    ]
    return [(f"trigger {trigger.name}", _trigger(trigger)), *told]


def _trigger(trigger: Trigger) -> str:
    further = trigger.model_dump(
        mode="json", exclude_defaults=True, exclude={"name", "automation", "notifications"}
    )
    return _joined(automation_text(trigger.automation), _pairs(further))


def _seconds(seconds: float | None) -> str:
    return f"{seconds:g} s" if seconds else ""


def _fields(word: BaseModel) -> str:
    return _pairs(word.model_dump(mode="json", exclude_defaults=True))


def _pairs(pairs: dict[str, Any]) -> str:
    return ", ".join(f"{key}={value}" for key, value in pairs.items())


def _joined(first: str, second: str) -> str:
    return f"{first}  {second}" if second else first
