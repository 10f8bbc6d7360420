"""Run a task: `flyte.run` and `flyte.with_runcontext`.

Where it runs is one question with one answer: on the stack when a client is configured, else in this
process. Either way you get a run with the same face.
"""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from types import CoroutineType
from typing import TYPE_CHECKING, Any, ParamSpec, overload

from flyte import _session
from flyte._binding import bind
from flyte._called import with_called
from flyte._config import DEFAULT_DOMAIN, DEFAULT_PROJECT
from flyte._deploy import carry_out, plan_here
from flyte._dry_run import DryRun
from flyte._local import LocalOptions, run_here, run_here_aio
from flyte._local_run import LocalRun
from flyte._names import new_run_name
from flyte._plan import Plan
from flyte._remote_task import LazyEntity, details_of, is_deployed
from flyte._remote_task import Task as RemoteTask
from flyte._rerun import again, recover_of
from flyte._run_options import RunOptions, options_of
from flyte._runtime.context import get_custom_context
from flyte._runtime.convert import inputs_to_wire
from flyte._runtime.publishing import published_aio
from flyte._syncify import await_on, block_on, syncify
from flyte._task import Task
from flyte._task_details import TaskDetails
from flyte.errors import RemoteTaskUsageError
from flyte_schemas.subjects import RunKey
from flyte_schemas.task import TaskReference

if TYPE_CHECKING:
    from flyte._client.runs import Run

P = ParamSpec("P")
Deployed = LazyEntity | TaskDetails | RemoteTask


class RunCall:
    """Runs a task: `run(task, …)` waits until it is submitted, `await run.aio(task, …)` likewise."""

    def __init__(self, options: RunOptions) -> None:
        self._options = options

    @overload
    def __call__(self, task: Task[P, Any], *args: P.args, **kwargs: P.kwargs) -> "Run | LocalRun": ...

    @overload
    def __call__(self, task: Deployed, **kwargs: Any) -> "Run": ...

    def __call__(self, task: Any, *args: Any, **kwargs: Any) -> Any:
        """Run `task` with these inputs: deployed and started on the stack, or run to its end here.

        Raises TypeError and ValueError for wrong inputs. A local run raises its failure, as
        RuntimeUserError with the code of the exception; one on the stack tells it by `status`. With
        `dry_run` you get a `DryRun`.
        """
        inputs = _bound(task, args, kwargs)
        if self._options.dry_run:
            return block_on(rehearse(task, inputs, self._options))
        if self._options.is_local:
            _refuse_local(task)
            return run_here(task, inputs, _local(self._options)).of(inputs, self._options.settings)
        return block_on(submit(task, inputs, self._options))

    @overload
    async def aio(self, task: Task[P, Any], *args: P.args, **kwargs: P.kwargs) -> "Run | LocalRun": ...

    @overload
    async def aio(self, task: Deployed, **kwargs: Any) -> "Run": ...

    async def aio(self, task: Any, *args: Any, **kwargs: Any) -> Any:
        """The same, to be awaited."""
        inputs = _bound(task, args, kwargs)
        if self._options.dry_run:
            return await await_on(rehearse(task, inputs, self._options))
        if self._options.is_local:
            _refuse_local(task)
            ran = await run_here_aio(task, inputs, _local(self._options))
            return ran.of(inputs, self._options.settings)
        return await await_on(submit(task, inputs, self._options))


class Runner:
    """Runs tasks with the options of `with_runcontext`."""

    def __init__(self, options: RunOptions) -> None:
        self._options = options

    @property
    def run(self) -> RunCall:
        return RunCall(self._options)

    async def _rerun(
        self,
        /,
        run_name: str,
        action_name: str = "a0",
        recover: bool = False,
        force_rerun_actions: list[str] | None = None,
        allow_missing_source_outputs: bool = False,
        task_version: str | None = None,
        **inputs: Any,
    ) -> "Run":
        """Run the task of an action again, as `flyte.rerun` does, under these options' name, labels and
        variables. Raises as `flyte.rerun` does; ValueError for `mode="local"`."""
        wanted = recover_of(recover, force_rerun_actions, allow_missing_source_outputs)
        if self._options.mode == "local":
            raise ValueError("a run on the stack is run again on the stack: leave out mode='local'")
        return await again(
            run_name,
            action_name,
            inputs,
            name=self._options.name,
            env_vars=self._options.env_vars,
            labels=self._options.settings.labels,
            recover=wanted,
            task_version=task_version,
        )

    rerun = syncify(_rerun)


run = RunCall(RunOptions())


