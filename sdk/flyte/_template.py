"""A task as a word on the wire: all that was declared of it, whether it acts yet or not."""

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from flyte._cache import VersionParameters
from flyte._image import Image
from flyte._pod import pod_to_wire
from flyte_schemas.image import ImageSpec
from flyte_schemas.policies import Declared, Policies
from flyte_schemas.task import Source, TaskOverrides, TaskTemplate

if TYPE_CHECKING:
    from flyte._task import Task

_OF_POLICIES = frozenset({"retry", "timeout", "cache", "interruptible"})


def template_of(task: "Task[..., Any]", source: Source) -> TaskTemplate:
    """The template of a task whose function stands at `source`; the bundle is still to be added.

    Raises TypeError for a signature, a default or a trigger's input that cannot be carried, ValueError for a
    trigger that lacks one.
    """
    options, docs = task.options, task.native_interface.docs
    image, image_spec = image_of(task.image)
    return TaskTemplate(
        name=task.name,
        short_name=task.short_name,
        environment=task.environment.name,
        environment_description=task.environment.description,
        description=docs.summary,
        docs=options.docs or docs.text,
        interface=task.interface,
        source=source,
        is_async=task.is_async,
        image=image,
        image_spec=image_spec,
        resources=options.resources.to_wire(),
        env_vars=dict(options.env_vars),
        policies=policies_of(task),
        secrets=tuple(secret.to_wire() for secret in options.secrets),
        pod_template=pod_to_wire(options.pod_template),
        reuse=options.reusable.to_wire() if options.reusable else None,
        queue=options.queue,
        report=options.report,
        entrypoint=options.entrypoint,
        produces_artifacts=options.produces_artifacts,
        max_inline_io_bytes=options.max_inline_io_bytes,
        triggers=tuple(trigger.to_wire(task.native_interface) for trigger in options.triggers),
        links=tuple(declared_of(link) for link in options.links),
        plugin_config=None if options.plugin_config is None else declared_of(options.plugin_config),
        task_resolver=None if options.task_resolver is None else declared_of(options.task_resolver),
    )


def overrides_of(task: "Task[..., Any]") -> TaskOverrides | None:
    """What `override` changed of a task; None when it is as it was declared."""
    options, changed = task.options, task.changed
    if not changed:
        return None
    words: dict[str, Any] = {
        "short_name": options.short_name,
        "resources": options.resources.to_wire(),
        "env_vars": dict(options.env_vars),
        "secrets": tuple(secret.to_wire() for secret in options.secrets),
        "pod_template": pod_to_wire(options.pod_template),
        "queue": options.queue,
        "entrypoint": options.entrypoint,
        "produces_artifacts": options.produces_artifacts,
        "max_inline_io_bytes": options.max_inline_io_bytes,
        "links": tuple(declared_of(link) for link in options.links),
        "plugin_config": declared_of(options.plugin_config),
    }
    said = {name: word for name, word in words.items() if name in changed}
    if changed & _OF_POLICIES:
        said["policies"] = policies_of(task)
    if "reusable" in changed:
        said["reuse"] = options.reusable.to_wire() if options.reusable else None
        said["reuse_off"] = options.reusable is None
    return TaskOverrides(**said)


def policies_of(task: "Task[..., Any]") -> Policies:
    """Retries, times and cache of a task."""
    options, timeout = task.options, task.options.timeout
    return Policies(
        retries=options.retries,
        backoff=options.retry.backoff.to_wire() if options.retry.backoff else None,
        max_runtime_s=options.timeout_s,
        max_queued_s=timeout.seconds("max_queued_time"),
        deadline_s=timeout.seconds("deadline"),
        interruptible=options.interruptible,
        cache=options.cache.to_wire(VersionParameters(func=task.func, container_image=task.image)),
    )


def image_of(image: Image | str) -> tuple[str, ImageSpec | None]:
    """The name that an image goes by, and what it is made of when that was said."""
    if isinstance(image, str):
        return image, None
    spec = image.spec()
    return image.address(spec), spec


def declared_of(value: Any) -> Declared:
    """An object of a plugin: the name of its class, and of its fields what can be said in JSON."""
    if isinstance(value, type):
        return Declared(type=value.__qualname__)
    if dataclasses.is_dataclass(value):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    elif isinstance(value, BaseModel):
        fields = value.model_dump()
    else:
        fields = dict(value) if isinstance(value, Mapping) else dict(getattr(value, "__dict__", {}))
    return Declared(
        type=type(value).__qualname__, fields={name: item for name, item in fields.items() if is_json(item)}
    )


def is_json(value: object) -> bool:
    """Whether JSON can say it."""
    if isinstance(value, list | tuple):
        return all(map(is_json, value))
    if isinstance(value, Mapping):
        return all(isinstance(key, str) and is_json(item) for key, item in value.items())
    return value is None or isinstance(value, str | int | float | bool)
