"""Deploy environments: `flyte.deploy`."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from flyte import _session
from flyte._config import DEFAULT_DOMAIN, DEFAULT_PROJECT, ClientConfig
from flyte._environment import Environment
from flyte._plan import Plan, closure, make_plan
from flyte._syncify import await_on, block_on

if TYPE_CHECKING:
    from concurrent.futures import Future

    from flyte._client.trouble import Say
    from flyte_bus.ports import Bus

    Rehearsal = Future[tuple[str, ...]]
    """The notes of a rehearsal, once it is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployedTask:
    """One version of one task, and the names of what starts it."""

    name: str
    version: str
    triggers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployedEnvironment:
    """An environment and its tasks, as they were deployed."""

    name: str
    tasks: tuple[DeployedTask, ...]
    image: str = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """What deploying one environment brought: itself and all that it depends on."""

    envs: dict[str, DeployedEnvironment]
    version: str
    unchanged: bool = False
    """All of it was there already: nothing was sent."""

    def summary_repr(self) -> str:
        """One line that names every environment and task version."""
        parts = []
        for environment in self.envs.values():
            tasks = ", ".join(
                f"DeployedTask(name={task.name}, version={task.version})" for task in environment.tasks
            )
            parts.append(f"Deployment(env=[{environment.name}], entities=[{tasks}])")
        return f"Deployment(envs=[{', '.join(parts)}])"

    def table_repr(self) -> list[list[tuple[str, str]]]:
        """A row for each task, as pairs of column (type, name, version, triggers) and cell."""
        return [
            [
                ("type", "task"),
                ("name", task.name),
                ("version", task.version),
                ("triggers", ", ".join(task.triggers)),
            ]
            for environment in self.envs.values()
            for task in environment.tasks
        ]

    def env_repr(self) -> list[list[tuple[str, str]]]:
        """A row for each environment, as pairs of column (environment, image) and cell."""
        return [
            [("environment", environment.name), ("image", environment.image)]
            for environment in self.envs.values()
        ]


class _Deploy:
    def __call__(
        self,
        *envs: Environment,
        dryrun: bool = False,
        version: str | None = None,
        interactive_mode: bool | None = None,
        copy_style: str = "loaded_modules",
    ) -> list[Deployment]:
        """Deploy environments with their tasks, and all environments they depend on.

        Returns one Deployment for each given environment that no earlier one covers. `dryrun` computes all
        of it and sends nothing. Without `version` the content names it. `copy_style` says which source goes
        along: `loaded_modules`, `all`, `custom` (only what `include` of the environments names), `none`.
        Raises DeploymentError when the registry refuses, InitializationError without a client,
        CodeBundleError, ValueError and TypeError for what cannot be deployed.
        """
        return block_on(_deploy_all(envs, dryrun, version, interactive_mode, copy_style))

    async def aio(
        self,
        *envs: Environment,
        dryrun: bool = False,
        version: str | None = None,
        interactive_mode: bool | None = None,
        copy_style: str = "loaded_modules",
    ) -> list[Deployment]:
        """The same, to be awaited."""
        return await await_on(_deploy_all(envs, dryrun, version, interactive_mode, copy_style))


deploy = _Deploy()


def plan_here(
    envs: Sequence[Environment],
    *,
    version: str | None = None,
    copy_style: str = "loaded_modules",
    project: str | None = None,
    domain: str | None = None,
    root_dir: Path | None = None,
    sync_sys_paths: bool = True,
    images: Mapping[str, str] = MappingProxyType({}),
) -> Plan:
    """The plan of a deployment from this process, with what `flyte.init` has set up."""
    config = _session.configured()
    return make_plan(
        envs,
        project=project or (config.project if config else DEFAULT_PROJECT),
        domain=domain or (config.domain if config else DEFAULT_DOMAIN),
        version=version,
        copy_style=copy_style,
        root_dir=root_dir or (config.root_dir if config else None),
        sync_sys_paths=sync_sys_paths and (config is None or config.sync_sys_paths),
        images={**(config.images if config else {}), **images},
        registry=config.image_registry if config else "",
    )


async def deploy_all(
    plan: Plan, project: str, domain: str, say: "Say | None" = None, begun: "Rehearsal | None" = None
) -> Plan:
    """Carry out a plan, and switch the triggers of its tasks on. Raises the SDK's errors."""
    from flyte._client.trigger_requests import settle_triggers
    from flyte._client.trouble import say_on_stderr, translated

    done = await carry_out(plan, project, domain, say, begun)
    with translated():
        bus = await _session.client().bus()
        changed = await settle_triggers(bus, done, project, domain, say or say_on_stderr)
    return replace(done, unchanged=done.unchanged and not changed)


