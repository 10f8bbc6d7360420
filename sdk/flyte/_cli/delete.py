"""`flyte delete …`: triggers, notifications, secrets, and what this machine keeps of local runs."""

from typing import Annotated

import typer

from flyte._cli.create_secret import Group, Scope
from flyte._cli.lazy import NamedGroup
from flyte._cli.setting import Domain, Project, settle

MISSING = {
    "app": "apps are not served",
    "devbox": "the stack of this machine is stopped by `flyte stop`; its state is in its home folder",
}


class DeleteGroup(NamedGroup):
    """Says why the rest cannot be deleted: what the log holds stays."""

    missing = MISSING


app = typer.Typer(
    cls=DeleteGroup,
    help="Delete triggers, notifications, secrets, and what this machine keeps.",
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


@app.command("secret")
def delete_secret(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The secret's key.")],
    group: Group = None,
    scope: Scope = "project",
    project: Project = None,
    domain: Domain = None,
) -> None:
    """Remove a secret; attempts that run keep what they have of it."""
    settle(context, project=project, domain=domain)
    from flyte._client.secrets import delete_secret as delete
    from flyte._syncify import block_on

    block_on(delete(name, group=group, scope=scope))
    typer.echo(f"deleted secret {f'{group}/' if group else ''}{name}")
