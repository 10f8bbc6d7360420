"""`flyte logs RUN`: what a run printed."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from flyte._cli.completion import NamedRun
from flyte._cli.setting import Domain, Output, Project, settle

if TYPE_CHECKING:
    from flyte_schemas.subjects import RunKey


Follow = Annotated[bool, typer.Option("-f", "--follow", help="Go on until the run is over.")]

app = typer.Typer(rich_markup_mode=None)


@app.command("logs")
def logs(
    context: typer.Context,
    run: NamedRun,
    follow: Follow = False,
    project: Project = None,
    domain: Domain = None,
    output: Output = None,
) -> None:
    """Show what a run has printed.

    With -o json each line of output is one JSON document.
    """
    key = _key(context, run, project, domain)
    from flyte._syncify import block_on

    block_on(_logs(key, follow, output == "json"))


def _key(context: typer.Context, run: str, project: str | None, domain: str | None) -> "RunKey":
    from flyte._client.runs import parse_run

    config = settle(context, project=project, domain=domain)
    return parse_run(run, config.project, config.domain)


async def _logs(key: "RunKey", follow: bool, as_json: bool) -> None:
    from flyte import _session
    from flyte._cli.readers import while_somebody_reads
    from flyte._client.follow import Follower
    from flyte._client.logs import JsonPrinter, LogPrinter, print_kept
    from flyte._client.trouble import say_on_stderr, translated
    from flyte._client.watch import RunWatch

    with translated():
        bus = await _session.client().bus()
        watch = RunWatch(bus, key)
        plain = LogPrinter(sys.stdout, sys.stderr, watch.task_of)
        printer = JsonPrinter(sys.stdout) if as_json else plain
        if follow:
            async with while_somebody_reads():
                await Follower(bus, watch, printer, say=say_on_stderr).wait()
            return
        if (await watch.refresh()).phase is None:
            raise _unknown(key)
        await print_kept(bus, key, printer)


def _unknown(key: "RunKey") -> LookupError:
    return LookupError(
        f"the log has no run {key.run!r} in {key.project}/{key.domain}: `flyte get run` lists them, and "
        "-f waits for one that was asked for just now"
    )
