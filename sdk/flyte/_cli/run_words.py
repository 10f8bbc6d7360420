"""The options of `flyte run`, those that are kept with a run, and those by which runs are found again."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from flyte._cli.pairs import images_of, pairs_of
from flyte._cli.setting import globals_of, placed, shown, sourced

if TYPE_CHECKING:
    from flyte._client.filters import RunFilter
    from flyte_schemas.events import RunSettings

FC = TypeVar("FC", bound="Callable[..., Any] | click.Command")

_KEPT = "Kept with the run; does not act yet."
_REFUSED = {
    "tui": "there is no full-screen view: a run on a terminal shows a live tree",
    "tracked": "runs are not tracked outside the log: every run on the stack is in it",
    "tracked_strict": "runs are not tracked outside the log: every run on the stack is in it",
}
"""Flags of Flyte's that are not there, each with the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """The options of one `flyte run`, as they were typed."""

    project: str | None = None
    domain: str | None = None
    run_project: str | None = None
    run_domain: str | None = None
    name: str | None = None
    env_vars: Mapping[str, str] = field(default_factory=dict)
    copy_style: str = "loaded_modules"
    root_dir: Path | None = None
    version: str | None = None
    local: bool = False
    detach: bool = False
    progress: bool = True
    as_json: bool = False
    images: Mapping[str, str] = field(default_factory=dict)
    sync_sys_paths: bool = True
    kept: Mapping[str, Any] = field(default_factory=dict)
    """What is kept with the run, by the names of `RunSettings`; only what was said."""

    def settings(self) -> "RunSettings":
        """What is kept with the run."""
        from flyte_schemas.events import RunSettings

        return RunSettings(**self.kept)


def run_options(command: FC) -> FC:
    """All options of `flyte run`."""
    for option in reversed(
        (
            click.option("--local", is_flag=True, help="Run in this process, without a stack."),
            placed,
            click.option("--name", help="Name of the run; else it is chosen."),
            following,
            shown,
            click.option("-e", "--env", multiple=True, help="K=V, for the run's tasks."),
            sourced,
            click.option("--label", multiple=True, help="K=V, to find the run by."),
            click.option("--raw-data-path", help=_KEPT),
            click.option("--service-account", help=_KEPT),
            click.option("--queue", help=_KEPT),
            click.option("--max-action-concurrency", type=click.IntRange(min=1), help=_KEPT),
            click.option("--debug", is_flag=True, help=_KEPT),
            click.option("--run-project", help="With deployed-task: the run's project, which is the task's."),
            click.option("--run-domain", help="With deployed-task: the run's domain, which is the task's."),
            *(click.option(f"--{name.replace('_', '-')}", is_flag=True, hidden=True) for name in _REFUSED),
        )
    ):
        command = option(command)
    return command


def following(command: FC) -> FC:
    """Whether to wait for a run, and how to show it meanwhile."""
    for option in reversed(
        (
            click.option("-f", "--follow", is_flag=True, help="Wait and show the output (the default)."),
            click.option("--detach", is_flag=True, help="Return once the run is submitted."),
            click.option("--no-progress", is_flag=True, help="Plain lines, no live view."),
        )
    ):
        command = option(command)
    return command


def wishes_of(context: click.Context, given: Mapping[str, Any]) -> Wishes:
    """The options by what they mean. Raises BadParameter."""
    for name, reason in _REFUSED.items():
        if given[name]:
            raise click.UsageError(f"--{name.replace('_', '-')}: {reason}")
    before = globals_of(context)
    kept = {
        "labels": pairs_of("--label", given["label"]),
        "raw_data_path": given["raw_data_path"],
        "service_account": given["service_account"],
        "queue": given["queue"],
        "max_action_concurrency": given["max_action_concurrency"],
        "debug": given["debug"],
    }
    return Wishes(
        **{name: given[name] for name in _AS_GIVEN},
        env_vars={**before.log_variables, **pairs_of("--env", given["env"])},
        detach=given["detach"] and not given["follow"],
        progress=before.progress and not given["no_progress"],
        as_json=given["output"] == "json",
        images=images_of(given["image"]),
        sync_sys_paths=not given["no_sync"],
        kept={name: value for name, value in kept.items() if value},
    )


_AS_GIVEN = (
    "project",
    "domain",
    "run_project",
    "run_domain",
    "name",
    "copy_style",
    "root_dir",
    "version",
    "local",
)


def filtered(command: FC) -> FC:
    """By what runs are found."""
    for option in reversed(
        (
            click.option("--in-phase", multiple=True, help="Only in this phase."),
            click.option("--task-name", help="Only of this task."),
            click.option("--task-version", help="Only of this version."),
            click.option("--only-mine", is_flag=True, help="Only those that you asked for."),
            click.option("--created-after", help="E.g. 2024-01-02 or 'now - 1 day'."),
            click.option("--created-before", help="Likewise."),
            click.option("--updated-after", hidden=True),
            click.option("--updated-before", hidden=True),
            click.option("--paused-only", is_flag=True, help="Runs never pause here: none are shown."),
            click.option("--with-label", multiple=True, help="K=V."),
            click.option("--with-label-key", multiple=True, help="K, with any value."),
        )
    ):
        command = option(command)
    return command


def filter_of(given: Mapping[str, Any]) -> "RunFilter":
    """What a run must meet to be listed. Raises BadParameter, ValueError."""
    for name in ("updated_after", "updated_before"):
        if given[name]:
            raise click.UsageError(
                f"--{name.replace('_', '-')}: runs cannot be found by when they changed: use --created-after "
                "and --created-before"
            )
    from flyte._cli.times import parse_moment
    from flyte._client.filters import RunFilter, TimeFilter, phases_of
    from flyte._client.identity import who

    after, before = given["created_after"], given["created_before"]
    return RunFilter(
        in_phase=phases_of(given["in_phase"] or None),
        task_name=given["task_name"],
        task_version=given["task_version"],
        requested_by=who() if given["only_mine"] else None,
        created_at=TimeFilter(
            after=parse_moment(after) if after else None,
            before=parse_moment(before) if before else None,
        ),
        labels=pairs_of("--with-label", given["with_label"]),
        label_keys=tuple(given["with_label_key"]),
    )
