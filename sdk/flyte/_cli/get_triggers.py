"""`flyte get trigger [TASK] [NAME]`: what starts runs by itself, and when next."""

from typing import Annotated

import typer

from flyte._cli.setting import Domain, Limit, Output, Project, settle

app = typer.Typer(rich_markup_mode=None)


@app.command("trigger")
def get_trigger(
    context: typer.Context,
    task: Annotated[
        str | None, typer.Argument(metavar="[TASK]", help="Those of one task, ENVIRONMENT.FUNCTION.")
    ] = None,
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="One of them.")] = None,
    limit: Limit = 100,
    project: Project = None,
    domain: Domain = None,
    output: Output = None,
) -> None:
    """List the triggers, of all tasks or one; or show one."""
    settle(context, project=project, domain=domain)
    from flyte._cli.show import json_text, table, time_text
    from flyte._cli.trigger_facts import automation_text, trigger_text
    from flyte._client.triggers import Trigger

    if task is not None and name is not None:
        found = Trigger.get(name=name, task_name=task)
        typer.echo(found.to_json() if output == "json" else trigger_text(found))
        return
    triggers = list(Trigger.listall(task, limit=limit))
    if output == "json":
        typer.echo(json_text([one.to_dict() for one in triggers]))
        return
    rows = [
        (
            one.task_name,
            one.name,
            automation_text(one.automation_spec),
            "yes" if one.is_active else "no",
            time_text(one.next_time),
            one.task_version[:12],
        )
        for one in triggers
    ]
    typer.echo(table(("TASK", "NAME", "AUTOMATION", "ACTIVE", "NEXT", "VERSION"), rows))
