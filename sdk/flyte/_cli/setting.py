"""What a command works with: the configuration that its options, the file and the machine add up to."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from flyte._config import ClientConfig

Project = Annotated[str | None, typer.Option("-p", "--project", help="Project.", show_default=False)]
Domain = Annotated[str | None, typer.Option("-d", "--domain", help="Domain.", show_default=False)]
Output = Annotated[str, typer.Option("-o", "--output", help="table or json.")]
RootDir = Annotated[
    Path | None, typer.Option("--root-dir", help="Root of the source tree.", show_default=False)
]
CopyStyle = Annotated[str, typer.Option("--copy-style", help="loaded_modules, all, custom or none.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Globals:
    """Options that stand before the command."""

    config: Path | None = None
    endpoint: str | None = None


def settle(
    context: typer.Context,
    *,
    project: str | None = None,
    domain: str | None = None,
    root_dir: Path | None = None,
    needs_client: bool = True,
    keep_endpoint: bool = False,
) -> "ClientConfig":
    """Configure this process for a command. Raises InitializationError when it needs a stack and has none."""
    from flyte import _session
    from flyte._config import make_config
    from flyte.errors import InitializationError

    given = context.obj if isinstance(context.obj, Globals) else Globals()
    config = make_config(
        file=given.config,
        endpoint=given.endpoint,
        project=project,
        domain=domain,
        root_dir=root_dir,
    )
    if needs_client and not config.endpoint:
        raise InitializationError(
            "ClientNotInitializedError",
            "user",
            f"no stack is running and none is configured: {_session.NO_CLIENT_HINT}",
        )
    if not (needs_client or keep_endpoint):
        config = replace(config, endpoint="")
    elif not config.endpoint.startswith("ws"):
        from flyte_bus.quick_start import load_without_websockets

        load_without_websockets()
    _session.configure(config)
    return config


def check_output(output: str) -> str:
    """Raises BadParameter for a format that does not exist."""
    if output not in ("table", "json"):
        raise typer.BadParameter(f"{output!r} is not one of table, json", param_hint="--output")
    return output
