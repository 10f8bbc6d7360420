"""`flyte create secret NAME`: keep a value that is typed without an echo, read from a file, or given."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from flyte._cli.setting import Domain, Project, settle

Group = Annotated[str | None, typer.Option("--group", help="The group that it belongs to.")]
Scope = Annotated[
    Literal["project", "domain", "global"],
    typer.Option("--scope", help="Whose it is: the project's and domain's, the domain's, everybody's."),
]


def create_secret(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its key, as in flyte.Secret(NAME).")],
    value: Annotated[
        str | None, typer.Option("--value", help="The value. It then stands in the shell's history.")
    ] = None,
    from_file: Annotated[
        str | None, typer.Option("--from-file", help="A file that holds it; - is standard input.")
    ] = None,
    from_docker_config: Annotated[
        bool, typer.Option("--from-docker-config", help="What docker login has written (image_pull).")
    ] = False,
    registry: Annotated[str | None, typer.Option("--registry", help="A registry (image_pull).")] = None,
    username: Annotated[str | None, typer.Option("--username", help="Who pulls there.")] = None,
    password: Annotated[
        str | None, typer.Option("--password", help="The password; left out, it is asked for.")
    ] = None,
    type: Annotated[
        Literal["regular", "image_pull"] | None,
        typer.Option("--type", help="regular (default) or image_pull."),
    ] = None,
    group: Group = None,
    scope: Scope = "project",
    project: Project = None,
    domain: Domain = None,
) -> None:
    """Keep a secret. Without an option for its value it is asked for, and not shown."""
    settle(context, project=project, domain=domain)
    ways = (value is not None, from_file is not None, from_docker_config, registry is not None)
    if sum(ways) > 1:
        raise ValueError("say one of --value, --from-file, --from-docker-config and --registry")
    if bool(username) != bool(registry) or (password is not None and registry is None):
        raise ValueError("--registry, --username and --password belong together")
    pulls = from_docker_config or registry is not None
    if pulls and type == "regular":
        raise ValueError("what docker login knows is a secret of --type image_pull")
    from flyte._client.secrets import create_secret as create
    from flyte._syncify import block_on

    if from_docker_config:
        content = _docker_config()
    elif registry is not None:
        content = _login(registry, username or "", password)
    else:
        content = _value(name, value, from_file)
    kind = type or ("image_pull" if pulls else "regular")
    was_there = block_on(create(name, content, kind, group=group, scope=scope))
    _advise(content, by_hand=value is not None or password is not None)
    typer.echo(f"{'replaced' if was_there else 'created'} secret {f'{group}/' if group else ''}{name}")


def _value(name: str, value: str | None, from_file: str | None) -> bytes:
    """The value as it was given. Raises ValueError, OSError."""
    if value is not None:
        return value.encode("utf-8", "surrogateescape")
    if from_file == "-":
        return sys.stdin.buffer.read()
    if from_file is not None:
        return Path(from_file).read_bytes()
    return _asked(f"Value of {name}").encode()


def _asked(what: str) -> str:
    """What somebody types, without an echo. Raises ValueError where nobody can."""
    if not sys.stdin.isatty():
        raise ValueError("nobody can be asked for the value here: say --from-file - to read standard input")
    answer: str = typer.prompt(what, hide_input=True, err=True)
    return answer


def _login(registry: str, username: str, password: str | None) -> bytes:
    """What docker writes about one registry."""
    import base64
    import json

    word = password if password is not None else _asked(f"Password of {username} at {registry}")
    login = base64.b64encode(f"{username}:{word}".encode()).decode()
    return json.dumps({"auths": {registry: {"username": username, "password": word, "auth": login}}}).encode()


def _docker_config() -> bytes:
    """What docker login has written on this machine. Raises ValueError where that holds no passwords."""
    import json
    import os

    path = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker") / "config.json"
    try:
        auths = json.loads(path.read_bytes()).get("auths") or {}
    except (OSError, ValueError, AttributeError) as error:
        raise ValueError(f"{path} cannot be read as docker writes it: {error}") from None
    known = {name: login for name, login in auths.items() if isinstance(login, dict) and login.get("auth")}
    if not known:
        raise ValueError(
            f"{path} holds no passwords (docker keeps them elsewhere): say --registry, --username and "
            "--password"
        )
    return json.dumps({"auths": known}).encode()


def _advise(content: bytes, *, by_hand: bool) -> None:
    """What is good to know of a value, without a word of it."""
    from flyte_schemas.secrets import SHORTEST_HIDDEN

    if by_hand:
        typer.echo("the value stands in the shell's history: without the option it is asked for", err=True)
    if content.endswith(b"\n") and content.count(b"\n") == 1:
        typer.echo("the value ends with a line break, as what it was read from does", err=True)
    if len(content.strip()) < SHORTEST_HIDDEN:
        typer.echo(f"a value of less than {SHORTEST_HIDDEN} characters is not hidden in output", err=True)
