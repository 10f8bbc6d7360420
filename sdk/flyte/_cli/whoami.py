"""`flyte whoami`: in whose name this machine asks, and whom."""

import typer

from flyte._cli.setting import Output, settle

app = typer.Typer(rich_markup_mode=None)


@app.command("whoami")
def whoami(context: typer.Context, output: Output = None) -> None:
    """Show the user, the control plane, and the project and domain that commands work in.

    With credentials also their role, the places (project.domain) that it holds for, and when they expire.
    """
    config = settle(context)
    from flyte._cli.show import json_text
    from flyte._client.users import User

    facts = User.get().to_dict() | {
        "project": config.project,
        "domain": config.domain,
        "configuration": config.source,
    }
    if output == "json":
        return typer.echo(json_text(facts))
    facts["places"] = ", ".join(facts["places"])
    return typer.echo("\n".join(f"{key:<14} {text}" for key, text in facts.items() if text))
