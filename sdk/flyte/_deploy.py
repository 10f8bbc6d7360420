"""Deploy environments: `flyte.deploy`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from flyte import _session
from flyte._config import DEFAULT_DOMAIN, DEFAULT_PROJECT
from flyte._environment import TaskEnvironment
from flyte._plan import Plan, closure, make_plan
from flyte._syncify import await_on, block_on

if TYPE_CHECKING:
    from flyte._client.trouble import Say


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployedTask:
    """One version of one task."""

    name: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployedEnvironment:
    """An environment and its tasks, as they were deployed."""

    name: str
    tasks: tuple[DeployedTask, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """What deploying one environment brought: itself and all that it depends on."""

    envs: dict[str, DeployedEnvironment]
    version: str

    def summary_repr(self) -> str:
        """One line that names every environment and task version."""
        parts = []
        for environment in self.envs.values():
            tasks = ", ".join(
                f"DeployedTask(name={task.name}, version={task.version})" for task in environment.tasks
            )
            parts.append(f"Deployment(env=[{environment.name}], entities=[{tasks}])")
        return f"Deployment(envs=[{', '.join(parts)}])"


class _Deploy:
    def __call__(
        self,
        *envs: TaskEnvironment,
        dryrun: bool = False,
        version: str | None = None,
        interactive_mode: bool | None = None,
        copy_style: str = "loaded_modules",
    ) -> list[Deployment]:
        """Deploy environments with their tasks, and all environments they depend on.

        Returns one Deployment for each given environment that no earlier one covers. `dryrun` computes all
        of it and sends nothing. Without `version` the content names it. Raises DeploymentError when the
        registry refuses, InitializationError without a client, CodeBundleError, ValueError and TypeError
        for what cannot be deployed.
        """
        return block_on(_deploy_all(envs, dryrun, version, interactive_mode, copy_style))

    async def aio(
        self,
        *envs: TaskEnvironment,
        dryrun: bool = False,
        version: str | None = None,
        interactive_mode: bool | None = None,
        copy_style: str = "loaded_modules",
    ) -> list[Deployment]:
        """The same, to be awaited."""
        return await await_on(_deploy_all(envs, dryrun, version, interactive_mode, copy_style))


deploy = _Deploy()


def plan_here(
    envs: Sequence[TaskEnvironment],
    *,
    version: str | None = None,
    copy_style: str = "loaded_modules",
    project: str | None = None,
    domain: str | None = None,
    root_dir: Path | None = None,
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
    )


async def carry_out(plan: Plan, project: str, domain: str, say: "Say | None" = None) -> Plan:
    """Deploy a plan through this process's client. Raises the SDK's errors."""
    from flyte._client.deploy import deploy_plan
    from flyte._client.trouble import say_on_stderr, translated

    with translated():
        bus = await _session.client().bus()
        return await deploy_plan(bus, plan, project, domain, say=say or say_on_stderr)


def deployments(envs: Sequence[TaskEnvironment], plan: Plan) -> list[Deployment]:
    """A plan's tasks by the environments that were asked for."""
    found: list[Deployment] = []
    covered: set[str] = set()
    for env in envs:
        if env.name in covered:
            continue
        names = [environment.name for environment in closure([env])]
        covered.update(names)
        found.append(Deployment(envs={name: _deployed(name, plan) for name in names}, version=plan.version))
    return found


def _deployed(environment: str, plan: Plan) -> DeployedEnvironment:
    return DeployedEnvironment(
        name=environment,
        tasks=tuple(
            DeployedTask(name=template.name, version=plan.version)
            for template in plan.templates
            if template.environment == environment
        ),
    )


async def _deploy_all(
    envs: Sequence[TaskEnvironment],
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
    if not dryrun:
        config = _session.client().config
        plan = await carry_out(plan, config.project, config.domain)
    return deployments(envs, plan)
