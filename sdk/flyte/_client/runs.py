"""Runs on the stack: start one, find some, and the object that stands for one."""

import sys
from collections.abc import AsyncGenerator, Mapping, Sequence

from flyte._client.details import Connected, unknown
from flyte._client.filters import Direction, Phases, RunFilter, TimeFilter, is_ascending, phases_of
from flyte._client.listing import list_runs
from flyte._client.logs import LogPrinter
from flyte._client.tracked import Tracked
from flyte._client.watch import Happening, RunWatch
from flyte._runtime.interface import NativeInterface
from flyte._streams import Streamed
from flyte._syncify import Syncified
from flyte.errors import RuntimeUserError
from flyte_schemas.subjects import ROOT_ACTION, RunKey


async def _get_run(name: str) -> "Run":
    """The run of this name or URL, in the project and domain of this process.

    Raises InitializationError without a client, RuntimeUserError (`RunNotFound`) for a run that the
    log does not have.
    """
    from flyte import _session

    client = _session.client()
    run = Run(client, parse_run(name, client.config.project, client.config.domain))
    if (await run.state()).phase is None:
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
    """The runs that meet all that is asked for, newest first (or by `sort_by=("created_at", "asc")`).

    Raises NotImplementedError for `updated_at` and other ways to sort; a run never pauses here, so
    `paused_actions_only` gives none.
    """
    from flyte import _session

    if updated_at is not None:
        raise NotImplementedError("runs cannot be found by updated_at: use created_at")
    if paused_actions_only:
        return
    ascending = is_ascending(sort_by)
    client = _session.client()
    project, domain = project or client.config.project, domain or client.config.domain
    wanted = RunFilter(
        in_phase=phases_of(in_phase),
        task_name=task_name,
        task_version=task_version,
        requested_by=created_by_subject,
        created_at=created_at or TimeFilter(),
        labels=dict(with_labels or {}),
        label_keys=tuple(with_label_keys or ()),
    )
    found = await list_runs(project, domain, limit=limit, wanted=wanted)
    for summary in reversed(found) if ascending else found:
        yield Run(client, RunKey(project, domain, summary.name))


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
    ) -> None:
        super().__init__(connected, key.action(ROOT_ACTION), request_id=request_id, interface=interface)

    @property
    def name(self) -> str:
        return self._key.run

    def __repr__(self) -> str:
        return f"<run {self.name} ({self.url})>"

    def _printer(self, watch: RunWatch) -> LogPrinter:
        return LogPrinter(sys.stdout, sys.stderr, watch.task_of)

    def _concerns(self, happening: Happening) -> bool:
        return True

    def _unknown(self) -> Exception:
        return run_not_found(self._key)

    def get_debug_url(self) -> None:
        """None: a run has no debugger to visit."""

    get = Syncified(_get_run)
    listall = Streamed(_list_runs)


def run_not_found(key: RunKey) -> RuntimeUserError:
    return RuntimeUserError("RunNotFound", unknown(key.action(ROOT_ACTION)))


def parse_run(text: str, project: str, domain: str) -> RunKey:
    """The run that a name or a URL names. Raises ValueError."""
    if "://" not in text:
        return RunKey(project, domain, text)
    match text.split("/"):
        case ["flyte:", "", found_project, found_domain, "runs", name]:
            return RunKey(found_project, found_domain, name)
        case _:
            raise ValueError(f"{text!r} is no run: give its name, or flyte://PROJECT/DOMAIN/runs/NAME")
