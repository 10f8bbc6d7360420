"""`flyte rerun RUN [--input value …]`: a run again, with other inputs where they are given."""

from dataclasses import replace
from typing import Annotated

import typer

from flyte._cli.completion import offer_runs
from flyte._cli.pairs import pairs_of
from flyte._cli.run import show_until_over
from flyte._cli.run_words import Detach, Follow, Labels, Variables
from flyte._cli.setting import Domain, Project, settle


def rerun(
    context: typer.Context,
    run: Annotated[str, typer.Argument(help="Name or URL of the run.", autocompletion=offer_runs)],
    inputs: Annotated[
        list[str] | None, typer.Argument(help="--input value …, behind --", show_default=False)
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the new run.", show_default="chosen")] = None,
    env: Variables = None,
    label: Labels = None,
    detach: Detach = False,
    follow: Follow = False,
    recover: Annotated[bool, typer.Option("--recover", help="Not supported yet.")] = False,
    action_name: Annotated[str, typer.Option(help="Which action of the run to run again.")] = "a0",
    project: Project = None,
    domain: Domain = None,
) -> None:
    """Run the task of a run again: the same version, with its inputs unless you give others."""
    config = settle(context, project=project, domain=domain)
    from flyte import _session
    from flyte._cli.inputs import parse_inputs, specs_of_wire
    from flyte._client.actions import Action
    from flyte._client.again import start_again
    from flyte._client.deployed import fetch_task
    from flyte._client.runs import parse_run
    from flyte._names import check_run_name
    from flyte._rerun import refuse_recovery
    from flyte._syncify import block_on

    refuse_recovery(recover)
    client, words = _session.client(), inputs or []
    key = parse_run(run, config.project, config.domain)
    values = {}
    if words:
        details = Action.get(uri=run, name=action_name).details()
        wanted = f"{details.task_name}:{details.task_version}"
        record = block_on(fetch_task(client, key.project, key.domain, wanted))
        specs = [
            replace(spec, required=False, absent={}) for spec in specs_of_wire(record.template.interface)
        ]
        values = parse_inputs(specs, words)
    again = start_again(
        client,
        key.action(action_name),
        values,
        are_json=True,
        name=check_run_name(name) if name else None,
        env_vars=pairs_of("--env", env or []),
        labels=pairs_of("--label", label or []),
    )
    show_until_over(block_on(again), detach=detach and not follow)
