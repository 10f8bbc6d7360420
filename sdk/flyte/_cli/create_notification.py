"""`flyte create notification NAME`: have somebody told of runs or events from now on."""

from typing import TYPE_CHECKING, Annotated, Any

import click
import typer

from flyte._cli.pairs import pairs_of
from flyte._cli.setting import settle

if TYPE_CHECKING:
    from flyte.notify import Notification


def create_notification(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="A name for it.")],
    webhook: Annotated[str | None, typer.Option("--webhook", metavar="URL", help="POST JSON there.")] = None,
    slack: Annotated[
        str | None, typer.Option("--slack", metavar="URL", help="An incoming webhook of Slack's.")
    ] = None,
    teams: Annotated[
        str | None, typer.Option("--teams", metavar="URL", help="A workflow's webhook of Teams'.")
    ] = None,
    email: Annotated[
        list[str] | None, typer.Option("--email", metavar="ADDRESS", help="Several: say it again.")
    ] = None,
    phase: Annotated[
        list[str] | None, typer.Option("--phase", help="Of runs that end so; else of any end.")
    ] = None,
    type: Annotated[
        list[str] | None,
        typer.Option("--type", help="Of events of this type, e.g. flyte.attempt.failed.v1, instead."),
    ] = None,
    project: Annotated[str, typer.Option("-p", "--project", help="A pattern, e.g. team-*.")] = "*",
    domain: Annotated[str, typer.Option("-d", "--domain", help="A pattern.")] = "*",
    task: Annotated[str, typer.Option("--task", help="A pattern, e.g. env.*.")] = "*",
    header: Annotated[list[str] | None, typer.Option("--header", help="K=V, of a webhook.")] = None,
    only_by_name: Annotated[
        bool, typer.Option("--only-by-name", help="Only of runs whose notifications name it.")
    ] = False,
) -> None:
    """Have somebody told of runs or events from now on."""
    if phase and type:
        raise click.UsageError("--phase and --type exclude each other", context)
    phases = phase or ["SUCCEEDED"]
    addresses: dict[str, Any] = {"--webhook": webhook, "--slack": slack, "--teams": teams, "--email": email}
    given = [option for option, value in addresses.items() if value]
    if len(given) != 1:
        raise click.UsageError(f"say one of {', '.join(addresses)}", context)
    if header and not webhook:
        raise click.UsageError("--header goes with --webhook", context)
    told = _told(given[0], addresses[given[0]], phases, pairs_of("--header", header))
    settle(context)
    from flyte._client.notifications import address_of
    from flyte._client.notifications import create_notification as create
    from flyte._syncify import block_on

    rule = block_on(
        create(
            name,
            told,
            project=project,
            domain=domain,
            task=task,
            types=type or (),
            any_phase=not phase,
            only_by_name=only_by_name,
        )
    )
    typer.echo(f"created notification {name}: {rule.kind} to {address_of(rule)}")


def _told(option: str, address: Any, phases: list[str], headers: dict[str, str]) -> "Notification":
    from flyte import notify

    match option:
        case "--webhook":
            return notify.Webhook(on_phase=phases, url=address, headers=headers or None)
        case "--slack":
            return notify.Slack(on_phase=phases, webhook_url=address)
        case "--teams":
            return notify.Teams(on_phase=phases, webhook_url=address)
        case _:
            return notify.Email(on_phase=phases, recipients=address)
