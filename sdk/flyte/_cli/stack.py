"""`flyte start`, `stop` and `status`: the embedded stack on this machine."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import click
import typer

from flyte._cli.setting import PATH, Output, settle
from flyte._stack import Stack, find_stack, is_alive, own_folder, stack_home

if TYPE_CHECKING:
    from flyte_schemas.endpoints import Pong
    from flyte_schemas.overview import StreamProgress

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 30.0
POLL_S = 0.05
PING_TIMEOUT_S = 2.0
MOMENT_S = 0.3
"""What the registry reads within it, it was not behind with."""
LOG_TAIL_LINES = 20
REGISTRY = "registry"
SERVICES = (REGISTRY, "dataproxy", "executor", "scheduler", "notifier", "guard")
CONSOLE = "console"
"""A stack does without one."""

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
    keys: Annotated[
        Path | None,
        typer.Option(
            "--keys",
            click_type=PATH,
            metavar="DIR",
            help="With --nats, where it knows roles: the folder of `flyte admin init`.",
        ),
    ] = None,
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
    no_console: Annotated[bool, typer.Option("--no-console", help="Without the web page.")] = False,
) -> None:
    """Start a stack on this machine: a NATS server, all services and a web page, in one process."""
    _refuse_words(context)
    home = _home(home)
    running = find_stack(home)
    if running is not None:
        typer.echo(f"a stack is running already ({_described(running)})", err=True)
        raise SystemExit(0 if detach else 1)
    command = [sys.executable, "-m", "flyte_embedded", "--home", str(home)]
    if keys is not None and nats is None:
        raise click.UsageError("--keys are for a server that exists: add --nats URL", context)
    command += ["--nats", nats] if nats else []
    command += ["--keys", str(keys.expanduser().absolute())] if keys else []
    command += ["--backend", backend] if backend else []
    command += ["--no-console"] if no_console else []
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

    answers, behind = block_on(_answers())
    console = answers.pop(CONSOLE)
    if console is not None or config.console_url:
        answers[CONSOLE] = console
    if output == "json":
        from flyte._cli.show import json_text

        services: dict[str, Any] = {
            service: pong.model_dump(mode="json") if pong else None for service, pong in answers.items()
        }
        if services[REGISTRY]:
            services[REGISTRY]["behind"] = [stream.model_dump(mode="json") for stream in behind]
        where = {"endpoint": config.endpoint, "source": config.source, "console_url": config.console_url}
        typer.echo(json_text({**where, "services": services}))
    else:
        typer.echo(f"endpoint   {config.endpoint}" + (f"  ({config.source})" if config.source else ""))
        for service, pong in answers.items():
            said = f"running on {pong.host}, process {pong.pid}, version {pong.version}" if pong else ""
            typer.echo(f"{service:<10} {said or 'no answer'}")
            for stream in behind if service == REGISTRY else ():
                typer.echo(f"{'':<10} {_catching_up(stream)}")
        if config.console_url:
            typer.echo(f"web page   {config.console_url}")
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


def _catching_up(stream: "StreamProgress") -> str:
    """How far the registry is with a stream that it has not read to its end."""
    from flyte._cli.show import seconds_text

    said = f"catching up: {stream.as_of:,} of {stream.end:,} events of {stream.stream} are read"
    if stream.per_s:
        said += f", {stream.per_s:,.0f} a second"
    return said if stream.eta_s is None else f"{said}, some {seconds_text(stream.eta_s)} to go"


async def _answers() -> "tuple[dict[str, Pong | None], list[StreamProgress]]":
    """What each service answers, and what the registry has yet to read."""
    import asyncio

    from flyte import _session
    from flyte._client.trouble import translated
    from flyte_bus.errors import NoAnswer, Refusal
    from flyte_schemas.endpoints import Ping, ping_endpoint
    from flyte_schemas.overview import GET_PROGRESS, GetProgress

    with translated():
        bus = await _session.client().bus()

        async def ping(service: str) -> "Pong | None":
            try:
                return await bus.ask(ping_endpoint(service), Ping(), timeout_s=PING_TIMEOUT_S)
            except (NoAnswer, Refusal):
                return None

        async def progress() -> "dict[str, StreamProgress]":
            try:
                answer = await bus.ask(GET_PROGRESS, GetProgress(), timeout_s=PING_TIMEOUT_S)
            except (NoAnswer, Refusal):
                return {}
            return {stream.stream: stream for stream in answer.streams}

        async def behind() -> "list[StreamProgress]":
            """Where the registry is behind, and not just by what came this moment."""
            first = await progress()
            if all(stream.as_of == stream.end for stream in first.values()):
                return []
            await asyncio.sleep(MOMENT_S)
            return [now for name, now in (await progress()).items() if now.as_of < first[name].end]

        asked = (*SERVICES, CONSOLE)
        answers, streams = await asyncio.gather(asyncio.gather(*map(ping, asked)), behind())
    return dict(zip(asked, answers, strict=True)), streams


def _start_detached(command: list[str], home: Path) -> None:
    own_folder(home)
    log = home / "stack.log"
    os.umask(0o077)  # the log is our user's alone
    with log.open("ab") as sink:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, start_new_session=True
        )
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        running = find_stack(home)
        if running is not None and running.pid == process.pid:
            typer.echo(f"the stack is running ({_described(running)}); stop it with `flyte stop`", err=True)
            if running.console_url:
                typer.echo(f"its web page: {running.console_url} (to sign in: flyte console)", err=True)
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
