"""`flyte logs RUN` and `flyte events RUN`: what a run printed, and what happened to it."""

import sys
from contextlib import aclosing
from typing import TYPE_CHECKING

import click

from flyte._cli.completion import offer_runs
from flyte._cli.setting import placed, settle, shown

if TYPE_CHECKING:
    from flyte._client.watch import Happening
    from flyte_schemas.subjects import RunKey


@click.command()
@click.argument("run", shell_complete=offer_runs)
@click.option("-f", "--follow", is_flag=True, help="Go on until the run is over.")
@placed
@shown
@click.pass_context
def logs(
    context: click.Context, run: str, follow: bool, project: str | None, domain: str | None, output: str
) -> None:
    """Show what a run has printed.

    RUN is the name or URL of a run. With -o json each line of output is one JSON document.
    """
    key = _key(context, run, project, domain)
    from flyte._syncify import block_on

    block_on(_logs(key, follow, output == "json"))


@click.command()
@click.argument("run", shell_complete=offer_runs)
@click.option("-f", "--follow", is_flag=True, help="Go on until the run is over.")
@placed
@shown
@click.pass_context
def events(
    context: click.Context, run: str, follow: bool, project: str | None, domain: str | None, output: str
) -> None:
    """Show what happened to a run, event by event, as the log has it.

    RUN is the name or URL of a run. With -o json each event is one JSON document.
    """
    key = _key(context, run, project, domain)
    from flyte._syncify import block_on

    block_on(_events(key, follow, output == "json"))


def _key(context: click.Context, run: str, project: str | None, domain: str | None) -> "RunKey":
    from flyte._client.runs import parse_run

    config = settle(context, project=project, domain=domain)
    return parse_run(run, config.project, config.domain)


async def _logs(key: "RunKey", follow: bool, as_json: bool) -> None:
    from flyte import _session
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
            await Follower(bus, watch, printer, say=say_on_stderr).wait()
            return
        if (await watch.refresh()).phase is None:
            raise _unknown(key)
        await print_kept(bus, key, printer)


async def _events(key: "RunKey", follow: bool, as_json: bool) -> None:
    from flyte import _session
    from flyte._client.trouble import translated
    from flyte._client.watch import RunWatch

    with translated():
        watch = RunWatch(await _session.client().bus(), key)
        async with aclosing(watch.happened()) as past:
            async for happening in past:
                _show(happening, as_json)
        if watch.fold.phase is None and not follow:
            raise _unknown(key)
        if not follow or watch.fold.is_settled:
            return
        async with aclosing(watch.follow()) as coming:
            async for happening in coming:
                _show(happening, as_json)
                if watch.fold.is_settled:
                    return


def _show(happening: "Happening", as_json: bool) -> None:
    from flyte._cli.story import event_line

    click.echo(
        happening.raw.decode(errors="replace") if as_json else event_line(happening.action, happening.event)
    )


def _unknown(key: "RunKey") -> LookupError:
    return LookupError(
        f"the log has no run {key.run!r} in {key.project}/{key.domain}: `flyte get run` lists them, and "
        "-f waits for one that was asked for just now"
    )
