"""The options of `flyte run` that are kept with a run, and those by which runs are found again."""

from typing import TYPE_CHECKING, Annotated

import typer

from flyte._cli.pairs import pairs_of

if TYPE_CHECKING:
    from flyte._client.filters import RunFilter
    from flyte_schemas.events import RunSettings

_KEPT = "Kept with the run; does not act yet."

DeployVersion = Annotated[
    str | None, typer.Option("--version", help="Version to deploy as.", show_default="a hash of the content")
]
Follow = Annotated[
    bool, typer.Option("-f", "--follow", help="Wait and show the output (this is the default).")
]
Detach = Annotated[bool, typer.Option("--detach", help="Return once the run is submitted.")]
NoProgress = Annotated[
    bool, typer.Option("--no-progress", help="Plain lines, without the live view of a terminal.")
]
Variables = Annotated[
    list[str] | None, typer.Option("-e", "--env", help="K=V, for the run's tasks.", show_default=False)
]
Images = Annotated[
    list[str] | None,
    typer.Option("--image", help="NAME=URI, or URI for the default image.", show_default=False),
]
NoSync = Annotated[
    bool, typer.Option("--no-sync-local-sys-paths", help="Tasks have only the source root on sys.path.")
]
Labels = Annotated[
    list[str] | None, typer.Option("--label", help="K=V, to find the run by.", show_default=False)
]
RawDataPath = Annotated[str | None, typer.Option("--raw-data-path", help=_KEPT, show_default=False)]
ServiceAccount = Annotated[str | None, typer.Option("--service-account", help=_KEPT, show_default=False)]
Queue = Annotated[str | None, typer.Option("--queue", help=_KEPT, show_default=False)]
Concurrency = Annotated[
    int | None, typer.Option("--max-action-concurrency", help=_KEPT, min=1, show_default=False)
]
Debug = Annotated[bool, typer.Option("--debug", help=_KEPT)]

InPhase = Annotated[
    list[str] | None, typer.Option("--in-phase", help="Only in this phase.", show_default=False)
]
TaskName = Annotated[str | None, typer.Option("--task-name", help="Only of this task.", show_default=False)]
TaskVersion = Annotated[
    str | None, typer.Option("--task-version", help="Only of this version.", show_default=False)
]
OnlyMine = Annotated[bool, typer.Option("--only-mine", help="Only those that you asked for.")]
CreatedAfter = Annotated[
    str | None,
    typer.Option("--created-after", help="E.g. 2024-01-02 or 'now - 1 day'.", show_default=False),
]
CreatedBefore = Annotated[str | None, typer.Option("--created-before", help="Likewise.", show_default=False)]
WithLabels = Annotated[list[str] | None, typer.Option("--with-label", help="K=V.", show_default=False)]
WithLabelKeys = Annotated[
    list[str] | None, typer.Option("--with-label-key", help="K, with any value.", show_default=False)
]


def settings_of(
    labels: list[str] | None,
    raw_data_path: str | None,
    service_account: str | None,
    queue: str | None,
    max_action_concurrency: int | None,
    debug: bool,
) -> "RunSettings":
    """What is kept with the run. Raises BadParameter."""
    from flyte_schemas.events import RunSettings

    return RunSettings(
        labels=pairs_of("--label", labels or []),
        raw_data_path=raw_data_path or "",
        service_account=service_account or "",
        queue=queue or "",
        max_action_concurrency=max_action_concurrency,
        debug=debug,
    )


def filter_of(
    in_phase: list[str] | None,
    task_name: str | None,
    task_version: str | None,
    only_mine: bool,
    created_after: str | None,
    created_before: str | None,
    with_label: list[str] | None,
    with_label_key: list[str] | None,
) -> "RunFilter":
    """What a run must meet to be listed. Raises BadParameter, ValueError."""
    from flyte._cli.times import parse_moment
    from flyte._client.filters import RunFilter, TimeFilter, phases_of
    from flyte._client.identity import who

    return RunFilter(
        in_phase=phases_of(in_phase),
        task_name=task_name,
        task_version=task_version,
        requested_by=who() if only_mine else None,
        created_at=TimeFilter(
            after=parse_moment(created_after) if created_after else None,
            before=parse_moment(created_before) if created_before else None,
        ),
        labels=pairs_of("--with-label", with_label or []),
        label_keys=tuple(with_label_key or ()),
    )
