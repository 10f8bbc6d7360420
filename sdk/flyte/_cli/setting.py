"""What a command works with: the configuration that its options, the file and the machine add up to.

The options that many commands share are declared here once, as decorators.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from flyte._config import ClientConfig

FC = TypeVar("FC", bound="Callable[..., Any] | click.Command")


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


def globals_of(context: click.Context) -> Globals:
    """What stood before the command."""
    found = context.find_object(Globals)
    return found if found is not None else Globals()


def _chosen(context: click.Context, _: click.Parameter, given: str | None) -> str:
    return given or globals_of(context).output


def placed(command: FC) -> FC:
    """`-p` and `-d`: which project and domain a command works in."""
    with_domain = click.option("-d", "--domain", help="Domain.")(command)
    return click.option("-p", "--project", help="Project.")(with_domain)


def shown(command: FC) -> FC:
    """`-o`: a command's answer as a table for people, or as JSON for programs."""
    return click.option(
        "-o",
        "--output",
        type=click.Choice(["table", "json"]),
        callback=_chosen,
        help="table (the default) or json.",
    )(command)


def limited(command: FC) -> FC:
    """`--limit`: how many of a list."""
    return click.option(
        "--limit", type=click.IntRange(min=1), default=100, show_default=True, help="How many, at most."
    )(command)


def sourced(command: FC) -> FC:
    """What part of the source goes along with a deployment, and from where."""
    for option in (
        click.option("--no-sync-local-sys-paths", "no_sync", is_flag=True, help=_NO_SYNC),
        click.option("--image", "image", multiple=True, help="NAME=URI, or URI for the default image."),
        click.option("--root-dir", type=click.Path(path_type=Path), help="Root of the source tree."),
        click.option(
            "--copy-style",
            default="loaded_modules",
            show_default=True,
            help="Or all, custom, none.",
        ),
        click.option("--version", "version", help="Version to deploy as; else a hash of the content."),
    ):
        command = option(command)
    return command


_NO_SYNC = "Tasks have only the source root on sys.path."


def settle(
    context: click.Context,
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
            f"no stack is running and none is configured: {_session.NO_CLIENT_HINT}",
        )
    if not (needs_client or keep_endpoint):
        config = replace(config, endpoint="")
    elif not config.endpoint.startswith("ws"):
        from flyte_bus import quick_start

        quick_start.spare_websockets()
    _session.configure(config)
    return config
