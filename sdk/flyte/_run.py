"""Run a task: `flyte.run` and `flyte.with_runcontext`.

Where it runs is one question with one answer: on the stack when a client is configured, else in this
process. Either way you get a run with the same face.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, ParamSpec

from flyte import _session
from flyte._binding import bind
from flyte._config import DEFAULT_DOMAIN, DEFAULT_PROJECT
from flyte._deploy import carry_out, plan_here
from flyte._environment import checked_env_vars
from flyte._local import LocalOptions, run_here, run_here_aio
from flyte._local_run import LocalRun
from flyte._names import check_run_name, new_run_name
from flyte._runtime.convert import inputs_to_wire
from flyte._syncify import await_on, block_on
from flyte._task import Task

if TYPE_CHECKING:
    from flyte._client.runs import Run

P = ParamSpec("P")

Mode = Literal["local", "remote"]
AnyRun = "Run | LocalRun"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """How one run differs from the ordinary."""

    mode: Mode | None = None
    name: str | None = None
    version: str | None = None
    env_vars: Mapping[str, str] = field(default_factory=dict)
    project: str | None = None
    domain: str | None = None
    copy_style: str = "loaded_modules"

    @property
    def is_local(self) -> bool:
        return self.mode == "local" or (self.mode is None and not _session.is_connected())


class RunCall:
    """Runs a task: `run(task, …)` waits until it is submitted, `await run.aio(task, …)` likewise."""

    def __init__(self, options: RunOptions) -> None:
        self._options = options

    def __call__(self, task: Task[P, Any], *args: P.args, **kwargs: P.kwargs) -> "Run | LocalRun":
        """Run `task` with these inputs: deployed and started on the stack, or run to its end here.

        Raises TypeError and ValueError for wrong inputs. A local run raises its failure, as
        RuntimeUserError with the code of the exception; one on the stack tells it by `status`.
        """
        inputs = _bound(task, args, kwargs)
        if self._options.is_local:
            return run_here(task, inputs, _local(self._options))
        return block_on(submit(task, inputs, self._options))

    async def aio(self, task: Task[P, Any], *args: P.args, **kwargs: P.kwargs) -> "Run | LocalRun":
        """The same, to be awaited."""
        inputs = _bound(task, args, kwargs)
        if self._options.is_local:
            return await run_here_aio(task, inputs, _local(self._options))
        return await await_on(submit(task, inputs, self._options))


class Runner:
    """Runs tasks with the options of `with_runcontext`."""

    def __init__(self, options: RunOptions) -> None:
        self._options = options

    @property
    def run(self) -> RunCall:
        return RunCall(self._options)


run = RunCall(RunOptions())


def with_runcontext(
    mode: Mode | None = None,
    *,
    name: str | None = None,
    version: str | None = None,
    copy_style: str = "loaded_modules",
    project: str | None = None,
    domain: str | None = None,
    env_vars: Mapping[str, str] | None = None,
    **unsupported: Any,
) -> Runner:
    """Options for a run: `flyte.with_runcontext(mode="local", name="trial").run(task, x=1)`.

    `mode` None is remote when a client is configured. `env_vars` win over the environment's. Raises
    ValueError for a bad mode or name, NotImplementedError for an option that this version does not have.
    """
    for option, value in unsupported.items():
        if value is not None:
            raise NotImplementedError(f"with_runcontext({option}=…) is not supported yet: leave it out")
    if mode not in (None, "local", "remote"):
        raise ValueError(f"mode {mode!r} is unknown: use 'local', 'remote' or None")
    return Runner(
        RunOptions(
            mode=mode,
            name=check_run_name(name) if name else None,
            version=version,
            env_vars=checked_env_vars(env_vars or {}),
            project=project,
            domain=domain,
            copy_style=copy_style,
        )
    )


async def submit(task: Task[..., Any], inputs: dict[str, Any], options: RunOptions) -> "Run":
    """Deploy the task's environment and ask for the run. Raises the SDK's errors."""
    from flyte._client.runs import Run, start_run
    from flyte._client.trouble import translated
    from flyte_schemas.subjects import RunKey

    client = _session.client()
    project = options.project or client.config.project
    domain = options.domain or client.config.domain
    literals = inputs_to_wire(task.native_interface, inputs)
    plan = plan_here(
        [task.environment],
        version=options.version,
        copy_style=options.copy_style,
        project=project,
        domain=domain,
    )
    plan = await carry_out(plan, project, domain)
    key = RunKey(project, domain, options.name or new_run_name())
    with translated():
        request_id = await start_run(
            await client.bus(), key, plan.reference(task.name), literals, env_vars=dict(options.env_vars)
        )
    return Run(client, key, request_id=request_id, interface=task.native_interface)


def _bound(task: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(task, Task):
        raise TypeError(
            f"Only Flyte tasks can be run, not generic functions or methods ({type(task).__name__}): "
            "decorate the function with @env.task"
        )
    return bind(task.native_interface, args, kwargs)


def _local(options: RunOptions) -> LocalOptions:
    config = _session.configured()
    return LocalOptions(
        name=options.name or new_run_name(),
        project=options.project or (config.project if config else DEFAULT_PROJECT),
        domain=options.domain or (config.domain if config else DEFAULT_DOMAIN),
        env_vars=options.env_vars,
    )
