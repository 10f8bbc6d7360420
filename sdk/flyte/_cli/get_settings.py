"""`flyte get project` and `flyte get config`."""

from typing import Annotated

import typer

from flyte._cli.setting import Output, settle

app = typer.Typer(rich_markup_mode=None)


@app.command("project")
def get_project(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(help="One project.")] = None,
    archived: Annotated[bool, typer.Option("--archived", help="Those that are archived.")] = False,
    output: Output = None,
) -> None:
    """List the projects; or show one."""
    as_json = output == "json"
    config = settle(context)
    from flyte._cli.show import json_text, table
    from flyte._client.projects import Project

    found = [Project.get(name)] if name else list(Project.listall(archived=archived))
    if as_json and not name:
        typer.echo(json_text([project.to_dict() for project in found]))
        return
    if name:
        from flyte._cli.limits import limits_table
        from flyte._client.limits import document, limits_of

        limits = limits_of(found[0], config.domain)
        if as_json:
            typer.echo(json_text(found[0].to_dict() | {"limits": document(limits)}))
            return
    rows = []
    for project in found:
        numbers = project.domains.values()
        counts = (str(sum(one[what] for one in numbers)) for what in ("tasks", "runs"))
        rows.append(
            (
                project.id,
                project.name,
                project.description,
                project.state,
                ", ".join(project.domains),
                *counts,
            )
        )
    typer.echo(table(("ID", "NAME", "DESCRIPTION", "STATE", "DOMAINS", "TASKS", "RUNS"), rows))
    if name and limits:
        typer.echo(f"\n{limits_table(limits)}")


@app.command("config")
def get_config(context: typer.Context, output: Output = None) -> None:
    """Show the configuration that commands work with, and where it comes from."""
    as_json = output == "json"
    config = settle(context, needs_client=False, keep_endpoint=True)
    from flyte._cli.show import json_text

    images = dict(config.images)
    facts = {
        "source": config.source,
        "endpoint": config.endpoint,
        "user": config.user,
        "org": config.org,
        "project": config.project,
        "domain": config.domain,
        "image builder": config.image_builder,
        "image registry": config.image_registry,
    }
    if as_json:
        named = {key.replace(" ", "_"): text for key, text in facts.items()}
        typer.echo(json_text(named | {"images": images}))
        return
    facts["images"] = ", ".join(f"{name}={uri}" for name, uri in images.items())
    typer.echo("\n".join(f"{key:<15} {text}" for key, text in facts.items()))
