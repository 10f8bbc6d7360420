"""`flyte schemas export`: what the control plane says, for subscribers in any language."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flyte._cli.setting import PATH

if TYPE_CHECKING:
    from collections.abc import Iterator

app = typer.Typer(
    help="Export the schemas of all events and subjects.", no_args_is_help=True, rich_markup_mode=None
)


@app.callback()
def before() -> None:
    """A group even with one command in it."""


@app.command("export")
def export(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="[DIR|-]",
            click_type=PATH,
            help="Where to write the files; - prints the AsyncAPI document.",
        ),
    ] = Path("-"),
) -> None:
    """Write an AsyncAPI 3 document of the public subjects, and a JSON Schema (2020-12) of each event.

    DIR gets asyncapi.json and events/TYPE.json; events.json is of any event. docs/events.md says how to
    subscribe.
    """
    from flyte._cli.show import json_text
    from flyte._version import version
    from flyte_schemas.asyncapi import asyncapi

    document = asyncapi(version())
    if str(folder) == "-":
        typer.echo(json_text(document))
        return
    count = 0
    for path, content in _files(document):
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(json_text(content) + "\n", encoding="utf-8")
        count += 1
    typer.echo(f"{count} files written to {folder}")


def _files(document: dict[str, Any]) -> "Iterator[tuple[str, dict[str, Any]]]":
    from flyte_schemas.json_schemas import all_events_schema, event_schema
    from flyte_schemas.vocabulary import DATA_TYPES

    yield "asyncapi.json", document
    yield "events.json", all_events_schema()
    for data in DATA_TYPES:
        yield f"events/{data.TYPE}.json", event_schema(data)
