"""`flyte console`: into the web page, signed in.

The address is good once, and for a minute. A browser is shown it by way of a file that only its owner can
read: what a command is called with, every user of the machine can see.
"""

import html
import os
import sys
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import click
import typer

from flyte._cli.setting import settle

if TYPE_CHECKING:
    from flyte._config import ClientConfig
    from flyte_schemas.sessions import SessionOpened

PAGE = """<!doctype html>
<meta charset="utf-8">
<meta name="referrer" content="no-referrer">
<meta http-equiv="refresh" content="0; url={address}">
<title>The console</title>
<a href="{address}">The console</a>
"""
FILE = "console-login.html"
SCREENS = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
"""One of these is set where a browser can be shown; one of text can do nothing with the page."""

app = typer.Typer(rich_markup_mode=None)


@app.command("console")
def console(
    context: typer.Context,
    no_open: Annotated[
        bool, typer.Option("--no-open", help="Print the address, which is good once and for a minute.")
    ] = False,
    token: Annotated[
        bool, typer.Option("--token", help="Print a token for programs: Authorization: Bearer TOKEN.")
    ] = False,
) -> None:
    """Open the web page, signed in: it shows the projects and domains that your credentials are for."""
    if no_open and token:
        raise click.UsageError("--token prints a token and opens nothing: leave --no-open out", context)
    config = settle(context)
    opened = _opened(config, lasting=token)
    if token:
        typer.echo(opened.secret)
        return
    address = f"{config.console_url or opened.url}/login#{opened.secret}"
    if no_open or not _is_shown(address):
        typer.echo(address)
    else:
        typer.echo(f"opened {config.console_url or opened.url} in a browser", err=True)


def _opened(config: "ClientConfig", *, lasting: bool) -> "SessionOpened":
    from flyte import _session
    from flyte._client.console import open_session
    from flyte._syncify import block_on

    async def ask() -> "SessionOpened":
        return await open_session(await _session.client().bus(), config, lasting=lasting)

    return block_on(ask())


def _is_shown(address: str) -> bool:
    """Whether a browser was found that is shown the address."""
    from flyte._stack import own_folder, stack_home

    if sys.platform == "linux" and not any(os.environ.get(name) for name in SCREENS):
        return False
    page = own_folder(stack_home()) / FILE
    _write_private(page, PAGE.format(address=html.escape(address)))
    if webbrowser.open(page.as_uri()):
        return True
    page.unlink()
    return False


def _write_private(path: Path, text: str) -> None:
    """Write a file anew that only its owner may read, also where another's stands."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as out:
        out.write(text)
