"""`flyte audit [RUN]`: whether the log keeps what is promised of it."""

from typing import TYPE_CHECKING, Annotated

import typer

from flyte._cli.completion import offer_runs
from flyte._cli.setting import Domain, Output, Project, settle

if TYPE_CHECKING:
    from flyte_schemas.audit import Audit

app = typer.Typer(rich_markup_mode=None)


@app.command("audit")
def audit(
    context: typer.Context,
    run: Annotated[
        str | None,
        typer.Argument(
            help="Name or URL of one run; else all are checked.",
            autocompletion=offer_runs,
            show_default=False,
        ),
    ] = None,
    output: Output = None,
    project: Project = None,
    domain: Domain = None,
) -> None:
    """Check the log of runs against the invariants that must hold of it.

    The exit code is 0 only when all of them do.
    """
    config = settle(context, project=project, domain=domain)
    from flyte import _session
    from flyte._cli.show import json_text
    from flyte._client.auditing import audit_log
    from flyte._client.runs import parse_run, run_not_found
    from flyte._client.trouble import translated
    from flyte._syncify import block_on

    async def check() -> "Audit":
        with translated():
            return await audit_log(await _session.client().bus(), key)

    key = parse_run(run, config.project, config.domain) if run else None
    found = block_on(check())
    if key is not None and not found.events:
        raise run_not_found(key)
    typer.echo(json_text(_document(found)) if output == "json" else _text(found))
    if found.violations:
        raise typer.Exit(1)


def _document(audit: "Audit") -> dict[str, object]:
    from flyte_schemas.audit import INVARIANTS

    return {
        "runs": audit.runs,
        "actions": audit.actions,
        "unfinished_actions": len(audit.unsettled()),
        "events": audit.events,
        "malformed": audit.malformed,
        "invariants": INVARIANTS,
        "violations": [
            {
                "invariant": one.invariant,
                "subject": one.subject,
                "sequence": one.sequence,
                "what": one.what,
            }
            for one in audit.violations
        ],
    }


def _text(audit: "Audit") -> str:
    from flyte_schemas.audit import INVARIANTS

    broken = {one.invariant for one in audit.violations}
    lines = [
        f"{audit.events} events of {audit.actions} actions in {audit.runs} runs"
        f" ({len(audit.unsettled())} actions have not ended; {audit.malformed} messages cannot be read)",
        *(f"  {'BROKEN' if name in broken else 'holds ':<6}  {rule}" for name, rule in INVARIANTS.items()),
        *map(str, audit.violations),
    ]
    return "\n".join(lines)
