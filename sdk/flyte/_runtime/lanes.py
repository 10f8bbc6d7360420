"""Several attempts at a time in one process, each in a lane of the socket to the agent.

Async tasks share the event loop of the main thread; a sync task has a thread of its own, which needs nothing
of that loop, so that a task that waits for it there cannot keep it from running. One thread reads the socket
and hands out what comes. What belongs to an attempt (its context, its output, its scratch folder) hangs on a
context variable; the modules, and what they hold, are everybody's.
"""

import asyncio
import contextlib
import contextvars
import ctypes
import os
import shutil
import signal
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any
from weakref import WeakSet

from flyte._raw_data import scratch_here, use_scratch
from flyte._runtime import context, controller, telemetry
from flyte._runtime.channel import Channel, LaneChannel
from flyte._runtime.child import run_body, run_body_blocking
from flyte._runtime.convert import inputs_from_wire, outputs_to_wire
from flyte._runtime.importing import is_apart
from flyte._runtime.lane_output import LaneOutput, print_to, streams_apart
from flyte._runtime.messages import Again, Cancel, Entered, Exiting, Message, Returned, Start
from flyte._runtime.offload import is_elsewhere, is_large
from flyte._runtime.publishing import published_aio
from flyte._runtime.remote_controller import AGENT_GONE, BROKEN, RemoteController
from flyte._runtime.runner import (
    called,
    context_of,
    has_report,
    load,
    prepare,
    publish,
    raised,
    say,
    set_variables,
    with_checkpoint,
)
from flyte._runtime.stopping import Stopped
from flyte._runtime.threads import in_thread
from flyte_schemas.literals import AnyLiteral
from flyte_schemas.task import TaskTemplate

_exit = os._exit


class LaneController(RemoteController):
    """That of an attempt beside others: the agent's answers are handed to it."""

    def listen(self) -> None:
        if self.is_over:
            raise RuntimeError("the attempt that this code belongs to is over: nobody answers any more")

    def hear(self, message: Message) -> None:
        """Take an answer of the agent's."""
        self._hear(message)


class Lane:
    """One attempt in this process. `tasks` are those of its event loop that it has made."""

    def __init__(self, channel: LaneChannel, number: int, start: Start) -> None:
        self.channel = channel
        self.number = number
        self.start = start
        self.controller = LaneController(channel, start)
        self.output = LaneOutput(channel.send)
        self.scratch = str(Path(start.root, ".flyte-scratch", str(number)))
        self.tasks: WeakSet[asyncio.Task[Any]] = WeakSet()
        self.main: asyncio.Task[None] | None = None
        self.thread: int | None = None
        """The thread of a sync task while it may be stopped."""
        self.is_cancelled = False
        self.lock = threading.Lock()

    @contextlib.contextmanager
    def here(self) -> Iterator[None]:
        """This context is the attempt's, from now on; within the block also its scratch folder."""
        _lane.set(self)
        print_to(self.output)
        with scratch_here(self.scratch), context.use(context_of(self.start)):
            yield


_lane: contextvars.ContextVar[Lane | None] = contextvars.ContextVar("flyte_lane", default=None)