async def carry_out(
    plan: Plan, project: str, domain: str, say: "Say | None" = None, begun: "Rehearsal | None" = None
) -> Plan:
    """Put a plan's tasks on the stack by this process's client, after a rehearsal (one may have begun).

    A run needs no more: it leaves triggers as they are. Raises the SDK's errors.
    """
    from flyte._client.deploy import deploy_plan
    from flyte._client.trouble import say_on_stderr, translated

    say = say or say_on_stderr
    with translated():
        bus = await _session.client().bus()
        rehearsal = partial(rehearse_plan, plan, project, domain, say, begun)
        building = partial(_build_if_run, plan, bus, say)
        return await deploy_plan(bus, plan, project, domain, say=say, rehearse=rehearsal, build=building)


async def _build_if_run(plan: Plan, bus: "Bus", say: "Say") -> None:
    """Build the plan's images where the stack runs them. Raises ImageBuildError."""
    from flyte._client.backends import runs_images

    if plan.images and await runs_images(bus):
        import asyncio

        from flyte._images.building import build_all

        await asyncio.to_thread(build_all, plan.images, say)


def deploy_plan_here(plan: Plan, config: ClientConfig, say: "Say | None" = None) -> Plan:
    """The same for a caller that may block.

    What is there already is seen at a glance, without a client; else the client is loaded and the code
    rehearsed side by side.
    """
    from flyte._client.unchanged import is_unchanged

    if not plan.images and is_unchanged(plan, config, config.project, config.domain):
        return replace(plan, unchanged=True)
    begun = begin_rehearsal(plan, config.project, config.domain)
    try:
        return block_on(deploy_all(plan, config.project, config.domain, say, begun))
    finally:
        begun.exception()  # its process and its folder are gone then, whatever became of the deployment


def begin_rehearsal(plan: Plan, project: str, domain: str) -> "Rehearsal":
    """Import the bundle in a clean interpreter, beside whatever else goes on."""
    from flyte._rehearsal import rehearse
    from flyte._runtime.threads import start_thread

    bundle = plan.bundle
    return start_thread(
        lambda: rehearse(bundle, plan.layout, plan.templates, project, domain) if bundle else ()
    )


async def rehearse_plan(
    plan: Plan, project: str, domain: str, say: "Say", begun: "Rehearsal | None" = None
) -> None:
    """Say what is worth noting of a rehearsal. Raises CodeBundleError."""
    import asyncio

    for note in await asyncio.wrap_future(begun or begin_rehearsal(plan, project, domain)):
        say(f"note: {note}")


def deployments(envs: Sequence[Environment], plan: Plan) -> list[Deployment]:
    """A plan's tasks by the environments that were asked for."""
    found: list[Deployment] = []
    covered: set[str] = set()
    for env in envs:
        if env.name in covered:
            continue
        names = [environment.name for environment in closure([env])]
        covered.update(names)
        deployed = {name: _deployed(name, plan) for name in names}
        found.append(Deployment(envs=deployed, version=plan.version, unchanged=plan.unchanged))
    return found


def _deployed(environment: str, plan: Plan) -> DeployedEnvironment:
    images = [template.image for template in plan.templates if template.environment == environment]
    return DeployedEnvironment(
        name=environment,
        image=images[0] if images else "auto",
        tasks=tuple(
            DeployedTask(
                name=template.name,
                version=plan.version,
                triggers=tuple(trigger.name for trigger in template.triggers),
            )
            for template in plan.templates
            if template.environment == environment
        ),
    )


async def _deploy_all(
    envs: Sequence[Environment],
    dryrun: bool,
    version: str | None,
    interactive_mode: bool | None,
    copy_style: str,
) -> list[Deployment]:
    if interactive_mode:
        raise NotImplementedError("deploy(interactive_mode=True) is not supported: write the tasks to a file")
    if not envs:
        raise ValueError("deploy what? Give at least one TaskEnvironment")
    plan = plan_here(envs, version=version, copy_style=copy_style)
    if dryrun:
        config = _session.configured() or ClientConfig()
        await rehearse_plan(plan, config.project, config.domain, _say)
    else:
        config = _session.client().config
        plan = await deploy_all(plan, config.project, config.domain)
    return deployments(envs, plan)


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
