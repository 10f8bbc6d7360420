"""`flyte export RUN` and `flyte import FILE`: a run as a file that replays anywhere."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import click
import typer

from flyte._cli.completion import NamedRun
from flyte._cli.setting import PATH, Domain, Output, Project, settle
from flyte_schemas.addresses import run_address
from flyte_schemas.names import is_name

if TYPE_CHECKING:
    from flyte._archive.checking import Contents
    from flyte._client.exporting import Exported
    from flyte._client.importing import Imported

THERE = click.Path(path_type=Path, exists=True, dir_okay=False)
SHOWN_OBJECTS = 5
"""So many objects that are missing are named one by one."""

app = typer.Typer(rich_markup_mode=None)


@app.command("export")
def export(
    context: typer.Context,
    run: NamedRun,
    file: Annotated[
        Path | None,
        typer.Option("-o", "--output-file", click_type=PATH, help="Where to; else RUN.flyte.zip."),
    ] = None,
    no_objects: Annotated[
        bool,
        typer.Option("--no-objects", help="Leave out what is in the artifact store: large values, code."),
    ] = False,
    project: Project = None,
    domain: Domain = None,
) -> None:
    """Write a run into one file: its events, task versions, output, and the objects that they refer to.

    The file is chained by hashes, and `flyte import` brings it into another stack.
    """
    config = settle(context, project=project, domain=domain)
    from flyte import _session
    from flyte._client.exporting import export_run
    from flyte._client.runs import parse_run
    from flyte._client.trouble import translated
    from flyte._syncify import block_on

    key = parse_run(run, config.project, config.domain)
    path = file or Path(f"{key.run.replace('/', '_')}.flyte.zip")
    if not path.parent.is_dir():
        raise click.BadParameter(f"there is no folder {path.parent}", context, param_hint="-o")

    async def work() -> "Exported":
        with translated():
            bus = await _session.client().bus()
            return await export_run(bus, key, path, at=datetime.now(UTC), with_objects=not no_objects)

    done = block_on(work())
    typer.echo(_exported_text(done))
    if not done.seal.is_finished:
        typer.echo(
            f"run {key.run} has not ended: the file is what the log had until now, and no stack imports it. "
            "Export it again after its end.",
            err=True,
        )


@app.command("import")
def import_(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(click_type=THERE, help="What `flyte export` has written.")],
    name: Annotated[
        str | None, typer.Option("--as", metavar="NAME", help="Name of the run here; else the one it had.")
    ] = None,
    project: Annotated[str | None, typer.Option("-p", "--project", help="Else the one it was in.")] = None,
    domain: Annotated[str | None, typer.Option("-d", "--domain", help="Else the one it was in.")] = None,
    output: Output = None,
) -> None:
    """Bring a run from a file into the log of this stack, as it was; all of the file is checked first.

    Nothing of it runs here. The same file again, or after an interruption, adds what is missing.
    """
    for option, given in (("--project", project), ("--domain", domain)):
        if given is not None and not is_name(given):
            raise click.BadParameter(
                f"{given!r} has a dot, a wildcard or white space", context, param_hint=option
            )
    config = settle(context)
    place = (config.project, config.domain)
    from flyte import _session
    from flyte._archive.checking import check
    from flyte._archive.reading import reading
    from flyte._cli.show import json_text
    from flyte._client.identity import who
    from flyte._client.importing import import_run
    from flyte._client.trouble import translated
    from flyte._names import check_run_name
    from flyte._syncify import block_on
    from flyte_schemas.subjects import RunKey

    with reading(file) as reader:
        contents = check(reader)
        origin = contents.manifest.key
        key = RunKey(
            project or origin.project, domain or origin.domain, check_run_name(name) if name else origin.run
        )

        async def work() -> "Imported":
            with translated():
                return await import_run(await _session.client().bus(), reader, contents, key, who())

        done = block_on(work())
    vouched = _vouched(contents)
    if output == "json":
        return typer.echo(json_text(_document(done) | vouched))
    return typer.echo(f"{_imported_text(done, place)}{_vouched_text(vouched)}")


def _vouched(contents: "Contents") -> dict[str, object]:
    """What the stack that the run came from has sealed, and whether its keys are trusted here."""
    from flyte._client.verifying import trusted_keys

    is_trusted = bool(contents.keys) and contents.keys <= trusted_keys()
    return {
        "sealed_events": contents.sealed,
        "sealed_with": sorted(contents.keys),
        "seals_are_trusted": is_trusted,
    }


def _vouched_text(vouched: "dict[str, object]") -> str:
    if not vouched["sealed_events"]:
        return "\nthe stack that it came from had sealed nothing of it"
    keys = ", ".join(vouched["sealed_with"]) if isinstance(vouched["sealed_with"], list) else ""
    known = "" if vouched["seals_are_trusted"] else ", which FLYTE_SEAL_KEYS does not name: whose is it?"
    return f"\nas it was sealed there ({vouched['sealed_events']} events, by {keys}{known})"


def _exported_text(done: "Exported") -> str:
    seal = done.seal
    lines = [
        f"run {done.run.run} is in {done.path} ({done.size_bytes} bytes): "
        + _kinds(seal.events, seal.tasks, seal.logs, seal.objects),
        f"digest {done.digest}",
    ]
    return "\n".join([*lines, *_missing_lines(list(done.missing))])


def _imported_text(done: "Imported", place: tuple[str, str]) -> str:
    from flyte._explaining.wording import counted

    run = done.run
    what = f"run {run.run} in {run.project}/{run.domain}"
    if not done.events:
        lines = [f"{what} is here already: {counted(done.events_there, 'event')}"]
    else:
        lines = [f"{what}: {_kinds(done.events, done.tasks, done.logs, done.objects)}"]
        if done.events_there:
            lines.append(f"{counted(done.events_there, 'event')} of an earlier import were here")
    named = run.run if place == (run.project, run.domain) else run_address(run)
    if run != done.origin:
        lines.append(f"it was {done.origin}")
    return "\n".join([*lines, *_missing_lines(done.missing), f"look at it: flyte get run {named}"])


def _kinds(events: int, tasks: int, logs: int, objects: int) -> str:
    from flyte._explaining.wording import counted

    return ", ".join(
        (
            counted(events, "event"),
            counted(tasks, "task version"),
            counted(logs, "piece of output", "pieces of output"),
            counted(objects, "object"),
        )
    )


def _missing_lines(missing: list[tuple[str, str]]) -> list[str]:
    if not missing:
        return []
    count = len(missing)
    lines = [f"{count} object{'' if count == 1 else 's'} that the log refers to will be missing:"]
    lines += [f"  {uri}: {why}" for uri, why in missing[:SHOWN_OBJECTS]]
    if count > SHOWN_OBJECTS:
        lines.append(f"  and {count - SHOWN_OBJECTS} more")
    return lines


def _document(done: "Imported") -> dict[str, object]:
    return {
        "run": done.run.run,
        "project": done.run.project,
        "domain": done.run.domain,
        "origin": str(done.origin),
        "digest": done.digest,
        "events": done.events,
        "events_there_before": done.events_there,
        "tasks": done.tasks,
        "logs": done.logs,
        "objects": done.objects,
        "missing_objects": [{"uri": uri, "why": why} for uri, why in done.missing],
    }
