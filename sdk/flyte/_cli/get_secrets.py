"""`flyte get secret [NAME]`: which secrets runs can see; never a value."""

from typing import Annotated

import typer

from flyte._cli.create_secret import Group
from flyte._cli.setting import Domain, Limit, Output, Project, settle

app = typer.Typer(rich_markup_mode=None)


@app.command("secret")
def get_secret(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="The one that runs see.")] = None,
    group: Group = None,
    limit: Limit = 100,
    project: Project = None,
    domain: Domain = None,
    output: Output = None,
) -> None:
    """List the secrets that runs can see; or show one. Values are never shown."""
    settle(context, project=project, domain=domain)
    from flyte._cli.show import json_text, table, time_text
    from flyte._client.secrets import Secret

    if name is not None:
        found = Secret.get(name, group=group)
        facts = {"scope": str(found.scope)} | {k: v for k, v in found.to_dict().items() if k != "scope"}
        text = "\n".join(f"{key:<12} {value}" for key, value in facts.items() if value is not None)
        typer.echo(found.to_json() if output == "json" else text)
        return
    secrets = [one for one in Secret.listall(limit) if group in (None, one.group)]
    if output == "json":
        typer.echo(json_text([one.to_dict() for one in secrets]))
        return
    rows = [
        (
            one.name,
            one.group or "",
            str(one.scope),
            one.type,
            time_text(one.created_at),
            time_text(one.updated_at),
        )
        for one in secrets
    ]
    typer.echo(table(("NAME", "GROUP", "SCOPE", "TYPE", "CREATED", "UPDATED"), rows))
