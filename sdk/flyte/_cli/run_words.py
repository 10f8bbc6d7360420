"""The options of `flyte run`, those that are kept with a run, and those by which runs are found again."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import click
import typer

from flyte._cli.pairs import images_of, pairs_of
from flyte._cli.setting import globals_of

if TYPE_CHECKING:
    from flyte._client.filters import RunFilter
    from flyte_schemas.events import RunSettings

_KEPT = "Kept with the run; does not act yet."

RunName = Annotated[str | None, typer.Option("--name", help="Name of the run; else it is chosen.")]
Variables = Annotated[list[str] | None, typer.Option("-e", "--env", help="K=V, for the run's tasks.")]
Labels = Annotated[list[str] | None, typer.Option("--label", help="K=V, to find the run by.")]
Follow = Annotated[bool, typer.Option("-f", "--follow", help="Wait and show the output (the default).")]
Detach = Annotated[bool, typer.Option("--detach", help="Return once the run is submitted.")]
NoProgress = Annotated[bool, typer.Option("--no-progress", help="Plain lines, no live view.")]
Local = Annotated[bool, typer.Option("--local", help="Run in this process, without a stack.")]
RawDataPath = Annotated[
    str | None,
    typer.Option("--raw-data-path", help="Where a local run makes its data; kept with a run on the stack."),
]
ServiceAccount = Annotated[str | None, typer.Option("--service-account", help=_KEPT)]
Queue = Annotated[str | None, typer.Option("--queue", help=_KEPT)]
Concurrency = Annotated[
    int | None,
    typer.Option(
        "--max-action-concurrency",
        min=1,
        help="How many of its actions run at a time; parents that wait for children are not counted.",
    ),
]
Debug = Annotated[bool, typer.Option("--debug", help=_KEPT)]
RunProject = Annotated[
    str | None,
    typer.Option("--run-project", help="With deployed-task: the run's project, which is the task's."),
]
RunDomain = Annotated[
    str | None,
    typer.Option("--run-domain", help="With deployed-task: the run's domain, which is the task's."),
]
Tui = Annotated[bool, typer.Option("--tui", hidden=True)]
Tracked = Annotated[bool, typer.Option("--tracked", hidden=True)]
TrackedStrict = Annotated[bool, typer.Option("--tracked-strict", hidden=True)]

InPhase = Annotated[list[str] | None, typer.Option("--in-phase", help="Only in this phase.")]
TaskName = Annotated[str | None, typer.Option("--task-name", help="Only of this task.")]
TaskVersion = Annotated[str | None, typer.Option("--task-version", help="Only of this version.")]
OnlyMine = Annotated[bool, typer.Option("--only-mine", help="Only those that you asked for.")]
CreatedAfter = Annotated[
    str | None, typer.Option("--created-after", help="E.g. 2024-01-02 or 'now - 1 day'.")
]
CreatedBefore = Annotated[str | None, typer.Option("--created-before", help="Likewise.")]
UpdatedAfter = Annotated[
    str | None, typer.Option("--updated-after", help="By when they ended; until then, began.")
]
UpdatedBefore = Annotated[str | None, typer.Option("--updated-before", help="Likewise.")]
Search = Annotated[str, typer.Option("--search", help="Only those with this in their name or their task's.")]
PausedOnly = Annotated[bool, typer.Option("--paused-only", help="Only runs that wait for somebody's answer.")]
WithLabels = Annotated[list[str] | None, typer.Option("--with-label", help="K=V.")]
WithLabelKeys = Annotated[list[str] | None, typer.Option("--with-label-key", help="K, with any value.")]

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


def wishes_of(context: typer.Context) -> Wishes:
    """The options of `flyte run` by what they mean. Raises UsageError."""
    given = context.params
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


def filter_of(given: Mapping[str, Any]) -> "RunFilter":
    """What a run must meet to be listed, of the options of `flyte get run`. Raises UsageError, ValueError."""
    from flyte._cli.times import parse_moment
    from flyte._client.filters import RunFilter, TimeFilter, phases_of
    from flyte._client.identity import who

    def times(what: str) -> TimeFilter:
        after, before = given[f"{what}_after"], given[f"{what}_before"]
        return TimeFilter(
            after=parse_moment(after) if after else None,
            before=parse_moment(before) if before else None,
        )

    return RunFilter(
        in_phase=phases_of(given["in_phase"] or None),
        task_name=given["task_name"],
        task_version=given["task_version"],
        requested_by=who() if given["only_mine"] else None,
        created_at=times("created"),
        updated_at=times("updated"),
        labels=pairs_of("--with-label", given["with_label"]),
        label_keys=tuple(given["with_label_key"]),
        paused_only=given["paused_only"],
        search=given["search"],
    )
