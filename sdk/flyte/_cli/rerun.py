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
    recover: Annotated[
        bool, typer.Option("--recover", help="Refused: to keep what had succeeded is not supported yet.")
    ] = False,
    force_rerun_action: Annotated[list[str] | None, typer.Option("--force-rerun-action", hidden=True)] = None,
    allow_missing_outputs: Annotated[bool, typer.Option("--allow-missing-outputs", hidden=True)] = False,
    follow: Follow = False,
    detach: Detach = False,
    no_progress: NoProgress = False,
    project: Project = None,
    domain: Domain = None,
    output: Output = None,
) -> None:
    """Run the task of a run again: the same version, with its inputs unless you give others.

    Inputs that share their name with an option stand behind `--`.
    """
    from flyte._rerun import refuse_recovery

    refuse_recovery(recover or bool(force_rerun_action) or allow_missing_outputs)
    config = settle(context, project=project, domain=domain)
    from flyte import _session
    from flyte._cli.awaiting import show_until_over
    from flyte._client.again import start_again
    from flyte._client.runs import parse_run
    from flyte._names import check_run_name
    from flyte._syncify import block_on

    client, before = _session.client(), globals_of(context)
    source = parse_run(run, config.project, config.domain).action(action_name)
    again = start_again(
        client,
        source,
        _values(client, source, inputs) if inputs else {},
        are_json=True,
        name=check_run_name(name) if name else None,
        env_vars={**before.log_variables, **pairs_of("--env", env)},
        labels=pairs_of("--label", label),
    )
    show_until_over(
        block_on(again),
        detach=detach and not follow,
        progress=before.progress and not no_progress,
        as_json=output == "json",
    )


def _values(client: "Client", source: "ActionKey", words: list[str]) -> dict[str, Any]:
    """The inputs that are given anew, as the task of the run takes them."""
    from flyte._cli.inputs import parse_inputs, specs_of_wire
    from flyte._client.actions import Action
    from flyte._client.deployed import fetch_task
    from flyte._syncify import block_on

    details = Action(client, source).details()
    wanted = f"{details.task_name}:{details.task_version}"
    record = block_on(fetch_task(client, source.run.project, source.run.domain, wanted))
    specs = specs_of_wire(record.template.interface)
    return parse_inputs([replace(spec, required=False, absent={}) for spec in specs], words)
