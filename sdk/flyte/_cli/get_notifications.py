"""`flyte get notification`: who is told of what, and what nobody took."""

from typing import TYPE_CHECKING, Annotated

import typer

from flyte._cli.setting import Limit, Output, settle

if TYPE_CHECKING:
    from flyte_schemas.envelope import AnyEvent
    from flyte_schemas.notices import Rule

app = typer.Typer(rich_markup_mode=None)


@app.command("notification")
def get_notification(
    context: typer.Context,
    failed: Annotated[bool, typer.Option("--failed", help="Only what nobody took.")] = False,
    limit: Limit = 20,
    output: Output = None,
) -> None:
    """List who is told of what, and the last notifications that nobody took."""
    settle(context)
    from flyte._cli.show import json_text
    from flyte._client.notifications import address_of, list_failures, list_notifications
    from flyte._syncify import block_on

    failures = block_on(list_failures(limit))
    rules = [] if failed else block_on(list_notifications())
    if output == "json":
        told = [
            rule.model_dump(mode="json", exclude={"settings"}) | {"where": address_of(rule)} for rule in rules
        ]
        lost = [
            {"action": place, "time": event.time.isoformat(), **event.data.model_dump(mode="json")}
            for place, event in failures
        ]
        typer.echo(json_text({"failures": lost} if failed else {"notifications": told, "failures": lost}))
        return
    parts = [_rules(rules)] if not failed else []
    if failures or failed:
        parts.append(_failures(failures))
    typer.echo("\n\n".join(parts))


def _rules(rules: "list[Rule]") -> str:
    from flyte._cli.show import table
    from flyte._client.notifications import address_of

    rows = [
        (
            rule.name,
            rule.kind,
            address_of(rule),
            f"{rule.project}/{rule.domain}/{rule.task}",
            "who names it" if rule.only_by_name else ", ".join(rule.types or rule.phases) or "any end",
        )
        for rule in rules
    ]
    return table(("NAME", "KIND", "WHERE", "OF", "WHEN"), rows)


def _failures(failures: "list[tuple[str, AnyEvent]]") -> str:
    from flyte._cli.show import table, time_text

    rows = [
        (time_text(event.time), place, data["target"], str(data["tries"]), data["error"])
        for place, event in failures
        for data in (event.data.model_dump(),)
    ]
    return table(("NOBODY TOOK", "ACTION", "TARGET", "TRIES", "WHY"), rows)