def with_runcontext(
    mode: str | None = None,
    *,
    name: str | None = None,
    service_account: str | None = None,
    version: str | None = None,
    copy_style: str = "loaded_modules",
    dry_run: bool = False,
    copy_bundle_to: str | Path | None = None,
    interactive_mode: bool | None = None,
    raw_data_path: str | None = None,
    run_base_dir: str | None = None,
    run_start_time: datetime | None = None,
    overwrite_cache: bool = False,
    project: str | None = None,
    domain: str | None = None,
    env_vars: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
    interruptible: bool | None = None,
    log_level: int | str | None = None,
    log_format: str = "console",
    user_log_level: int | str | None = None,
    reset_root_logger: bool = False,
    disable_run_cache: bool = False,
    queue: str | None = None,
    max_action_concurrency: int | None = None,
    notifications: Any = None,
    custom_context: Mapping[str, str] | None = None,
    cache_lookup_scope: str = "global",
    preserve_original_types: bool = False,
    debug: bool = False,
    tracked: bool = False,
    tracked_strict: bool = False,
) -> Runner:
    """Options for a run: `flyte.with_runcontext(mode="local", name="trial").run(task, x=1)`.

    `mode` None is remote when a client is configured. `env_vars` win over the environment's, `custom_context`
    is handed down to every action. `dry_run` plans and sends nothing. Values keep their types here, so
    `preserve_original_types` changes nothing. `max_action_concurrency` is how many of the run's actions may
    run at a time, those that wait for children not counted. What the platform does not act upon yet (labels,
    annotations, queue, service account, raw data path, debug) is kept with the run.

    Raises ValueError for a bad mode, name or value, TypeError for one of a wrong type, NotImplementedError
    for an option that this version refuses.
    """
    return Runner(options_of(locals()))


async def submit(task: Any, inputs: dict[str, Any], options: RunOptions) -> "Run":
    """Deploy the task's environment, unless it is deployed, and ask for the run. Raises the SDK's errors."""
    from flyte._client.starting import start_run
    from flyte._client.trouble import translated
    from flyte._store import in_place

    client = _session.client()
    if is_deployed(task):
        details = await details_of(task)
        project, domain = options.project or details.project, options.domain or details.domain
        reference = TaskReference(name=details.name, version=details.version)
        interface, overrides = details.native_interface, details.overrides
        bound = bind(interface, (), inputs)
        with in_place(project, domain):
            literals = await published_aio(lambda: inputs_to_wire(interface, bound))
    else:
        project = options.project or client.config.project
        domain = options.domain or client.config.domain
        with in_place(project, domain):
            literals = await published_aio(lambda: inputs_to_wire(task.native_interface, inputs))
        plan = await carry_out(_plan(task, options, project, domain), project, domain)
        reference, interface, overrides = plan.reference(task.name), task.native_interface, task.overrides
    key = RunKey(project, domain, options.name or new_run_name())
    with translated():
        request_id = await start_run(
            await client.bus(),
            key,
            reference,
            literals,
            env_vars=options.env_vars,
            custom_context=get_custom_context() | dict(options.custom_context),
            overrides=overrides,
            settings=options.settings_to_send(),
        )
    from flyte._client.runs import Run  # loaded while the run begins

    return Run(client, key, request_id=request_id, interface=interface)


async def rehearse(task: Any, inputs: dict[str, Any], options: RunOptions) -> DryRun:
    """What `submit` would send, without sending it. Raises what is wrong with inputs or source."""
    if is_deployed(task):
        details = await details_of(task)
        interface, name, version = details.native_interface, details.name, details.version
        literals, plan = inputs_to_wire(interface, bind(interface, (), inputs)), None
    else:
        config = _local(options)
        literals, name = inputs_to_wire(task.native_interface, inputs), task.name
        plan = _plan(task, options, config.project, config.domain)
        version = plan.version
    return DryRun(
        name=options.name or "dry-run",
        task_name=name,
        version=version,
        inputs={name: literal.value for name, literal in literals.items()},
        settings=options.settings,
        env_vars=dict(options.env_vars),
        plan=plan,
    )


def _plan(task: Task[..., Any], options: RunOptions, project: str, domain: str) -> Plan:
    return plan_here(
        with_called(task.environment),
        version=options.version,
        copy_style=options.copy_style,
        project=project,
        domain=domain,
        images=options.images,
        sync_sys_paths=options.sync_sys_paths,
    )


def _bound(task: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs by name. Those of a deployed task are matched once it was found."""
    if is_deployed(task):
        if args:
            raise RemoteTaskUsageError(
                f"the deployed task {task.name} takes its inputs by name only: flyte.run(task, x=…)"
            )
        return dict(kwargs)
    if isinstance(task, CoroutineType):
        task.close()
        raise TypeError(
            f"flyte.run was given a call of {task.__qualname__}, not the task: "
            "pass the task and its inputs, flyte.run(task, x=…)"
        )
    if not isinstance(task, Task):
        raise TypeError(
            f"Only Flyte tasks can be run, not generic functions or methods ({type(task).__name__}): "
            "decorate the function with @env.task"
        )
    return bind(task.native_interface, args, kwargs)


def _refuse_local(task: Any) -> None:
    if is_deployed(task):
        raise ValueError(
            f"the deployed task {task.name} runs on the stack only: configure a client "
            "(flyte.init_from_config()), or leave out mode='local'"
        )


def _local(options: RunOptions) -> LocalOptions:
    config = _session.configured()
    return LocalOptions(
        name=options.name or new_run_name(),
        project=options.project or (config.project if config else DEFAULT_PROJECT),
        domain=options.domain or (config.domain if config else DEFAULT_DOMAIN),
        env_vars=options.env_vars,
        custom_context=options.custom_context,
        raw_data_path=options.settings.raw_data_path,
        overwrite_cache=options.settings.overwrite_cache,
        disable_cache=options.settings.disable_cache,
        cache_scope=options.settings.cache_scope,
        max_action_concurrency=options.settings.max_action_concurrency,
    )
