"""`flyte diff RUN1 RUN2`: what differs between two runs."""

from typing import TYPE_CHECKING, Annotated

import typer

from flyte._cli.completion import offer_runs
from flyte._cli.setting import Domain, Output, Project, settle

if TYPE_CHECKING:
    from flyte._comparing.comparison import Comparison

app = typer.Typer(rich_markup_mode=None)


@app.command("diff")
def diff(
    context: typer.Context,
    run1: Annotated[str, typer.Argument(help="Name or URL of a run.", autocompletion=offer_runs)],
    run2: Annotated[str, typer.Argument(help="Name or URL of another run.", autocompletion=offer_runs)],
    project: Project = None,
    domain: Domain = None,
    output: Output = None,
) -> None:
    """Show what differs between two runs: inputs, task versions, and what became of each call.

    Durations count as different only when one is far longer.
    """
    config = settle(context, project=project, domain=domain)
    from flyte import _session
    from flyte._cli.show import json_text
    from flyte._client.comparing import compare_runs
    from flyte._client.runs import parse_run
    from flyte._client.trouble import translated
    from flyte._comparing.document import document_of
    from flyte._comparing.text import text_of
    from flyte._syncify import block_on

    left, right = (parse_run(run, config.project, config.domain) for run in (run1, run2))

    async def work() -> "Comparison":
        with translated():
            return await compare_runs(await _session.client().bus(), left, right)

    found = block_on(work())
    typer.echo(json_text(document_of(found)) if output == "json" else text_of(found))
