"""`python -m flyte_embedded`: the embedded stack as a process; `flyte start` runs it."""

import argparse
import asyncio
import os
import signal
import sys
from pathlib import Path

from flyte_bus import event_loop, health, security
from flyte_bus.errors import BusError
from flyte_bus.health import Health, HealthSettings, served
from flyte_bus.listening import PortTaken
from flyte_bus.security import Security
from flyte_bus.service import LoopDied, configure_logging
from flyte_bus.settings import replicas_from_environment
from flyte_dataproxy.store.port import StoreUnusable
from flyte_embedded.app import Stack
from flyte_embedded.home import HomeInUse
from flyte_embedded.nats_server import NatsServerFailed
from flyte_embedded.settings import StackSettings

_CANNOT_START = (
    HomeInUse,
    NatsServerFailed,
    BusError,
    StoreUnusable,
    PortTaken,
    ValueError,
)


def main() -> int:
    """Run a stack until SIGTERM or SIGINT. Exit codes: 0 stopped, 1 a part died, 2 could not start."""
    parser = argparse.ArgumentParser(prog="python -m flyte_embedded", description=__doc__)
    parser.add_argument("--home", type=Path, default=Path(os.environ.get("FLYTE_HOME") or "~/.flyte"))
    parser.add_argument(
        "--nats", metavar="URL", help="use this NATS server (or several, with commas) instead of our own"
    )
    parser.add_argument("--keys", type=Path, metavar="DIR", help="keys of `flyte admin init`, for its roles")
    parser.add_argument("--artifacts", default="", help="a folder, or s3://BUCKET/PREFIX")
    parser.add_argument("--endpoint-url", default="", metavar="URL", help="where that S3 is, if not at AWS")
    parser.add_argument("--backend", default="", help="where attempts run: process, docker or kubernetes")
    parser.add_argument("--no-console", action="store_true", help="without the web page")
    arguments = parser.parse_args()
    os.umask(0o077)  # the log, objects, code and output of this stack are its user's alone
    os.environ.setdefault("FLYTE_LOG_LEVEL", "warning" if sys.stderr.isatty() else "info")
    configure_logging()
    try:
        replicas, watched = replicas_from_environment(), health.from_environment()
        trusted = security.from_environment()
    except ValueError as error:
        parser.error(str(error))
    settings = StackSettings(
        home=arguments.home.expanduser().resolve(),
        nats_url=arguments.nats,
        nats_user=os.environ.get("FLYTE_NATS_USER", ""),
        nats_password=os.environ.get("FLYTE_NATS_PASSWORD", ""),
        keys=arguments.keys.expanduser().resolve() if arguments.keys else None,
        replicas=replicas if arguments.nats else 1,
        security=trusted if arguments.nats else Security(),
        artifacts=arguments.artifacts,
        endpoint_url=arguments.endpoint_url,
        backend=arguments.backend,
        console=not arguments.no_console,
    )
    return event_loop.run(_watched(settings, watched))


async def _watched(settings: StackSettings, watched: HealthSettings) -> int:
    """The stack's life, with the pages of its health."""
    state = Health()
    try:
        async with served(state, watched) as port:
            if port is not None:
                _say(f"health and metrics are served at http://{watched.host}:{port}")
            return await _run(settings, state)
    except ValueError as error:  # the address of the pages
        _say(f"cannot start: {error}")
        return 2


async def _run(settings: StackSettings, state: Health) -> int:
    signalled = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, signalled.set)
    stack = Stack(settings)
    try:
        await stack.start()
    except _CANNOT_START as error:
        _say(f"cannot start: {error}")
        await stack.stop()
        return 2
    except BaseException:
        await stack.stop()
        raise
    assert stack.access is not None
    state.serving(stack.trouble)
    for meter in stack.meters:
        state.measured(meter)
    _say(f"ready (nats {stack.access.url}, home {settings.home}, pid {os.getpid()})")
    if stack.console_url:
        _say(f"its web page: {stack.console_url} (to sign in: flyte console)")
    dying = asyncio.create_task(stack.wait())
    stopping = asyncio.create_task(signalled.wait())
    await asyncio.wait({dying, stopping}, return_when=asyncio.FIRST_COMPLETED)
    _say("stopping")
    state.draining()
    await stack.stop()
    stopping.cancel()
    try:
        await dying
    except LoopDied as error:
        _say(f"stopped, because {error}: {error.__cause__}")
        return 1
    _say("stopped")
    return 0


def _say(text: str) -> None:
    sys.stderr.write(f"[flyte] {text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
