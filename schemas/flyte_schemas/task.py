"""What can run: a task's template, as it is deployed and as the agent reads it."""

import hashlib
from typing import Any

import orjson
from pydantic import Field, NonNegativeInt, PositiveFloat

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


class Resources(Word):
    """What an attempt asks of the machine, as the user wrote it (Kubernetes quantities)."""

    cpu: str | None = None
    cpu_limit: str | None = None
    memory: str | None = None
    memory_limit: str | None = None
    gpu: str | None = None
    disk: str | None = None
    shm: str | None = None


class Policies(Word):
    """How an action is treated when things go wrong."""

    retries: NonNegativeInt = 0
    """Further attempts after the first, for failures of kind `user`."""
    max_runtime_s: PositiveFloat | None = None
    """The longest that one attempt may run, in seconds."""
    interruptible: bool = False


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
    description: str = ""
    docs: str = ""
    interface: Interface
    source: Source
    is_async: bool
    image: str = "auto"
    resources: Resources = Resources()
    env_vars: dict[str, str] = {}
    policies: Policies = Policies()
    bundle: BundleReference | None = None

    def digest(self) -> str:
        """The SHA-256 of this template's canonical JSON, as 64 hex digits: same content, same digest."""
        document = orjson.dumps(self.model_dump(mode="json"), option=orjson.OPT_SORT_KEYS)
        return hashlib.sha256(document).hexdigest()


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
