"""`flyte gc`: objects that no task version and no run refers to; shown first, removed when told to."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import click
import typer

from flyte._cli.setting import Output, settle
from flyte._cli.times import BadText, parse_duration
from flyte_schemas.artifacts import MIN_GARBAGE_AGE_S

if TYPE_CHECKING:
    from flyte._client.garbage import Garbage

app = typer.Typer(rich_markup_mode=None)


@app.command("gc")
def gc(
    context: typer.Context,
    apply: Annotated[
        bool, typer.Option("--apply", "-y", "--yes", help="Remove them; else they are counted.")
    ] = False,
    older_than: Annotated[
        str, typer.Option("--older-than", help="Objects that were stored or relied upon since then stay.")
    ] = "7 days",
    keep_runs: Annotated[
        str | None,
        typer.Option(
            "--keep-runs", help="Forget the data of runs that ended longer ago, e.g. 90 days; else none."
        ),
    ] = None,
    output: Output = None,
) -> None:
    """Find the objects, in all projects, that no task version and no run refers to, and remove them.

    What was uploaded lately stays: it may belong to work under way. Let --older-than be more than your
    longest task takes. What `upload_file` has stored and no run has been given counts as unused.
    """
    settle(context)
    age = _age(context, "--older-than", older_than)
    now = datetime.now(UTC)
    before = now - max(age, timedelta(seconds=MIN_GARBAGE_AGE_S + 1))
    if age.total_seconds() < MIN_GARBAGE_AGE_S:
        raise click.BadParameter(
            f"at least {MIN_GARBAGE_AGE_S / 3600:g} hour: what is younger may belong to work under way",
            context,
            param_hint="--older-than",
        )
    ended_before = now - _age(context, "--keep-runs", keep_runs) if keep_runs else None
    from flyte import _session
    from flyte._cli.show import json_text
    from flyte._client.garbage import find_garbage, remove_garbage
    from flyte._client.trouble import translated
    from flyte._syncify import block_on

    async def work() -> "Garbage":
        with translated():
            bus = await _session.client().bus()
            garbage = await find_garbage(bus, before=before, runs_ended_before=ended_before)
            if apply:
                await remove_garbage(bus, garbage, before)
        return garbage

    garbage = block_on(work())
    typer.echo(json_text(_document(garbage, apply)) if output == "json" else _text(garbage, apply))


def _age(context: typer.Context, option: str, text: str) -> timedelta:
    """Raises BadParameter."""
    try:
        return parse_duration(text)
    except BadText as error:
        raise click.BadParameter(str(error), context, param_hint=option) from error


def _document(garbage: "Garbage", applied: bool) -> dict[str, object]:
    from flyte._client.garbage import by_place

    return {
        "used": {"objects": garbage.used, "bytes": garbage.used_bytes},
        "young": {"objects": garbage.young, "bytes": garbage.young_bytes},
        "unused": {"objects": len(garbage.unused), "bytes": garbage.unused_bytes},
        "unused_by_place": {
            place: {"objects": count, "bytes": size}
            for place, (count, size) in by_place(garbage.unused).items()
        },
        "unfinished_uploads": garbage.unfinished_uploads,
        "forgotten_runs": garbage.forgotten_runs,
        "applied": applied,
        "removed": {"objects": garbage.removed, "bytes": garbage.removed_bytes},
    }


def _text(garbage: "Garbage", applied: bool) -> str:
    from flyte._client.garbage import by_place

    lines = [
        f"used     {_sum(garbage.used, garbage.used_bytes)}",
        f"young    {_sum(garbage.young, garbage.young_bytes)}: not referred to, and not old enough",
        f"unused   {_sum(len(garbage.unused), garbage.unused_bytes)}",
        *(f"         {_sum(*counted)} in {place}" for place, counted in by_place(garbage.unused).items()),
    ]
    if garbage.forgotten_runs:
        lines.append(f"runs     {garbage.forgotten_runs} ended longer ago than --keep-runs: forgotten")
    if garbage.unfinished_uploads:
        lines.append(f"uploads  {garbage.unfinished_uploads} begun and never completed")
    if applied:
        lines.append(f"removed  {_sum(garbage.removed, garbage.removed_bytes)}")
    elif garbage.unused or garbage.unfinished_uploads:
        lines.append("nothing was removed: --apply removes what is unused")
    return "\n".join(lines)


def _sum(count: int, size_bytes: int) -> str:
    size, unit = float(size_bytes), "bytes"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if size < 1024:
            break
        size, unit = size / 1024, larger
    return f"{count} object{'' if count == 1 else 's'}, {size:.4g} {unit}"
