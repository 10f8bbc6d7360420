"""Attempts as containers of the local docker engine, each of its task's image: for real images on a laptop.

The engine remembers: containers carry their orders as labels; an executor that comes back asks for those of
its site. One stream of events tells of their ends; whenever it begins, again too, what is there is listed.
Before an end is told, what the agent had yet to say is fetched from its container and delivered.
"""

import asyncio
import contextlib
import json
import os
import tempfile
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import structlog
from pydantic import ValidationError

from flyte_bus.ports import EventLog
from flyte_executor.backends.containers import (
    HOME,
    ORDER_LABEL,
    SITE_LABEL,
    container_name,
    image_of,
    run_words,
)
from flyte_executor.backends.left_words import LeftWords
from flyte_executor.backends.port import Gone, Launch, LaunchFailed, OnGone, OnWaiting, order_for
from flyte_executor.backends.told import own_variables, variables_of
from flyte_executor.credentials import Issuer
from flyte_schemas.orders import Order
from flyte_schemas.subjects import AttemptKey

log = structlog.get_logger()

ASK_TIMEOUT_S = 60.0
"""How long the engine may take to answer; the start of a container may have to pull its image first."""
PULL_TIMEOUT_S = 1800.0
WATCH_AGAIN_S = 1.0
"""The pause before the events of an engine that went away are asked for again."""


class DockerUnusable(ValueError):
    """No docker engine answers."""


