"""`flyte rerun RUN [--input value …]`: a run again, with other inputs where they are given."""

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flyte._cli.completion import NamedRun
from flyte._cli.pairs import pairs_of
from flyte._cli.run_words import Detach, Follow, Labels, NoProgress, RunName, Variables
from flyte._cli.setting import Domain, Output, Project, globals_of, settle

if TYPE_CHECKING:
    from flyte._client.client import Client
    from flyte_schemas.subjects import ActionKey


app = typer.Typer(rich_markup_mode=None)

Recovers = Annotated[bool, typer.Option("--recover", help="Take over what had succeeded, and run the rest.")]
RunsAgain = Annotated[
    list[str] | None,
    typer.Option("--force-rerun-action", help="Recovering, run this action anyway, with all below it."),
]
AllowsMissing = Annotated[
    bool, typer.Option("--allow-missing-outputs", help="Recovering, run again what has lost its outputs.")
]
OtherVersion = Annotated[
    str | None,
    typer.Option("--task-version", help="Run this version of the task; `latest`: the one deployed last."),
]


@app.command("rerun", context_settings={"ignore_unknown_options": True})
def rerun(
    context: typer.Context,
    run: NamedRun,
    inputs: Annotated[
        list[str] | None,
        typer.Argument(metavar="[--INPUT VALUE]...", help="Inputs that differ from those of the run."),
    ] = None,
    name: RunName = None,
    env: Variables = None,
    label: Labels = None,
    action_name: Annotated[
        str, typer.Option("--action-name", help="Which action of the run to run again.")
    ] = "a0",
    recover: Recovers = False,
    force_rerun_action: RunsAgain = None,
    allow_missing_outputs: AllowsMissing = False,
    task_version: OtherVersion = None,
    follow: Follow = False,
    detach: Detach = False,
    no_progress: NoProgress = False,
    project: Project = None,
    domain: Domain = None,
    output: Output = None,
) -> None:
    """Run the task of a run again: the same version, with its inputs unless you give others.

    With --recover, calls that had succeeded in the run are not made again: their results are taken over.
    Inputs that share their name with an option stand behind `--`.
    """
    config = settle(context, project=project, domain=domain)
    from flyte import _session
    from flyte._cli.awaiting import show_until_over
    from flyte._client.again import start_again
    from flyte._client.runs import parse_run
    from flyte._names import check_run_name
    from flyte._rerun import recover_of
    from flyte._syncify import block_on

    wanted = recover_of(recover, force_rerun_action, allow_missing_outputs)
    client, before = _session.client(), globals_of(context)
    source = parse_run(run, config.project, config.domain).action(action_name)
    again = start_again(
        client,
        source,
        _values(client, source, inputs, task_version) if inputs else {},
        are_json=True,
        name=check_run_name(name) if name else None,
        env_vars={**before.log_variables, **pairs_of("--env", env)},
        labels=pairs_of("--label", label),
        recover=wanted,
        task_version=task_version,
    )
    show_until_over(
        block_on(again),
        detach=detach and not follow,
        progress=before.progress and not no_progress,
        as_json=output == "json",
    )


def _values(
    client: "Client", source: "ActionKey", words: list[str], task_version: str | None
) -> dict[str, Any]:
    """The inputs that are given anew, as the task of the run takes them."""
    from flyte._cli.inputs import parse_inputs, specs_of_wire
    from flyte._client.actions import Action
    from flyte._client.deployed import fetch_task
    from flyte._syncify import block_on

    details = Action(client, source).details()
    version = None if task_version == "latest" else task_version or details.task_version
    wanted = f"{details.task_name}:{version}" if version else f"{details.task_name}"
    record = block_on(fetch_task(client, source.run.project, source.run.domain, wanted))
    specs = specs_of_wire(record.template.interface)
    return parse_inputs([replace(spec, required=False, absent={}) for spec in specs], words)
