"""`flyte delete trigger`, `flyte delete notification` and `flyte delete local-cache`."""

from typing import Annotated

import typer

from flyte._cli.lazy import NamedGroup
from flyte._cli.setting import Domain, Project, settle

MISSING = {
    "secret": "there is no place for secrets",
    "app": "apps are not served",
    "devbox": "the stack of this machine is stopped by `flyte stop`; its state is in its home folder",
}


class DeleteGroup(NamedGroup):
    """Says why the rest cannot be deleted: what the log holds stays."""

    missing = MISSING


app = typer.Typer(
    cls=DeleteGroup,
    help="Delete triggers, notifications, and what this machine keeps.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command("local-cache")
def delete_local_cache() -> None:
    """Delete the results that local runs have kept."""
    import shutil

    from flyte._local_cache import cache_folder

    folder = cache_folder()
    was_there = folder.exists()
    shutil.rmtree(folder, ignore_errors=True)
    typer.echo(f"deleted {folder}" if was_there else f"there is no {folder}")


@app.command("trigger")
def delete_trigger(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The trigger.")],
    task: Annotated[str, typer.Argument(metavar="TASK", help="Its task, ENVIRONMENT.FUNCTION.")],
    project: Project = None,
    domain: Domain = None,
) -> None:
    """Remove a trigger; the runs that it has started stay."""
    settle(context, project=project, domain=domain)
    from flyte._client.triggers import Trigger

    Trigger.delete(name, task)
    typer.echo(f"deleted trigger {name} of {task}")


@app.command("notification")
def delete_notification(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The notification.")],
) -> None:
    """Tell nobody by it any more."""
    settle(context)
    from flyte._client.notifications import delete_notification as delete
    from flyte._syncify import block_on

    block_on(delete(name))
    typer.echo(f"deleted notification {name}")
