"""`flyte rerun RUN [--input value …]`: a run again, with other inputs where they are given."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from flyte._cli.completion import offer_runs
from flyte._cli.pairs import pairs_of
from flyte._cli.run_words import following
from flyte._cli.setting import globals_of, placed, settle, shown

if TYPE_CHECKING:
    from flyte._client.client import Client
    from flyte_schemas.subjects import ActionKey


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("run", shell_complete=offer_runs)
@click.argument("inputs", nargs=-1, type=click.UNPROCESSED, metavar="[--INPUT VALUE]...")
@click.option("--name", help="Name of the new run; else it is chosen.")
@click.option("-e", "--env", multiple=True, help="K=V, for the run's tasks.")
@click.option("--label", multiple=True, help="K=V, to find the run by.")
@click.option("--action-name", default="a0", show_default=True, help="Which action of the run to run again.")
@click.option("--recover", is_flag=True, help="Refused: to keep what had succeeded is not supported yet.")
@click.option("--force-rerun-action", multiple=True, hidden=True)
@click.option("--allow-missing-outputs", is_flag=True, hidden=True)
@following
@placed
@shown
@click.pass_context
def rerun(context: click.Context, /, run: str, inputs: tuple[str, ...], **given: Any) -> None:
    """Run the task of a run again: the same version, with its inputs unless you give others.

    RUN is the name or URL of a run. Inputs that share their name with an option stand behind `--`.
    """
    from flyte._rerun import refuse_recovery

    refuse_recovery(given["recover"] or bool(given["force_rerun_action"]) or given["allow_missing_outputs"])
    config = settle(context, project=given["project"], domain=given["domain"])
    from flyte import _session
    from flyte._cli.awaiting import show_until_over
    from flyte._client.again import start_again
    from flyte._client.runs import parse_run
    from flyte._names import check_run_name
    from flyte._syncify import block_on

    client, before = _session.client(), globals_of(context)
    source = parse_run(run, config.project, config.domain).action(given["action_name"])
    again = start_again(
        client,
        source,
        _values(client, source, inputs) if inputs else {},
        are_json=True,
        name=check_run_name(given["name"]) if given["name"] else None,
        env_vars={**before.log_variables, **pairs_of("--env", given["env"])},
        labels=pairs_of("--label", given["label"]),
    )
    show_until_over(
        block_on(again),
        detach=given["detach"] and not given["follow"],
        progress=before.progress and not given["no_progress"],
        as_json=given["output"] == "json",
    )


def _values(client: "Client", source: "ActionKey", words: tuple[str, ...]) -> dict[str, Any]:
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