class Lanes:
    """Serves the agent until it closes the socket."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._lanes: dict[int, Lane] = {}
        self._last: Start | None = None
        self._loaded: dict[str, tuple[TaskTemplate, Any]] = {}
        self._loading = threading.Lock()
        self._loop = asyncio.new_event_loop()
        self._over: asyncio.Future[None] = self._loop.create_future()

    def serve(self) -> int:
        """The exit code of this process, whose main thread this is."""
        asyncio.set_event_loop(self._loop)
        self._loop.set_task_factory(_task_of_lane)
        self._loop.add_signal_handler(signal.SIGTERM, self._cancel_all)
        with streams_apart(), _told_exits():
            threading.Thread(target=self._listen, name="flyte-agent-channel", daemon=True).start()
            while not self._over.done():
                # What a task raises that some action has made beside its own is no reason to end.
                with contextlib.suppress(SystemExit, KeyboardInterrupt):
                    self._loop.run_until_complete(self._over)
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()
        return 0

    # -- what the agent says, in the thread that reads it ------------------------------------------------

    def _listen(self) -> None:
        try:
            while (heard := self._channel.receive_in()) is not None:
                self._hear(*heard)
        except OSError:
            pass  # the agent is gone
        except Exception:
            traceback.print_exc()
            _exit(BROKEN)
        if self._lanes:
            _exit(AGENT_GONE)
        self._loop.call_soon_threadsafe(self._over.set_result, None)

    def _hear(self, number: int, message: Message) -> None:
        if isinstance(message, Start | Again):
            self._begin(number, message)
            return
        lane = self._lanes.get(number)
        if lane is None:
            return  # it is over
        if isinstance(message, Cancel):
            self._cancel(lane)
        else:
            lane.controller.hear(message)

    def _begin(self, number: int, message: Start | Again) -> None:
        if isinstance(message, Again):
            assert self._last is not None, "the first order names its task"
            message = message.of(self._last)
        self._last = start = message
        lane = Lane(LaneChannel(self._channel, number), number, start)
        self._lanes[number] = lane
        self._appoint()
        if start.template.is_async or not self._loaded:  # what comes first is loaded by the main thread
            self._loop.call_soon_threadsafe(self._begin_on_loop, lane)
        else:
            self._begin_thread(lane)

    def _cancel(self, lane: Lane) -> None:
        with lane.lock:
            lane.is_cancelled = True
            if lane.thread is not None:
                _raise_in(lane.thread)
        if lane.main is not None:
            self._loop.call_soon_threadsafe(lane.main.cancel)

    def _cancel_all(self) -> None:
        for lane in tuple(self._lanes.values()):
            self._cancel(lane)

    # -- async tasks, on the event loop ------------------------------------------------------------------

    def _begin_on_loop(self, lane: Lane) -> None:
        here = contextvars.copy_context()
        if not lane.start.template.is_async:
            with contextlib.suppress(BaseException):  # it meets it again
                here.run(self._load_here, lane)
            self._begin_thread(lane)
            return
        lane.main = self._loop.create_task(self._live(lane), context=here)
        lane.main.add_done_callback(partial(self._ended_early, lane))
        if lane.is_cancelled:
            lane.main.cancel()

    def _load_here(self, lane: Lane) -> None:
        with lane.here():
            self._load(lane.start)

    async def _live(self, lane: Lane) -> None:
        with lane.here():
            try:
                last_word: Message = Returned(outputs=await self._called(lane))
            except BaseException as error:  # whatever ends the user's function is the attempt's failure
                last_word = raised(error, lane.start)
            left = {task for task in lane.tasks if task is not lane.main and not task.done()}
            for task in left:
                task.cancel()
            if left:
                await asyncio.wait(left)
        self._end(lane, last_word)

    async def _called(self, lane: Lane) -> Mapping[str, AnyLiteral]:
        """As `runner.called`; what blocks does so in a thread."""
        start, remote = lane.start, lane.controller
        task = self._load(start)
        interface = task.native_interface
        with controller.use(remote), context.use(with_checkpoint(remote, start)), telemetry.use(start):
            literals = start.inputs
            if is_elsewhere(literals) or not all(one.codec.is_inline for one in interface.inputs.values()):
                inputs = await in_thread(lambda: inputs_from_wire(interface, remote.fetched(literals)))
            else:
                inputs = inputs_from_wire(interface, literals)
            lane.channel.send(Entered())
            try:
                returned = await run_body(task.body(inputs))
            finally:
                if has_report():
                    await in_thread(lambda: publish(remote))
            outputs = await published_aio(lambda: outputs_to_wire(interface, returned))
            return await in_thread(lambda: remote.stored(outputs)) if is_large(outputs.values()) else outputs

    def _ended_early(self, lane: Lane, main: "asyncio.Task[None]") -> None:
        """Cancelled before it began, or in the middle of its end, it has yet to say its last word."""
        if lane.number in self._lanes:
            error = asyncio.CancelledError() if main.cancelled() else main.exception()
            self._end(lane, raised(error or asyncio.CancelledError(), lane.start))

    # -- sync tasks, each in its thread ------------------------------------------------------------------

    def _begin_thread(self, lane: Lane) -> None:
        threading.Thread(target=self._live_in_thread, args=(lane,), name="flyte-task", daemon=True).start()

    def _live_in_thread(self, lane: Lane) -> None:
        last_word: Message = raised(Stopped(), lane.start)
        try:
            with lane.here():
                with lane.lock:
                    lane.thread = None if lane.is_cancelled else threading.get_ident()
                if not lane.is_cancelled:
                    last_word = self._outcome(lane)
        except Stopped:
            pass  # it came when the function was over
        self._end(lane, last_word)

    def _outcome(self, lane: Lane) -> Message:
        start = lane.start
        try:
            task = self._load(start)

            def call(inputs: dict[str, Any]) -> Any:
                return run_body_blocking(lambda: task.body(inputs))

            return Returned(outputs=called(lane.channel, start, task, lane.controller, call))
        except BaseException as error:  # whatever ends the user's function is the attempt's failure
            return raised(error, start)
        finally:
            with lane.lock:
                lane.thread = None

    # -- both --------------------------------------------------------------------------------------------

    def _load(self, start: Start) -> Any:
        """The task to run. Raises ModuleLoadError."""
        template = start.template
        with self._loading:
            known = self._loaded.get(template.name)
            if known is None or (known[0] is not template and known[0] != template):
                if not self._loaded:
                    prepare(start)
                    use_scratch(str(Path(start.root, ".flyte-scratch", "0")))  # of what has no context
                self._loaded[template.name] = known = template, load(start)
            if start.secrets is not None:  # they may have changed
                set_variables(start)
        is_apart()
        return known[1]

    def _end(self, lane: Lane, last_word: Message) -> None:
        """Say the last word, after all that was printed."""
        for stream in (lane.output, sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):  # the agent may be gone, or the task has put something there
                stream.flush()
        with contextlib.suppress(Exception):
            lane.output.close()
        lane.controller.finish()
        shutil.rmtree(lane.scratch, ignore_errors=True)
        self._lanes.pop(lane.number, None)
        self._appoint()
        with contextlib.suppress(OSError):  # the agent is gone, and this process goes with it
            say(lane.channel, lane.start, last_word)

    def _appoint(self) -> None:
        """For code without a context that attempt asks which runs longest."""
        oldest = next(iter(tuple(self._lanes.values())), None)
        RemoteController.of_process = None if oldest is None else oldest.controller


def _task_of_lane(loop: asyncio.AbstractEventLoop, work: Any, **options: Any) -> "asyncio.Task[Any]":
    """Make a task as asyncio does, and note whose it is: what an action leaves running ends with it."""
    task = asyncio.Task(work, loop=loop, **options)
    here = options.get("context")
    lane = _lane.get() if here is None else here.get(_lane)
    if lane is not None:
        lane.tasks.add(task)
    return task


def _raise_in(thread: int) -> None:
    """Have `Stopped` raised where a thread stands; one that waits in C code meets it when it is back."""
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(Stopped))


@contextlib.contextmanager
def _told_exits() -> Iterator[None]:
    """Within the block the agent is told whose code calls `os._exit`: the others are not to blame."""
    process = os.getpid()

    def tell_and_exit(status: int) -> None:
        lane = _lane.get()
        if lane is not None and os.getpid() == process:
            with contextlib.suppress(Exception):
                lane.channel.send(Exiting())
        _exit(status)

    os._exit = tell_and_exit  # type: ignore[assignment]
    try:
        yield
    finally:
        os._exit = _exit
