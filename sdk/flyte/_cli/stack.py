"""`flyte start`, `stop` and `status`: the embedded stack on this machine."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import click
import typer

from flyte._cli.setting import PATH, Output, settle
from flyte._stack import Stack, find_stack, is_alive, stack_home

if TYPE_CHECKING:
    from flyte_schemas.endpoints import Pong

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 30.0
POLL_S = 0.05
PING_TIMEOUT_S = 2.0
LOG_TAIL_LINES = 20
SERVICES = ("registry", "dataproxy", "executor", "scheduler", "notifier")

Home = Annotated[
    Path | None, typer.Option("--home", click_type=PATH, help="Folder of its files, else ~/.flyte.")
]

app = typer.Typer(rich_markup_mode=None)

_ALONE = {"allow_extra_args": True}
"""`flyte start devbox` is what Flyte's users know: a further word is let in, and refused in our words."""


@app.command("start", context_settings=_ALONE)
def start(
    context: typer.Context,
    detach: Annotated[bool, typer.Option("-d", "--detach", help="Run in the background.")] = False,
    home: Home = None,
    nats: Annotated[str | None, typer.Option("--nats", help="Use this NATS server.")] = None,
    artifacts: Annotated[
        str | None, typer.Option("--artifacts", help="Keep objects in this folder, or in s3://BUCKET/PREFIX.")
    ] = None,
    endpoint_url: Annotated[
        str | None, typer.Option("--endpoint-url", help="Where that S3 is, if not at AWS.")
    ] = None,
    backend: Annotated[
        Literal["process", "docker", "kubernetes"] | None,
        typer.Option("--backend", help="Where tasks run: processes, containers of their images, or pods."),
    ] = None,
) -> None:
    """Start a stack on this machine: a NATS server and all services, in one process."""
    _refuse_words(context)
    home = _home(home)
    running = find_stack(home)
    if running is not None:
        typer.echo(f"a stack is running already ({_described(running)})", err=True)
        raise SystemExit(0 if detach else 1)
    command = [sys.executable, "-m", "flyte_embedded", "--home", str(home)]
    command += ["--nats", nats] if nats else []
    command += ["--backend", backend] if backend else []
    command += _artifacts(context, artifacts, endpoint_url)
    if not detach:
        os.execv(sys.executable, command)
    _start_detached(command, home)


@app.command("stop", context_settings=_ALONE)
def stop(context: typer.Context, home: Home = None) -> None:
    """Stop the stack of this machine; what it has recorded stays."""
    _refuse_words(context)
    home = _home(home)
    running = find_stack(home)
    if running is None:
        typer.echo(f"no stack is running in {home}", err=True)
        return
    os.kill(running.pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_TIMEOUT_S
    while is_alive(running.pid):
        if time.monotonic() > deadline:
            raise TimeoutError(
                f"process {running.pid} did not stop within {STOP_TIMEOUT_S:g} s: see {home}/stack.log, "
                f"then kill -9 {running.pid}"
            )
        time.sleep(POLL_S)
    typer.echo("stopped", err=True)


@app.command("status")
def status(context: typer.Context, output: Output = None) -> None:
    """Show where the control plane is and which services answer; exit code 1 when one does not."""
    config = settle(context)
    from flyte._syncify import block_on

    answers = block_on(_pings())
    if output == "json":
        from flyte._cli.show import json_text

        services = {
            service: pong.model_dump(mode="json") if pong else None for service, pong in answers.items()
        }
        typer.echo(json_text({"endpoint": config.endpoint, "source": config.source, "services": services}))
    else:
        typer.echo(f"endpoint   {config.endpoint}" + (f"  ({config.source})" if config.source else ""))
        for service, pong in answers.items():
            said = f"running on {pong.host}, process {pong.pid}, version {pong.version}" if pong else ""
            typer.echo(f"{service:<10} {said or 'no answer'}")
    if not all(answers.values()):
        sys.exit(1)


def _artifacts(context: typer.Context, artifacts: str | None, endpoint_url: str | None) -> list[str]:
    """The options of the stack about objects. Raises UsageError for a place that they cannot be kept in."""
    on_s3 = artifacts is not None and artifacts.startswith("s3://")
    if endpoint_url is not None and not on_s3:
        raise click.UsageError("--endpoint-url is where S3 is: add --artifacts s3://BUCKET/PREFIX", context)
    if artifacts is None:
        return []
    if not on_s3 and "://" in artifacts:
        raise click.UsageError(f"objects are kept in a folder or in s3://BUCKET, not in {artifacts}", context)
    place = artifacts if on_s3 else str(Path(artifacts).expanduser().absolute())
    return ["--artifacts", place, *(["--endpoint-url", endpoint_url] if endpoint_url else [])]


def _refuse_words(context: typer.Context) -> None:
    if context.args:
        raise click.UsageError(
            f"there is no {context.command_path} {context.args[0]}: it alone is for the whole stack",
            context,
        )


async def _pings() -> "dict[str, Pong | None]":
    import asyncio

    from flyte import _session
    from flyte._client.trouble import translated
    from flyte_bus.errors import NoAnswer, Refusal
    from flyte_schemas.endpoints import Ping, ping_endpoint

    with translated():
        bus = await _session.client().bus()

        async def ping(service: str) -> "Pong | None":
            try:
                return await bus.ask(ping_endpoint(service), Ping(), timeout_s=PING_TIMEOUT_S)
            except (NoAnswer, Refusal):
                return None

        answers = await asyncio.gather(*map(ping, SERVICES))
    return dict(zip(SERVICES, answers, strict=True))


def _start_detached(command: list[str], home: Path) -> None:
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    log = home / "stack.log"
    with log.open("ab") as sink:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, start_new_session=True
        )
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        running = find_stack(home)
        if running is not None and running.pid == process.pid:
            typer.echo(f"the stack is running ({_described(running)}); stop it with `flyte stop`", err=True)
            return
        if process.poll() is not None:
            raise RuntimeError(f"the stack ended with code {process.returncode}:\n{_tail(log)}")
        time.sleep(POLL_S)
    process.terminate()
    raise TimeoutError(f"the stack was not ready within {START_TIMEOUT_S:g} s:\n{_tail(log)}")


def _described(stack: Stack) -> str:
    return f"{stack.nats_url}, process {stack.pid}, home {stack.home}"


def _home(home: Path | None) -> Path:
    return home.expanduser().absolute() if home else stack_home()


def _tail(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:]
    return "\n".join([*(f"  {line}" for line in lines), f"(the whole log: {log})"])
