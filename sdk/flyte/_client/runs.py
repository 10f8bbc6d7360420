"""Runs on the stack: start one, find some, and the object that stands for one."""

import re
import sys
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from urllib.parse import unquote

from flyte._client.details import Connected
from flyte._client.filters import Direction, Phases, RunFilter, TimeFilter, order_of, phases_of
from flyte._client.listing import asked_runs, run_pages
from flyte._client.logs import LogPrinter
from flyte._client.phases import unknown
from flyte._client.pictures import RunDetails
from flyte._client.tracked import Tracked
from flyte._client.watch import Happening, RunWatch
from flyte._runtime.interface import NativeInterface
from flyte._streams import Streamed
from flyte._syncify import Syncified, syncify
from flyte.errors import RuntimeUserError
from flyte_schemas.subjects import ROOT_ACTION, RunKey


async def get_run(name: str) -> "Run":
    """The run of this name or URL, in the project and domain of this process.

    Raises InitializationError without a client, RuntimeUserError (`RunNotFound`) for a run that the
    log does not have.
    """
    from flyte import _session

    client = _session.client()
    run = Run(client, parse_run(name, client.config.project, client.config.domain))
    if (await run._look()).phase is None:
        raise run_not_found(run._key)
    return run


async def _list_runs(
    in_phase: Phases = None,
    task_name: str | None = None,
    task_version: str | None = None,
    created_by_subject: str | None = None,
    sort_by: tuple[str, Direction] | None = None,
    limit: int = 100,
    project: str | None = None,
    domain: str | None = None,
    created_at: TimeFilter | None = None,
    updated_at: TimeFilter | None = None,
    with_labels: Mapping[str, str] | None = None,
    with_label_keys: Sequence[str] | None = None,
    paused_actions_only: bool = False,
) -> AsyncGenerator["Run"]:
    """The runs that meet all that is asked for, newest first (or by `sort_by=("updated_at", "asc")`).

    They come page by page as they are taken. `updated_at` is when a run ended; until then, when it began.
    With `paused_actions_only`, of those in which a condition waits for an answer. Raises ValueError for a way
    to sort that there is not.
    """
    from flyte import _session

    order = order_of(sort_by)
    client = _session.client()
    project, domain = project or client.config.project, domain or client.config.domain
    wanted = RunFilter(
        in_phase=phases_of(in_phase),
        task_name=task_name,
        task_version=task_version,
        requested_by=created_by_subject,
        created_at=created_at or TimeFilter(),
        updated_at=updated_at or TimeFilter(),
        labels=dict(with_labels or {}),
        label_keys=tuple(with_label_keys or ()),
        paused_only=paused_actions_only,
        order=order,
    )
    async with aclosing(run_pages(asked_runs(project, domain, limit=limit, wanted=wanted))) as pages:
        async for page in pages:
            for summary in page.runs:
                yield Run(client, RunKey(project, domain, summary.name), as_of=page.as_of_sequence)


_PAGE = re.compile(r"https?://[^?#]+/projects/([^/?#]+)/domains/([^/?#]+)/runs/([^/?#]+)(?:[/?#].*)?")
"""The address of a run's page, or of one below it."""


class Run(Tracked):
    """A run on the stack: what is known of it comes from the log, whenever you ask.

    Methods block; each has an `.aio` form to be awaited.
    """

    def __init__(
        self,
        connected: Connected,
        key: RunKey,
        *,
        request_id: str | None = None,
        interface: NativeInterface | None = None,
        as_of: int | None = None,
    ) -> None:
        action = key.action(ROOT_ACTION)
        super().__init__(connected, action, request_id=request_id, interface=interface, as_of=as_of)

    @property
    def name(self) -> str:
        return self._key.run

    def __repr__(self) -> str:
        return f"<run {self.name} ({self.url})>"

    def _printer(self, watch: RunWatch) -> LogPrinter:
        return LogPrinter(sys.stdout, sys.stderr, watch.task_of)

    def _concerns(self, happening: Happening) -> bool:
        return True

    async def _details(self) -> RunDetails:
        """A picture of it as it is now."""
        return RunDetails.of(await self._picture())

    def _unknown(self) -> Exception:
        return run_not_found(self._key)

    def get_debug_url(self) -> None:
        """None: a run has no debugger to visit."""

    details = syncify(_details)
    get = Syncified(get_run)
    listall = Streamed(_list_runs)


def run_not_found(key: RunKey) -> RuntimeUserError:
    return RuntimeUserError("RunNotFound", unknown(key.action(ROOT_ACTION)))


def parse_run(text: str, project: str, domain: str) -> RunKey:
    """The run that a name, a URL or the address of its page names. Raises ValueError."""
    if "://" not in text:
        return RunKey(project, domain, text)
    match text.split("/"):
        case ["flyte:", "", found_project, found_domain, "runs", name]:
            return RunKey(found_project, found_domain, name)
    if found := _PAGE.fullmatch(text):
        return RunKey(*map(unquote, found.groups()))
    raise ValueError(
        f"{text!r} is no run: give its name, flyte://PROJECT/DOMAIN/runs/NAME, or its page's address"
    )
