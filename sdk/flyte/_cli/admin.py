"""`flyte admin …`: the keys of an installation, and who is let in: for whoever has the folder of keys."""

import sys
import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flyte._cli.setting import PATH, Output

if TYPE_CHECKING:
    from flyte._stack import Stack
    from flyte_bus.identity.keyring import Keyring

Folder = Annotated[
    Path | None, typer.Option("--dir", click_type=PATH, help="Folder of the keys, else access in FLYTE_HOME.")
]
Role = Annotated[str, typer.Option("--role", help="viewer, runner or admin.")]

SETTLED_S = 5.0
"""After which time a stack that runs goes by a new key that makes agents or workers."""

app = typer.Typer(
    help="Make the keys of an installation, and let users in and out.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
create = typer.Typer(help="Give users credentials.", no_args_is_help=True, rich_markup_mode=None)
get = typer.Typer(help="Show users and roles.", no_args_is_help=True, rich_markup_mode=None)
revoke = typer.Typer(help="Take credentials back.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(create, name="create")
app.add_typer(get, name="get")
app.add_typer(revoke, name="revoke")


def _keyring(folder: Path | None) -> "Keyring":
    from flyte._stack import stack_home
    from flyte_bus.identity.keyring import Keyring

    return Keyring((folder or stack_home() / "access").expanduser().absolute())


@app.command("init")
def init(
    folder: Folder = None,
    kubernetes: Annotated[
        Path | None,
        typer.Option(
            "--kubernetes", click_type=PATH, metavar="FILE", help="Write manifests of Secrets, too."
        ),
    ] = None,
    namespace: Annotated[
        list[str] | None, typer.Option("--namespace", help="Of the services in these; else flyte.")
    ] = None,
) -> None:
    """Make the keys of an installation, once: operator, accounts, roles, and credentials of the services."""
    keyring = _keyring(folder)
    keyring.make()
    typer.echo(f"made the keys of an operator, its accounts and {len(_roles())} roles in {keyring.folder}")
    if kubernetes is not None:
        _write_manifests(keyring, kubernetes, namespace or ["flyte"])
        typer.echo(f"wrote Secrets of the services to {kubernetes}: `kubectl apply -f {kubernetes}`")
    typer.echo(
        "next:\n"
        "  nats-server: `include` accounts.conf in its configuration; no secret is in it\n"
        "  each service: FLYTE_NATS_CREDS is its own file in credentials/\n"
        "  first `flyte-provisioner`, which makes the streams; the executor also gets minters/\n"
        f"  registries: FLYTE_REGISTRY_SEAL_KEY is {keyring.seal_key_file.name}; who verifies their seals "
        f"(`flyte audit --verify`): FLYTE_SEAL_KEYS={keyring.seal_key}\n"
        "  you: FLYTE_NATS_CREDS is credentials/operator.creds\n"
        "  others: `flyte admin create user NAME --role runner --project P --domain D`\n"
        f"keep {keyring.folder / 'keys'} where no service and no task can read it: who has it has everything"
    )


@create.command("user")
def create_user(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Whom requests will name, e.g. an address.")],
    role: Role,
    project: Annotated[list[str], typer.Option("-p", "--project", help="Project; * for all. Or several.")],
    domain: Annotated[
        list[str], typer.Option("-d", "--domain", help="Domain; * for all. As many as projects, or one.")
    ],
    expires: Annotated[
        str | None, typer.Option("--expires", help="After how long they end, e.g. 30d; else never.")
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option("--file", click_type=PATH, help="Where to write them, - for stdout; else NAME.creds."),
    ] = None,
    folder: Folder = None,
) -> None:
    """Give a person credentials: a role in projects and domains."""
    import click

    from flyte._cli.times import parse_duration
    from flyte_bus.identity.keyring import write_secret
    from flyte_schemas.access import USERS
    from flyte_schemas.users import is_service, user_token

    allowed = [one.name for one in USERS]
    if role not in allowed:
        raise click.UsageError(f"--role is {role!r}: a person is one of {', '.join(allowed)}")
    if is_service(name):
        raise click.UsageError(f"{name} is the name of a service: a person needs another one")
    if len(domain) not in (1, len(project)):
        raise click.UsageError(
            f"there are {len(project)} projects and {len(domain)} domains: "
            "give a domain for each project, or one for all"
        )
    domains = domain * len(project) if len(domain) == 1 else domain
    ttl_s = parse_duration(expires).total_seconds() if expires else None
    path = file or Path(f"{user_token(name)}.creds")
    if str(path) != "-" and path.exists():
        raise click.UsageError(f"{path} is there already: name another with --file")
    made = _keyring(folder).create_user(name, role, list(zip(project, domains, strict=True)), ttl_s)
    if str(path) == "-":
        sys.stdout.write(made.text)
        return
    write_secret(path.absolute(), made.text, within_private_folder=False)
    until = made.identity.expires_at
    typer.echo(
        f"wrote credentials of {name}, {role} in {', '.join(made.identity.places)}"
        f"{f' until {until:%Y-%m-%d %H:%M} UTC' if until else ''}, to {path}: for FLYTE_NATS_CREDS"
    )


@get.command("users")
def get_users(folder: Folder = None, output: Output = None) -> None:
    """Show who was given credentials; none of them is shown."""
    from flyte._cli.show import json_text, table

    users = _keyring(folder).users()
    if output == "json":
        typer.echo(json_text(users))
        return
    rows = [
        (
            str(user["name"]),
            str(user["role"]),
            ", ".join(user["places"]),
            str(user["expires_at"] or "never")[:16],
            "yes" if "revoked_at_s" in user else "",
        )
        for user in users
    ]
    typer.echo(table(("NAME", "ROLE", "PLACES", "EXPIRES", "REVOKED"), rows))


@get.command("roles")
def get_roles(output: Output = None) -> None:
    """Show the roles, and who has them."""
    from flyte._cli.show import json_text, table
    from flyte_schemas.access import ROLES

    if output == "json":
        roles = [
            {
                "name": role.name,
                "account": role.account,
                "what": role.what,
                "publish": role.publish,
                "subscribe": role.subscribe,
            }
            for role in ROLES.values()
        ]
        typer.echo(json_text(roles))
        return
    rows = [(role.name, role.account, role.what) for role in ROLES.values()]
    typer.echo(table(("ROLE", "ACCOUNT", "WHAT"), rows))


@revoke.command("user")
def revoke_user(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The person.")],
    folder: Folder = None,
) -> None:
    """Take back all credentials of a person, and end their sessions of the console.

    The server is to read accounts.conf anew. Again does no harm: what was not told to the console then is.
    """
    import click

    keyring = _keyring(folder)
    taken = keyring.revoke_user(name)
    if not taken and not any(user["name"] == name for user in keyring.users()):
        raise click.ClickException(f"{name} has no credentials: `flyte admin get users` shows who has")
    said = f"took back {taken} credentials of {name}" if taken else f"{name} has no credentials any more"
    typer.echo(f"{said}{_read_anew(keyring)}")
    _tell_console(context, keyring)


@app.command("rotate")
def rotate(
    context: typer.Context,
    role: Annotated[str, typer.Argument(metavar="ROLE", help="The role whose signing key is to be another.")],
    end_previous: Annotated[
        bool, typer.Option("--end-previous", help="Let in nobody any more whom the previous key made.")
    ] = False,
    folder: Folder = None,
) -> None:
    """Give a role a new signing key; credentials of the previous one stay good until it is ended."""
    import click

    if role not in _roles():
        raise click.UsageError(f"there is no role {role!r}: {', '.join(_roles())}")
    keyring = _keyring(folder)
    if not end_previous:
        keyring.rotate(role)
        typer.echo(
            f"{role} has a new signing key{_read_anew(keyring)}\n"
            f"next: {_handing_out(keyring, role)}, then `flyte admin rotate {role} --end-previous`"
        )
        return
    if trouble := _in_use(keyring, role):
        raise click.ClickException(trouble)
    ended = keyring.end_previous(role)
    said = f"the previous key of {role} counts no more" if ended else f"{role} has no previous key"
    typer.echo(f"{said}{_read_anew(keyring)}")
    if end_previous:
        _tell_console(context, keyring)


def _roles() -> list[str]:
    from flyte_schemas.access import ROLES

    return list(ROLES)


def _stack_of(keyring: "Keyring") -> "Stack | None":
    """The stack that runs by these keys, which it made itself."""
    from flyte._stack import find_stack, stack_home

    stack = find_stack() if keyring.folder == stack_home() / "access" else None
    return stack if stack is not None and stack.has_own_server else None


def _handing_out(keyring: "Keyring", role: str) -> str:
    """Who has to be given what a new key has made."""
    from flyte_bus.identity.keyring import MINTED_BY_SERVICES
    from flyte_schemas.access import OPERATOR, PROVISIONER, USERS

    stack = _stack_of(keyring)
    if role in {user.name for user in USERS}:
        return f"give each {role} new credentials (`flyte admin create user NAME --role {role} …`)"
    if role in MINTED_BY_SERVICES:
        file = keyring.minter_file(role)
        return (
            "wait five seconds: the stack goes by it then" if stack else f"give the executor the new {file}"
        )
    if role in (OPERATOR.name, PROVISIONER.name):
        return f"use the new {keyring.credentials(role)}"
    if stack:
        return "end the stack and start it again (`flyte stop`, `flyte start`)"
    return f"give the {role} the new {keyring.credentials(role)} and start it again"


def _in_use(keyring: "Keyring", role: str) -> str:
    """Why the previous key cannot be ended: the stack that runs has its services' credentials of it."""
    from flyte_bus.identity.keyring import MINTED_BY_SERVICES
    from flyte_schemas.access import OPERATOR, PROVISIONER, SERVICES

    stack = _stack_of(keyring)
    if stack is None:
        return ""
    if role in MINTED_BY_SERVICES:
        age_s = time.time() - keyring.minter_file(role).stat().st_mtime
        return "" if age_s > SETTLED_S else "the stack does not go by the new key yet: wait five seconds"
    if role not in {one.name for one in SERVICES} - {OPERATOR.name, PROVISIONER.name}:
        return ""
    rotated_at = keyring.credentials(role).stat().st_mtime
    if rotated_at < datetime.fromisoformat(stack.started_at).timestamp():
        return ""
    return (
        f"the {role} of the running stack is let in by the previous key: `flyte stop`, then "
        f"`flyte admin rotate {role} --end-previous`, then `flyte start`"
    )


def _read_anew(keyring: "Keyring") -> str:
    """What is left to do until the server knows."""
    if _stack_of(keyring) is not None:
        return ": the stack's server knows it within seconds"
    return f": have nats-server read {keyring.folder / 'accounts.conf'} anew (`nats-server --signal reload`)"


def _tell_console(context: typer.Context, keyring: "Keyring") -> None:
    """Have sessions of the console end that were made by what counts no more."""
    import click

    from flyte import errors
    from flyte._cli.setting import settle
    from flyte._client.revoking import tell_revoked
    from flyte._syncify import block_on

    config = settle(context, needs_client=False, keep_endpoint=True)
    if not config.endpoint:
        typer.echo(
            "sessions of the console go on until they end: no NATS is configured here to tell it by; "
            "type this again with --endpoint"
        )
        return
    try:
        block_on(tell_revoked(config, keyring))
    except errors.BaseRuntimeError as error:
        raise click.ClickException(
            f"sessions of the console go on, since it could not be told: {error}. Type this again when it can"
        ) from error
    typer.echo("told the console what counts no more: sessions that were made by it end within seconds")


def _write_manifests(keyring: "Keyring", path: Path, namespaces: list[str]) -> None:
    from flyte._cli.admin_manifests import manifests
    from flyte_bus.identity.keyring import write_secret

    write_secret(path.absolute(), manifests(keyring, namespaces), within_private_folder=False)
