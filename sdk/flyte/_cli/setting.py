"""What a command works with: the configuration that its options, the file and the machine add up to.

The options that many commands share are declared here once.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import click
import typer

if TYPE_CHECKING:
    from flyte._config import ClientConfig

PATH = click.Path(path_type=Path)
"""A file or folder that the shell completes, which typer's own paths leave out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Globals:
    """Options that stand before the command."""

    config: Path | None = None
    endpoint: str | None = None
    org: str | None = None
    image_builder: str | None = None
    output: str = "table"
    progress: bool = True
    log_variables: Mapping[str, str] = field(default_factory=dict)
    """How the processes of a run log, as the variables that say so."""


def globals_of(context: typer.Context) -> Globals:
    """What stood before the command."""
    found = context.find_object(Globals)
    return found if found is not None else Globals()


def _chosen(context: typer.Context, given: str | None) -> str:
    return given or globals_of(context).output


Project = Annotated[str | None, typer.Option("-p", "--project", help="Project.")]
Domain = Annotated[str | None, typer.Option("-d", "--domain", help="Domain.")]
Output = Annotated[
    Literal["table", "json"] | None,
    typer.Option("-o", "--output", callback=_chosen, help="table (the default) or json."),
]
"""A command's answer as a table for people, or as JSON for programs; what stood before it counts too."""
Limit = Annotated[int, typer.Option("--limit", min=1, help="How many, at most.")]

DeployVersion = Annotated[
    str | None, typer.Option("--version", help="Version to deploy as; else a hash of the content.")
]
CopyStyle = Annotated[str, typer.Option("--copy-style", help="Or all, custom, none.")]
RootDir = Annotated[Path | None, typer.Option("--root-dir", click_type=PATH, help="Root of the source tree.")]
Images = Annotated[list[str] | None, typer.Option("--image", help="NAME=URI, or URI for the default image.")]
SourcePath = Annotated[
    Path, typer.Argument(click_type=PATH, metavar="FILE", help="Python file, or a folder.")
]
EnvVars = Annotated[
    list[str] | None,
    typer.Argument(metavar="[ENV_VAR]...", help="Variables of FILE that hold the environments."),
]
Everything = Annotated[bool, typer.Option("--all", help="All environments of the file.")]
Recursive = Annotated[
    bool, typer.Option("-r", "--recursive", help="All environments of all files in the folder FILE.")
]
IgnoreLoadErrors = Annotated[
    bool, typer.Option("-i", "--ignore-load-errors", help="Go on without the files that do not load.")
]
NoSync = Annotated[
    bool, typer.Option("--no-sync-local-sys-paths", help="Tasks have only the source root on sys.path.")
]


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
    from flyte._reach import NO_CLIENT_HINT
    from flyte.errors import InitializationError

    given = globals_of(context)
    config = make_config(
        file=given.config,
        endpoint=given.endpoint,
        project=project,
        domain=domain,
        root_dir=root_dir,
        image_builder=given.image_builder,
    )
    if given.org:
        config = replace(config, org=given.org)
    if needs_client and not config.endpoint:
        raise InitializationError(
            "ClientNotInitializedError",
            "user",
            f"no stack is running and none is configured: {NO_CLIENT_HINT}",
        )
    if not (needs_client or keep_endpoint):
        config = replace(config, endpoint="")
    elif not config.endpoint.startswith("ws"):
        from flyte_bus import quick_start

        quick_start.spare_websockets()
    _session.configure(config)
    return config
