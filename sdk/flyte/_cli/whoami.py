"""`flyte whoami`: in whose name this machine asks, and whom."""

import typer

from flyte._cli.setting import Output, settle

app = typer.Typer(rich_markup_mode=None)


@app.command("whoami")
def whoami(context: typer.Context, output: Output = None) -> None:
    """Show the user, the control plane, and the project and domain that commands work in."""
    config = settle(context)
    from flyte._cli.show import json_text
    from flyte._client.users import User

    facts = User.get().to_dict() | {
        "project": config.project,
        "domain": config.domain,
        "configuration": config.source,
    }
    as_json = output == "json"
    typer.echo(json_text(facts) if as_json else "\n".join(f"{key:<14} {text}" for key, text in facts.items()))
