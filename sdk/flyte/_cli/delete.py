"""`flyte delete local-cache`."""

import typer

from flyte._cli.lazy import NamedGroup

MISSING = {
    "secret": "there is no place for secrets",
    "trigger": "triggers are declared on tasks and recorded; nothing is started by them yet",
    "app": "apps are not served",
    "devbox": "the stack of this machine is stopped by `flyte stop`; its state is in its home folder",
}


class DeleteGroup(NamedGroup):
    """Says why the rest cannot be deleted: what the log holds stays."""

    missing = MISSING


app = typer.Typer(
    cls=DeleteGroup, help="Delete what this machine keeps.", no_args_is_help=True, rich_markup_mode=None
)


@app.callback()
def before() -> None:
    """A group even with one command in it."""


@app.command("local-cache")
def delete_local_cache() -> None:
    """Delete the results that local runs have kept."""
    import shutil

    from flyte._local_cache import cache_folder

    folder = cache_folder()
    was_there = folder.exists()
    shutil.rmtree(folder, ignore_errors=True)
    typer.echo(f"deleted {folder}" if was_there else f"there is no {folder}")