class DockerBackend:
    """The port `Backend` on one engine; `site` tells its containers from those of others, `image` is for
    tasks that name none. Pools are not kept here: each attempt has a container of its own. `issuer` lets each
    in by credentials of its own; None: all are whom our variables say.
    """

    def __init__(
        self, events: EventLog, *, site: str, image: str, grace_s: float, issuer: Issuer | None = None
    ) -> None:
        self._issuer = issuer
        self._events = events
        self._site = site
        self._image = image
        self._grace_s = grace_s
        self._live: set[AttemptKey] = set()
        self._launching: dict[AttemptKey, asyncio.Lock] = {}
        self._burying: set[asyncio.Task[None]] = set()
        self._watch: asyncio.Task[None] | None = None
        self._is_closing = False

    async def start(self, on_gone: OnGone, on_waiting: OnWaiting) -> frozenset[AttemptKey]:
        """See `Backend.start`. Raises DockerUnusable."""
        self._on_gone = on_gone
        if trouble := await self.trouble():
            raise DockerUnusable(trouble)
        await self._look()
        self._watch = asyncio.create_task(self._keep_watching(), name="docker events")
        return frozenset(self._live)

    async def trouble(self) -> str:
        """See `TellsTrouble`."""
        try:
            code, _, said = await _docker("version", "--format", "{{.Server.Version}}")
        except OSError as error:
            return f"the docker backend needs docker, which is not here: {error}"
        return f"the docker backend needs docker's engine, which does not answer: {said}" if code else ""

    async def launch(self, launch: Launch) -> None:
        async with self._launching.setdefault(launch.attempt, asyncio.Lock()):
            if launch.attempt not in self._live:
                await self._run(launch)
        self._launching.pop(launch.attempt, None)

    async def stop_attempt(self, attempt: AttemptKey) -> None:
        name = container_name(attempt, self._site)
        await _docker("stop", "--time", f"{self._grace_s:.0f}", name, timeout_s=self._grace_s + ASK_TIMEOUT_S)

    async def close(self, *, stop_attempts: bool) -> None:
        if stop_attempts:
            await asyncio.gather(*(self.stop_attempt(attempt) for attempt in tuple(self._live)))
        self._is_closing = True
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
        if stop_attempts:
            await asyncio.gather(*(self._bury(attempt) for attempt in tuple(self._live)))
        await asyncio.gather(*self._burying, return_exceptions=True)

    async def _run(self, launch: Launch) -> None:
        """Start the container, unless it is there. Raises LaunchFailed."""
        order = order_for(launch)
        image = image_of(launch, self._image)
        name = container_name(launch.attempt, self._site)
        variables = variables_of(os.environ, image) | {"FLYTE_WORKER": _worker(name)}
        if self._issuer is not None:
            variables = own_variables(variables, self._issuer.for_launch(launch, queues=True).text)
        words = run_words(launch, order, site=self._site, image=image, variables=variables)
        self._live.add(launch.attempt)  # its end may be told before docker says that it began
        code, _, said = await _docker(*words, variables=variables, timeout_s=PULL_TIMEOUT_S)
        if code == 0 or "is already in use" in said:
            return
        self._live.discard(launch.attempt)
        await _docker("rm", "--force", name)
        raise LaunchFailed(f"no container of image {image} could be started: {said}")

    async def _look(self) -> None:
        """See which containers of ours there are; those that have ended are buried."""
        listing = ("ps", "--all", "--no-trunc", "--filter", f"label={SITE_LABEL}={self._site}")
        form = f'{{{{.State}}}}\t{{{{.Label "{ORDER_LABEL}"}}}}'
        _, answer, _ = await _docker(*listing, "--format", form)
        for line in answer.splitlines():
            state, _, label = line.partition("\t")
            if (order := _order_of(label)) is None:
                continue
            self._live.add(order.key)
            if state in ("exited", "dead"):
                self._begin_to_bury(order.key)

    async def _keep_watching(self) -> None:
        while True:
            try:
                async for event in self._events_of_containers():
                    order = _order_of(str(event.get("Actor", {}).get("Attributes", {}).get(ORDER_LABEL)))
                    if order is not None:
                        self._begin_to_bury(order.key)
            except (OSError, ValueError) as error:
                log.warning("executor.docker.watch_broken", error=str(error))
            await asyncio.sleep(WATCH_AGAIN_S)
            with contextlib.suppress(OSError, TimeoutError):
                await self._look()

    async def _events_of_containers(self) -> AsyncIterator[dict[str, Any]]:
        """The ends of our containers, as long as the engine tells them; what ended before is looked up."""
        filters = ("--filter", "event=die", "--filter", f"label={SITE_LABEL}={self._site}")
        process = await asyncio.create_subprocess_exec(
            "docker",
            *("events", *filters, "--format", "{{json .}}"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            await self._look()
            assert process.stdout is not None
            async for line in process.stdout:
                yield json.loads(line)
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    def _begin_to_bury(self, attempt: AttemptKey) -> None:
        name = f"bury {attempt}"
        if self._is_closing or any(task.get_name() == name for task in self._burying):
            return
        task = asyncio.create_task(self._bury(attempt), name=name)
        self._burying.add(task)
        task.add_done_callback(self._burying.discard)

    async def _bury(self, attempt: AttemptKey) -> None:
        """Deliver what the agent had yet to say, say that it is gone, and remove its container."""
        name = container_name(attempt, self._site)
        with tempfile.TemporaryDirectory(prefix="flyte-words-") as folder:
            code, _, _ = await _docker("cp", f"{name}:{HOME}/spool", folder)
            if code == 0:
                await LeftWords(Path(folder) / "spool", self._events, of=attempt.action).deliver()
        _, state, _ = await _docker("inspect", "--format", "{{.State.ExitCode}} {{.State.OOMKilled}}", name)
        self._live.discard(attempt)
        gone = Gone(attempt=attempt, worker=_worker(name), reason=_reason(name, state))
        if not self._is_closing and not await self._on_gone(gone):
            return
        await _docker("rm", "--force", name)


def _worker(name: str) -> str:
    """What the log calls the agent in a container."""
    return f"docker/{name}"


def _reason(name: str, state: str) -> str:
    code, _, killed = state.strip().partition(" ")
    if killed == "true":
        return f"container {name} was killed for its memory"
    return f"container {name} ended with code {code}" if code else f"container {name} is gone"


def _order_of(label: str) -> Order | None:
    try:
        return Order.model_validate_json(label)
    except ValidationError:
        return None


async def _docker(
    *words: str, variables: Mapping[str, str] | None = None, timeout_s: float = ASK_TIMEOUT_S
) -> tuple[int, str, str]:
    """What `docker …` answers: its code, its output, its last line about what went wrong. Raises OSError."""
    process = await asyncio.create_subprocess_exec(
        "docker",
        *words,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **(variables or {})},
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(), timeout_s)
    except TimeoutError:
        return 124, "", f"docker {words[0]} took longer than {timeout_s:g} s"
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    lines = [line for line in err.decode(errors="replace").splitlines() if line and "--help" not in line]
    return process.returncode or 0, out.decode(errors="replace"), lines[-1] if lines else ""
