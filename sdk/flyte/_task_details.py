"""A version of a deployed task in full: what its template says, and the task itself, to run and to call."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from flyte._cache import Cache
from flyte._documents import Documented
from flyte._options import TaskOptions
from flyte._override import overridden
from flyte._runtime.described import described_interface
from flyte._runtime.interface import NativeInterface
from flyte._syncify import Syncified
from flyte._template import overrides_of
from flyte_schemas.policies import SecretReference
from flyte_schemas.task import Interface, Resources, TaskOverrides, TaskTemplate

if TYPE_CHECKING:
    from flyte._remote_task import AutoVersion, LazyEntity
    from flyte_schemas.endpoints import TaskRecord

_POLICY_FIELDS = {
    "retry": ("retries", "backoff"),
    "timeout": ("max_runtime_s", "max_queued_s", "deadline_s"),
    "cache": ("cache",),
    "interruptible": ("interruptible",),
}
"""Which fields of the policies on the wire an option decides."""


@dataclass(frozen=True, slots=True)
class _Changed:
    """As much of a task as its overrides are made of."""

    options: TaskOptions
    changed: frozenset[str]
    name: str
    func: Any = None
    image: str = "auto"


async def _fetch_details(
    name: str,
    project: str | None = None,
    domain: str | None = None,
    version: str | None = None,
    auto_version: "AutoVersion | None" = None,
) -> "TaskDetails":
    """Look a deployed task up in the registry; for what is given, see `flyte.remote.Task.get`.

    Raises RemoteTaskNotFoundError with the nearest names.
    """
    return await TaskDetails.get(name, project, domain, version, auto_version)._fetch()


class TaskDetails(Documented):
    """A deployed version of a task in full; can be run and called like the task it is."""

    def __init__(
        self,
        project: str,
        domain: str,
        version: str,
        template: TaskTemplate,
        overrides: TaskOverrides | None = None,
    ) -> None:
        self.project = project
        self.domain = domain
        self.template = template
        self.pinned_version = version
        self.overrides = overrides

    @classmethod
    def of(cls, record: "TaskRecord") -> "TaskDetails":
        """From the registry's answer."""
        return cls(record.project, record.domain, record.version, record.template)

    @classmethod
    def get(
        cls,
        name: str,
        project: str | None = None,
        domain: str | None = None,
        version: str | None = None,
        auto_version: "AutoVersion | None" = None,
    ) -> "LazyEntity":
        """The deployed task by its name, not looked up before it is used: see `flyte.remote.Task.get`."""
        from flyte._remote_task import lazy_task

        return lazy_task(name, project, domain, version, auto_version)

    @property
    def name(self) -> str:
        return self.template.name

    @property
    def version(self) -> str:
        return self.pinned_version

    @property
    def task_type(self) -> str:
        return "python"

    @property
    def docs(self) -> str:
        return self.template.docs

    @property
    def interface(self) -> Interface:
        """Inputs and outputs as words on the wire."""
        return self.template.interface

    @cached_property
    def native_interface(self) -> NativeInterface:
        """Inputs and outputs, whose types are their schemas."""
        return described_interface(self.template)

    @property
    def required_args(self) -> tuple[str, ...]:
        """The inputs without a default."""
        return tuple(item.name for item in self.template.interface.inputs if item.required)

    @property
    def default_input_args(self) -> tuple[str, ...]:
        """The inputs with one."""
        return tuple(item.name for item in self.template.interface.inputs if not item.required)

    @property
    def resources(self) -> Resources:
        """What an attempt asks of the machine."""
        return self._overridden.resources

    @property
    def cache(self) -> Cache:
        """Whether results are taken from earlier runs; an automatic version is told as it was computed."""
        rule = self._overridden.policies.cache
        return Cache(
            rule.behavior,
            version_override=rule.version or None,
            serialize=rule.serialize,
            ignored_inputs=rule.ignored_inputs,
            salt=rule.salt,
        )

    @property
    def secrets(self) -> tuple[SecretReference, ...]:
        """The secrets that an attempt sees: their keys, never their values."""
        return self._overridden.secrets

    @property
    def queue(self) -> str | None:
        return self._overridden.queue

    @property
    def _overridden(self) -> TaskTemplate:
        return self.template.overridden(self.overrides)

    def __getattr__(self, name: str) -> Any:
        """What else the template declares: `env_vars`, `policies`, `triggers` and the like."""
        if name in TaskTemplate.model_fields:
            return getattr(self.template, name)
        raise AttributeError(f"a deployed task has no {name!r}")

    def override(self, **changes: Any) -> "TaskDetails":
        """The same task with other policies for its calls. Raises what `Task.override` does."""
        options, changed = overridden(self.name, TaskOptions(), changes)
        said = overrides_of(cast(Any, _Changed(options, changed, self.name)))
        if said is not None and said.policies is not None:
            fields = {field for name in changed for field in _POLICY_FIELDS.get(name, ())}
            update = {field: getattr(said.policies, field) for field in fields}
            policies = self.template.policies.model_copy(update=update)
            said = said.model_copy(update={"policies": policies})
        return TaskDetails(self.project, self.domain, self.version, self.template, said or self.overrides)

    def to_dict(self) -> dict[str, Any]:
        """The task as JSON data."""
        return {
            "project": self.project,
            "domain": self.domain,
            "name": self.name,
            "version": self.version,
            "template": self.template.model_dump(mode="json"),
        }

    def __repr__(self) -> str:
        return f"<deployed task {self.name}:{self.version}>"

    fetch = Syncified(_fetch_details)
