"""The children of one attempt of a local run: run in this process, and given up when the attempt is over."""

import asyncio
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from flyte._limits import LOCAL_SYNC_CHILDREN
from flyte._runtime import context, convert
from flyte._runtime.child import Child
from flyte._runtime.reports import Report, warn_of_no_report
from flyte._runtime.side_loop import SideLoop
from flyte._runtime.steps import Steps
from flyte._runtime.threads import Threads
from flyte._syncify import running_loop
from flyte._task import Task

if TYPE_CHECKING:
    from flyte._local import LocalActions
    from flyte._runtime.questions import Asked, Question


class LocalChildren:
    """The controller of one attempt: runs its children in this process."""

    def __init__(self, actions: "LocalActions", action: str, steps: Steps, *, keeps_reports: bool) -> None:
        self.steps = steps
        self._actions = actions
        self._action = action
        self._keeps_reports = keeps_reports
        self._asked: set[str] = set()
        self._is_over = False
        self._callers: set[asyncio.Task[Any]] = set()
        self._threads = Threads(LOCAL_SYNC_CHILDREN)
        self._loop = SideLoop()

    async def call(self, task: Task[..., Any], inputs: dict[str, Any]) -> Any:
        self._leave_place()
        caller = asyncio.current_task()
        assert caller is not None, "a coroutine is awaited in a task of its loop's"
        self._callers.add(caller)
        try:
            if task.is_async:
                return await self._actions.run(self._actions.ask(task), task, inputs)
            return await self.start(task, inputs).wait()
        finally:
            self._callers.discard(caller)

    def start(self, task: Task[..., Any], inputs: dict[str, Any]) -> Child:
        return Child(self._start(task, inputs), _as_it_is)

    def _start(self, task: Task[..., Any], inputs: dict[str, Any]) -> "Future[Any]":
        if task.is_async:
            return self._loop.submit(self.call(task, inputs))
        self._leave_place()
        name = self._actions.ask(task)
        data = convert.inputs_to_json(task.native_interface, inputs)
        return self._threads.submit(lambda: self._actions.run_blocking(name, task, data))

    def _leave_place(self) -> None:
        """A parent that waits needs no place. Raises CancelledError when its attempt is over already."""
        if self._is_over:
            raise asyncio.CancelledError("the attempt that calls is over")
        self._actions.places.leave(self._action)

    def pause(self, question: "Question") -> "Asked":
        return self._actions.conditions.pause(question, self._action, self._asked, lambda: self._is_over)

    async def publish(self, report: Report) -> None:
        if not self._keeps_reports:
            warn_of_no_report()
            return
        page = report.get_final_report()
        if page != report.published:
            await asyncio.to_thread(self._actions.keep_report, self._action, page)
            report.published = page

    def close(self) -> None:
        """The attempt is over, and with it the children that it did not wait for; its report is stored."""
        self._is_over = True
        self._loop.close()
        self._give_up()
        report = context.ctx().report
        if report is not None and report.has_content() and self._keeps_reports:
            page = report.get_final_report()
            if page != report.published:
                self._actions.keep_report(self._action, page)

    def _give_up(self) -> None:
        """Cancel who still waits for a child on the loop that this attempt ran on: so the child ends too."""
        loop = running_loop()
        here = asyncio.current_task() if loop is not None else None
        for caller in [*self._callers]:
            if caller is not here and caller.get_loop() is loop:
                caller.cancel()


def _as_it_is(value: Any) -> Any:
    return value
