"""What can run: a task's template, as it is deployed and as the agent reads it."""

import hashlib
from typing import Any

import orjson
from pydantic import Field, NonNegativeInt, PositiveInt

from flyte_schemas.image import ImageSpec
from flyte_schemas.policies import Declared, PodTemplate, Reuse, SecretReference
from flyte_schemas.policies import Policies as Policies
from flyte_schemas.trigger import Trigger
from flyte_schemas.words import Md5, Name, Sha256, TaskName, Version, Word


class Parameter(Word):
    """One input or output: its name, its type as JSON Schema and as written in Python."""

    name: Name
    annotation: str
    """The annotation as Python would print it, for people."""
    json_schema: dict[str, Any]
    required: bool = True
    default: Any = None
    """The default as JSON; meaningful when `required` is false."""
    description: str = ""


class Interface(Word):
    """A task's typed signature."""

    inputs: tuple[Parameter, ...] = ()
    outputs: tuple[Parameter, ...] = ()


class Source(Word):
    """Where in the bundle the function lives."""

    module: str = Field(min_length=1)
    function: str = Field(min_length=1)
    file: str
    """Path relative to the bundle's root, with forward slashes."""
    line: NonNegativeInt = 0
    import_paths: tuple[str, ...] = ("",)
    """Folders of the bundle that stand on `sys.path`, relative to its root."""


class Accelerator(Word):
    """So many devices of one kind; `partition` is a part of one, or a topology."""

    device_class: str
    device: str | None = None
    quantity: PositiveInt
    partition: str | None = None


class Resources(Word):
    """What an attempt asks of the machine, as the user wrote it (Kubernetes quantities)."""

    cpu: str | None = None
    cpu_limit: str | None = None
    memory: str | None = None
    memory_limit: str | None = None
    gpu: str | None = None
    accelerator: Accelerator | None = None
    """What `gpu` means."""
    disk: str | None = None
    shm: str | None = None


class BundleReference(Word):
    """A code bundle (tar.gz) in the artifact store; the agent verifies `sha256` before it unpacks."""

    uri: str
    sha256: Sha256
    md5: Md5
    size_bytes: NonNegativeInt
    files: NonNegativeInt = 0


class TaskTemplate(Word):
    """Everything needed to run a task, and nothing that only its author's machine knows."""

    name: TaskName
    short_name: str
    environment: Name
    environment_description: str = ""
    description: str = ""
    docs: str = ""
    interface: Interface
    source: Source
    is_async: bool
    image: str = "auto"
    image_spec: ImageSpec | None = None
    """What `image` is made of, when the user said it."""
    resources: Resources = Resources()
    env_vars: dict[str, str] = {}
    policies: Policies = Policies()
    secrets: tuple[SecretReference, ...] = ()
    pod_template: PodTemplate | None = None
    reuse: Reuse | None = None
    queue: str | None = None
    report: bool = False
    entrypoint: bool = False
    produces_artifacts: bool = False
    max_inline_io_bytes: PositiveInt = 10 * 1024 * 1024
    """Of the JSON of a call's inputs, or of its outputs."""
    triggers: tuple[Trigger, ...] = ()
    links: tuple[Declared, ...] = ()
    plugin_config: Declared | None = None
    task_resolver: Declared | None = None
    bundle: BundleReference | None = None

    def overridden(self, overrides: "TaskOverrides | None") -> "TaskTemplate":
        """This template as one call wants it."""
        if overrides is None:
            return self
        said = {name: getattr(overrides, name) for name in type(overrides).model_fields}
        changes = {name: value for name, value in said.items() if value is not None}
        if changes.pop("reuse_off", False):
            changes["reuse"] = None
        return self.model_copy(update=changes)

    def digest(self) -> str:
        """The SHA-256 of this template's canonical JSON, as 64 hex digits: same content, same digest.

        What stands at its default is left out, so that a field which is added later changes no digest.
        """
        document = orjson.dumps(
            self.model_dump(mode="json", exclude_defaults=True), option=orjson.OPT_SORT_KEYS
        )
        return hashlib.sha256(document).hexdigest()


class TaskOverrides(Word):
    """What one call of a task wants otherwise than its template says; None: as the template says.

    Values replace, they are not merged. `reuse_off`: in a process of its own.
    """

    short_name: str | None = None
    resources: Resources | None = None
    env_vars: dict[str, str] | None = None
    policies: Policies | None = None
    secrets: tuple[SecretReference, ...] | None = None
    pod_template: PodTemplate | None = None
    reuse: Reuse | None = None
    reuse_off: bool = False
    queue: str | None = None
    entrypoint: bool | None = None
    produces_artifacts: bool | None = None
    max_inline_io_bytes: PositiveInt | None = None
    links: tuple[Declared, ...] | None = None
    plugin_config: Declared | None = None


class TaskReference(Word):
    """One version of a task, by name."""

    name: TaskName
    version: Version

    @property
    def environment(self) -> str:
        return self.name.partition(".")[0]

    @property
    def function(self) -> str:
        return self.name.partition(".")[2]

    def __str__(self) -> str:
        return f"{self.name}:{self.version}"


def version_of(templates: tuple[TaskTemplate, ...]) -> str:
    """The version of a deployment: a hash of all its templates, so the same source gives the same version."""
    digest = hashlib.sha256()
    for line in sorted(f"{template.name} {template.digest()}" for template in templates):
        digest.update(line.encode())
    return digest.hexdigest()[:20]
