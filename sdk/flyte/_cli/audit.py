"""`flyte audit`: who asked for what, whether the log keeps what is promised of it, and was not changed."""

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import click
import typer

from flyte._cli.completion import offer_runs
from flyte._cli.setting import Domain, Output, Project, settle

if TYPE_CHECKING:
    from flyte._client.acts import Act
    from flyte._client.verifying import Verified
    from flyte_bus.ports import Bus
    from flyte_schemas.audit import Audit
    from flyte_schemas.subjects import RunKey

T = TypeVar("T")

Run = Annotated[
    str | None,
    typer.Argument(
        help="Name or URL of one run; else all are checked.", autocompletion=offer_runs, show_default=False
    ),
]
Requests = Annotated[bool, typer.Option("--requests", help="List who asked for what, and what became of it.")]
User = Annotated[str | None, typer.Option("--user", help="Of this user, or for them. Implies --requests.")]
OneVerb = Annotated[
    Literal["run", "abort", "signal", "deploy", "trigger", "import"] | None,
    typer.Option("--verb", help="Of this kind. Implies --requests."),
]
Since = Annotated[
    str | None, typer.Option("--since", help="Since so long ago (10m), or a time. Implies --requests.")
]
Verify = Annotated[
    bool, typer.Option("--verify", help="Hold the events against the seals: was anything changed?")
]
Keys = Annotated[
    list[str] | None,
    typer.Option("--key", help="A public key that seals may be signed with; else FLYTE_SEAL_KEYS."),
]

app = typer.Typer(rich_markup_mode=None)


@app.command("audit")
def audit(
    context: typer.Context,
    run: Run = None,
    requests: Requests = False,
    user: User = None,
    verb: OneVerb = None,
    since: Since = None,
    verify: Verify = False,
    key: Keys = None,
    output: Output = None,
    project: Project = None,
    domain: Domain = None,
) -> None:
    """Check the log of runs against the invariants that must hold of it.

    With --requests it lists who asked for what instead; with --verify it finds what was changed, is missing
    or was added since the registry sealed the runs. The exit code is 0 only when nothing is wrong.
    """
    if requests or user or verb or since:
        if run or verify or key:
            raise click.UsageError("a list of requests goes with none of RUN, --verify and --key", context)
        return _requests(context, user, verb, since, output, project, domain)
    if key and not verify:
        raise click.UsageError("--key says which seals are believed: it goes with --verify", context)
    config = settle(context, project=project, domain=domain)
    from flyte._cli.show import json_text
    from flyte._client.runs import parse_run, run_not_found

    one = parse_run(run, config.project, config.domain) if run else None
    if verify:
        return _verify(one, _place(project, domain), tuple(key or ()), as_json=output == "json")
    found = _asked(lambda bus: _audited(bus, one))
    if one is not None and not found.events:
        raise run_not_found(one)
    typer.echo(json_text(_document(found)) if output == "json" else _text(found))
    if found.violations:
        raise typer.Exit(1)
    return None


def _asked(question: "Callable[[Bus], Coroutine[Any, Any, T]]") -> T:
    from flyte import _session
    from flyte._client.trouble import translated
    from flyte._syncify import block_on

    async def ask() -> T:
        with translated():
            return await question(await _session.client().bus())

    return block_on(ask())


def _place(project: str | None, domain: str | None) -> tuple[str, str] | None:
    """What the options say; None when they say nothing: everywhere."""
    return (project or "*", domain or "*") if project or domain else None


async def _audited(bus: "Bus", key: "RunKey | None") -> "Audit":
    from flyte._client.auditing import audit_log

    return await audit_log(bus, key)


# -- who asked for what --------------------------------------------------------------------------------------


def _requests(
    context: typer.Context,
    user: str | None,
    verb: str | None,
    since: str | None,
    output: str | None,
    project: str | None,
    domain: str | None,
) -> None:
    from flyte._cli.times import BadText, parse_since

    try:
        begin = parse_since(since) if since else None
    except BadText as error:
        raise click.BadParameter(str(error), context, param_hint="--since") from error
    settle(context, project=project, domain=domain)
    from flyte._cli.show import json_text
    from flyte._client.acts import chosen, read_acts

    place = _place(project, domain) or ("*", "*")
    found = _asked(lambda bus: read_acts(bus, project=place[0], domain=place[1], since=begin))
    found = chosen(found, user=user, verb=verb)
    typer.echo(json_text([act.to_dict() for act in found]) if output == "json" else _acts_text(found))


def _acts_text(acts: "list[Act]") -> str:
    from flyte._cli.show import table, time_text

    header = ("TIME", "USER", "VERB", "PLACE", "ABOUT", "OUTCOME", "WHY")
    rows = []
    for act in acts:
        who = f"{act.user or 'unknown'}{f' for {act.on_behalf_of}' if act.on_behalf_of else ''}"
        why = act.why.partition("\n")[0] or (f"trigger {act.trigger}" if act.trigger else "")
        place = f"{act.project}/{act.domain}"
        rows.append((time_text(act.time), who, act.verb, place, act.name, act.outcome, why))
    return table(header, rows)


# -- whether the log was changed -----------------------------------------------------------------------------


def _verify(
    run: "RunKey | None", place: tuple[str, str] | None, given: tuple[str, ...], *, as_json: bool
) -> None:
    from flyte._cli.show import json_text
    from flyte._client.runs import run_not_found
    from flyte._client.verifying import trusted_keys, verify

    keys = trusted_keys(given)
    found = _asked(lambda bus: verify(bus, keys, run=run, place=place))
    if run is not None and not found.runs:
        raise run_not_found(run)
    typer.echo(json_text(_verified(found)) if as_json else _verified_text(found))
    if found.findings:
        raise typer.Exit(1)


def _verified(found: "Verified") -> dict[str, object]:
    return {
        "runs": found.runs,
        "sealed": found.sealed,
        "running": found.running,
        "events": found.events,
        "unsealed_events": found.unsealed_events,
        "seals": found.seals,
        "keys": sorted(found.keys),
        "findings": [
            {
                "problem": one.problem,
                "run": str(one.run) if one.run else None,
                "action": one.action or None,
                "sequence": one.sequence,
                "what": one.what,
            }
            for one in found.findings
        ],
    }


def _verified_text(found: "Verified") -> str:
    keys = ", ".join(sorted(found.keys)) or "none; --key or FLYTE_SEAL_KEYS say whose seals are believed"
    lines = [
        f"{found.events} events of {found.runs} runs, {found.seals} seals"
        f" ({found.sealed} runs are sealed to their end, {found.running} go on;"
        f" {found.unsealed_events} events have no seal yet)",
        f"trusted keys: {keys}",
        *map(str, found.findings),
    ]
    return "\n".join(lines if found.findings else [*lines, "nothing was changed, nothing is missing"])


# -- what must hold ------------------------------------------------------------------------------------------


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
