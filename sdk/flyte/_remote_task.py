"""Tasks that are deployed already, by name: to be run from a script, or called from inside a task.

`Task.get` asks nobody; the name is looked up when the task is first used, so it may stand at the top of a
file. Inside a run the agent is asked, outside of one the registry. Values are read and written by the
template alone: see `_runtime.described`.
"""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any, Literal, cast

from flyte._binding import bind
from flyte._documents import Documented
from flyte._options import TaskOptions
from flyte._override import overridden
from flyte._runtime import controller, group
from flyte._runtime.context import TaskContext, ctx
from flyte._runtime.remote_controller import RemoteController
from flyte._streams import Streamed
from flyte._syncify import running_loop, syncify
from flyte._task_details import TaskDetails
from flyte.errors import RemoteTaskNotFoundError, RemoteTaskUsageError

AutoVersion = Literal["latest", "current"]


class LazyEntity:
    """A deployed task by name; nothing is asked before it is used."""

    def __init__(
        self,
        name: str,
        project: str | None,
        domain: str | None,
        version: str | None,
        auto_version: AutoVersion | None,
        overrides: Mapping[str, Any] | None = None,
    ) -> None:
        self._name = name
        self._project = project
        self._domain = domain
        self._version = version
        self._auto_version = auto_version
        self._overrides = dict(overrides or {})
        self._found: TaskDetails | None = None

    @property
    def name(self) -> str:
        return self._name

    def override(self, **changes: Any) -> "LazyEntity":
        """The same task with other policies for its calls. Raises what `Task.override` does."""
        changed = self._overrides | changes
        overridden(self._name, TaskOptions(), changed)
        return LazyEntity(self._name, self._project, self._domain, self._version, self._auto_version, changed)

    async def _fetch(self) -> TaskDetails:
        """Look it up in the registry. Raises RemoteTaskNotFoundError with the nearest names."""
        from flyte import _session
        from flyte._client.deployed import fetch_task

        if self._found is None:
            client = _session.client()
            project = self._project or client.config.project
            domain = self._domain or client.config.domain
            version = self._version or self._current_version()
            name = f"{self._name}:{version}" if version else self._name
            record = await fetch_task(client, project, domain, name)
            self._found = TaskDetails.of(record).override(**self._overrides)
        return self._found

    fetch = syncify(_fetch)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call it as a child action of the running task, by keywords only.

        To be awaited where an event loop runs; else it blocks and gives the value. Raises
        RemoteTaskUsageError outside of a task and for positional arguments, ValueError in a local run.
        """
        current = self._controller(args)
        details = self._found_from_inside(current)
        inputs = bind(details.native_interface, (), kwargs)
        if running_loop() is None:
            return current.start(cast(Any, details), inputs).result()
        return self._child(current, details, inputs, group.current())

    async def aio(self, *args: Any, **kwargs: Any) -> Any:
        """The same, always to be awaited."""
        current = self._controller(args)
        details = self._found_from_inside(current)
        return await self._child(
            current, details, bind(details.native_interface, (), kwargs), group.current()
        )

    async def _child(
        self, current: RemoteController, details: TaskDetails, inputs: dict[str, Any], label: str | None
    ) -> Any:
        with group.use(label):
            return await current.call(cast(Any, details), inputs)

    def _controller(self, args: tuple[Any, ...]) -> RemoteController:
        if args:
            raise RemoteTaskUsageError(
                f"the deployed task {self._name} takes its inputs by name only: write {self._name}(x=…)"
            )
        current = controller.current()
        if current is None:
            raise RemoteTaskUsageError(
                f"the deployed task {self._name} can be called inside a running task only: "
                "from a script, use flyte.run(task, …)"
            )
        if not isinstance(current, RemoteController):
            raise ValueError(
                f"the deployed task {self._name} runs on the stack, and this run is local: "
                "run the caller on the stack"
            )
        return current

    def _found_from_inside(self, current: RemoteController) -> TaskDetails:
        if self._found is None:
            around = ctx()
            assert isinstance(around, TaskContext)
            place = (around.action.project, around.action.domain)
            asked = (self._project or place[0], self._domain or place[1])
            if asked != place:
                raise RemoteTaskUsageError(
                    f"the deployed task {self._name} is in {asked[0]}/{asked[1]}, and a child runs where its "
                    f"run does, in {place[0]}/{place[1]}: start a run of its own with flyte.run"
                )
            found = current.find(self._name, self._version or self._current_version())
            if found.template is None or found.version is None:
                what = f"version {self._version!r} of task" if self._version else "task"
                where = "/".join(map(str, place))
                raise RemoteTaskNotFoundError(f"no {what} {self._name!r} is deployed in {where}")
            details = TaskDetails(str(place[0]), str(place[1]), found.version, found.template)
            self._found = details.override(**self._overrides)
        return self._found

    def _current_version(self) -> str | None:
        """The version of the running task, when that is what is meant. Raises RemoteTaskUsageError."""
        if self._auto_version != "current":
            return None
        around = ctx()
        if not isinstance(around, TaskContext) or not around.version:
            raise RemoteTaskUsageError(
                'auto_version="current" means the running task\'s: it works inside one'
            )
        return around.version

    def __repr__(self) -> str:
        return f"<deployed task {self._name}:{self._version or self._auto_version}>"


def lazy_task(
    name: str,
    project: str | None = None,
    domain: str | None = None,
    version: str | None = None,
    auto_version: AutoVersion | None = None,
) -> LazyEntity:
    """A deployed task by its name; see `Task.get`."""
    if version is None and auto_version is None:
        raise ValueError('say which version of the task: version="…", or auto_version="latest" or "current"')
    if version is not None and auto_version is not None:
        raise ValueError("version and auto_version exclude each other")
    if auto_version not in (None, "latest", "current"):
        raise ValueError(f'auto_version {auto_version!r} is not one of "latest", "current"')
    if name.count(".") != 1 or not all(name.split(".")):
        raise ValueError(f"{name!r} is no task's name: those are ENVIRONMENT.FUNCTION")
    return LazyEntity(name, project, domain, version, auto_version)


async def _list_tasks(
    by_task_name: str | None = None,
    by_task_env: str | None = None,
    project: str | None = None,
    domain: str | None = None,
    sort_by: tuple[str, str] | None = None,
    limit: int = 100,
    entrypoint: bool | None = None,
) -> AsyncGenerator["Task"]:
    """The latest version of each task (or every version of `by_task_name`), newest first.

    Raises ValueError for other ways to sort than by `created_at`.
    """
    from flyte import _session
    from flyte._client.listing import task_pages
    from flyte_schemas.endpoints import ListTasks

    if sort_by not in (None, ("created_at", "desc"), ("created_at", "asc")):
        raise ValueError(f'sort_by={sort_by!r} is not known: write ("created_at", "asc" or "desc")')
    client = _session.client()
    project, domain = project or client.config.project, domain or client.config.domain
    asked = ListTasks(
        project=project,
        domain=domain,
        name=by_task_name,
        limit=limit,
        environment=by_task_env,
        entrypoint=entrypoint,
        ascending=sort_by == ("created_at", "asc"),
    )
    async with aclosing(task_pages(asked)) as pages:
        async for page in pages:
            for task in page.tasks:
                yield Task(
                    project,
                    domain,
                    task.name,
                    task.version,
                    entrypoint=task.entrypoint,
                    as_of=page.as_of_sequence,
                )


class Task(Documented):
    """A version of a task as a listing has it."""

    def __init__(
        self,
        project: str,
        domain: str,
        name: str,
        version: str,
        *,
        entrypoint: bool = False,
        as_of: int = 0,
    ) -> None:
        self._as_of = as_of
        self.project = project
        self.domain = domain
        self._name = name
        self._version = version
        self._entrypoint = entrypoint

    @classmethod
    def get(
        cls,
        name: str,
        project: str | None = None,
        domain: str | None = None,
        version: str | None = None,
        auto_version: AutoVersion | None = None,
    ) -> LazyEntity:
        """The deployed task `ENVIRONMENT.FUNCTION`; nothing is asked before it is used.

        `auto_version="latest"` is the version deployed last, `"current"` that of the running task. Raises
        ValueError unless exactly one of `version` and `auto_version` is given.
        """
        return lazy_task(name, project, domain, version, auto_version)

    @property
    def name(self) -> str:
        return self._name

    @property
    def version(self) -> str:
        return self._version

    @property
    def entrypoint(self) -> bool:
        """Whether it is declared as a way into its program."""
        return self._entrypoint

    @property
    def as_of(self) -> int:
        """Up to where the log of tasks had been read when this was listed."""
        return self._as_of

    @property
    def url(self) -> str:
        return f"flyte://{self.project}/{self.domain}/tasks/{self._name}:{self._version}"

    def lazy(self) -> LazyEntity:
        """This version, to be run or called."""
        return lazy_task(self._name, self.project, self.domain, self._version)

    def to_dict(self) -> dict[str, Any]:
        """The task as JSON data."""
        return {
            "project": self.project,
            "domain": self.domain,
            "name": self._name,
            "version": self._version,
            "entrypoint": self._entrypoint,
            "as_of": self._as_of,
        }

    def __repr__(self) -> str:
        return f"<task {self._name}:{self._version}>"

    listall = Streamed(_list_tasks)


def is_deployed(task: object) -> bool:
    """Whether this stands for a task that is deployed already."""
    return isinstance(task, LazyEntity | TaskDetails | Task)


async def details_of(task: object) -> TaskDetails:
    """The details of what `is_deployed`. Raises RemoteTaskNotFoundError."""
    if isinstance(task, TaskDetails):
        return task
    lazy = task.lazy() if isinstance(task, Task) else cast(LazyEntity, task)
    return await lazy._fetch()
