"""What makes a template unfit to be run, beyond what its types already refuse.

The template comes from a user's machine and later steers an agent: no path in it may leave the bundle,
and its name must be the one that its subject is about.
"""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import PurePosixPath

from flyte_schemas import trigger_state
from flyte_schemas.failure import Failure, FailureKind
from flyte_schemas.names import ENVIRONMENT_PATTERN
from flyte_schemas.task import Interface, Source, TaskTemplate


def complaint(template: TaskTemplate, *, environment: str) -> Failure | None:
    """Why this template cannot be deployed to `environment`; None when it can."""
    reasons = [
        *_naming(template, environment),
        *_interface(template.interface),
        *_source(template.source),
        *_triggers(template),
    ]
    if not reasons:
        return None
    return Failure(
        code="InvalidTemplate",
        kind=FailureKind.USER,
        message=f"the template of {template.name} cannot be deployed: {'; '.join(reasons)}",
        hint="deploy with the flyte SDK of this server's version, which makes templates that fit",
        recoverable=False,
    )


def _naming(template: TaskTemplate, environment: str) -> Iterator[str]:
    if template.environment != environment:
        yield f"its environment is {template.environment!r} and the request is for {environment!r}"
    if template.name.partition(".")[0] != template.environment:
        yield f"its name does not begin with its environment {template.environment!r}"
    if re.fullmatch(ENVIRONMENT_PATTERN.strip("^$"), template.environment) is None:
        yield f"its environment {template.environment!r} is not lower-case words joined by - or _"


def _interface(interface: Interface) -> Iterator[str]:
    for kind, parameters in (("input", interface.inputs), ("output", interface.outputs)):
        counts = Counter(parameter.name for parameter in parameters)
        for name in sorted(name for name, count in counts.items() if count > 1):
            yield f"it has two {kind}s named {name!r}"


def _triggers(template: TaskTemplate) -> Iterator[str]:
    for trigger in template.triggers:
        if (wrong := trigger_state.complaint(trigger, template.interface)) is not None:
            yield wrong


def _source(source: Source) -> Iterator[str]:
    for path in (source.file, *source.import_paths):
        if _leaves_the_bundle(path):
            yield f"the path {path!r} leaves the bundle"


def _leaves_the_bundle(path: str) -> bool:
    parts = PurePosixPath(path)
    return parts.is_absolute() or ".." in parts.parts or "\\" in path or "\0" in path
