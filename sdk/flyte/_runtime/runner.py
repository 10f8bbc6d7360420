"""The user's process: load the task, run it, tell the agent how it went.

Its standard output and error are pipes that the agent reads from outside, so whatever ends this process,
what was printed before is not lost.
"""

import contextlib
import os
import random
import shutil
import socket
import sys
from collections.abc import Callable, Coroutine, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from flyte import errors
from flyte._raw_data import RawDataPath, use_scratch
from flyte._runtime import context, controller, telemetry
from flyte._runtime.channel import Channel
from flyte._runtime.child import run_body, run_body_blocking
from flyte._runtime.convert import inputs_from_wire, outputs_to_wire
from flyte._runtime.failure import failure_in
from flyte._runtime.importing import importing
from flyte._runtime.lasting_loop import LastingLoop
from flyte._runtime.loading import load_task
from flyte._runtime.messages import Again, Entered, Message, Raised, Returned, Start, Together
from flyte._runtime.publishing import published
from flyte._runtime.remote_checkpoint import RemoteCheckpoint
from flyte._runtime.remote_controller import RemoteController
from flyte._runtime.reports import Report
from flyte._runtime.stopping import cancelled_by_signal, stopped_by_signal
from flyte._syncify import block_on
from flyte_schemas.literals import AnyLiteral
from flyte_schemas.names import SECRETS_FOLDER_VARIABLE


def main(connection: socket.socket) -> int:
    """Serve the agent's `Start`, and more of them in a process that is reused.

    The exit code is 0 whenever the agent was told how each of them went.
    """
    channel = Channel(connection)
    message = channel.receive()
    if isinstance(message, Together):
        from flyte._runtime.lanes import Lanes

        return Lanes(channel).serve()
    reused = _Reused()
    while isinstance(message, Start | Again):  # else the agent changed its mind: another one has the attempt
        start = reused.start(message)
        remote = RemoteController(channel, start)
        last_word = _run(channel, start, remote, reused)
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):  # the task may have closed it, or put something else there
                stream.flush()
        if start.reused:
            remote.finish()
        say(channel, start, last_word)
        if not start.reused:
            return 0
        message = remote.next_start()
    reused.close()
    return 0


class _Reused:
    """What a process keeps from one attempt to the next: its event loop, and the task that it has loaded."""

    def __init__(self) -> None:
        self._loop = LastingLoop()
        self._last: Start | None = None
        self._task: Any = None

    def start(self, message: Start | Again) -> Start:
        """The whole order."""
        if isinstance(message, Again):
            assert self._last is not None, "the first order names its task"
            return message.of(self._last)
        self._last, self._task = message, None
        return message

    def task(self, start: Start) -> Any:
        """The task to run. Raises ModuleLoadError."""
        prepare(start)  # also what an earlier action has changed: the folder, variables, chance
        if self._task is None:
            self._task = load(start)
        os.environ["FLYTE_ATTEMPT_NUMBER"] = str(start.attempt - 1)
        return self._task

    def run(self, start: Start, body: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine to its end; SIGTERM cancels it."""
        if start.reused:
            return self._loop.run(cancelled_by_signal(body))
        with self._loop:
            return self._loop.run(cancelled_by_signal(body))

    def close(self) -> None:
        self._loop.close()


def load(start: Start) -> Any:
    """The task, from its module. Raises ModuleLoadError."""
    template = start.template
    with importing():
        task = load_task(template.source, template.name, Path(start.root))
    return task.override(max_inline_io_bytes=template.max_inline_io_bytes)


def say(channel: Channel, start: Start, last_word: Message) -> None:
    """Send the last word; when it cannot be put into JSON, that is the last word. Raises OSError."""
    try:
        channel.send(last_word)
    except OSError:
        raise
    except Exception as error:
        channel.send(Raised(failure=failure_in(error, start.root)))


def prepare(start: Start) -> None:
    """Make this process look like the task's own: environment, folder, chance, line-wise output."""
    set_variables(start)
    telemetry.tell_environment(start)
    os.chdir(start.root)
    random.seed()
    sys.argv = [start.template.source.file]
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError):  # an earlier task has put something else there
            stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]


def set_variables(start: Start) -> None:
    """The task's variables; one of the user's stands before a secret of its name."""
    if start.secrets is not None:
        os.environ.update(start.secrets.variables)
        if start.secrets.folder:
            os.environ[SECRETS_FOLDER_VARIABLE] = start.secrets.folder
    os.environ.update(start.template.env_vars)
    os.environ.update(start.env_vars)


@contextlib.contextmanager
def _scratch(start: Start) -> Iterator[None]:
    """Where copies are kept within the block; what others will use this process sees nothing of them."""
    folder = Path(start.root, ".flyte-scratch") if start.reused else Path(start.root)
    use_scratch(str(folder))
    try:
        yield
    finally:
        if start.reused:
            shutil.rmtree(folder, ignore_errors=True)


def _run(channel: Channel, start: Start, remote: RemoteController, reused: _Reused) -> Message:
    """The last word on the attempt: what it returned, or why it did not."""
    try:
        # While the module loads, too: it may ask for the current domain.
        with _scratch(start), context.use(context_of(start)):
            task = reused.task(start)
            RemoteController.of_process = remote
            if not start.reused:  # there nobody listens until something is asked, since most ask for nothing
                remote.listen()
            call = partial(_call, start, task, reused=reused)
            return Returned(outputs=called(channel, start, task, remote, call))
    except BaseException as error:  # whatever ends the user's function is the attempt's failure
        return raised(error, start)


def raised(error: BaseException, start: Start) -> Raised:
    """The last word on an attempt that an exception ended."""
    failure = failure_in(error, start.root)
    if isinstance(error, errors.ModuleLoadError):
        failure = failure.model_copy(update={"recoverable": False})
    return Raised(failure=failure)


def called(
    channel: Channel, start: Start, task: Any, remote: RemoteController, call: Callable[[dict[str, Any]], Any]
) -> Mapping[str, AnyLiteral]:
    """Run the function; its outputs, the large ones, and the files they point to, in the artifact store."""
    with controller.use(remote), context.use(with_checkpoint(remote, start)), telemetry.use(start):
        inputs = inputs_from_wire(task.native_interface, remote.fetched(start.inputs))
        channel.send(Entered())
        try:
            returned = call(inputs)
        finally:
            publish(remote)
        return remote.stored(published(lambda: outputs_to_wire(task.native_interface, returned)))


def with_checkpoint(remote: RemoteController, start: Start) -> context.TaskContext:
    """The current context, with what earlier attempts saved."""
    checkpoint = RemoteCheckpoint(remote, start)
    return context.current().replace(checkpoint=checkpoint, checkpoint_paths=checkpoint.paths)


def _call(start: Start, task: Any, inputs: dict[str, Any], *, reused: _Reused) -> Any:
    """Run the function: a coroutine on an event loop, a plain function on this thread."""
    if task.is_async:
        return reused.run(start, run_body(task.body(inputs)))
    return stopped_by_signal(lambda: run_body_blocking(lambda: task.body(inputs)))


def has_report() -> bool:
    """Whether the running attempt has written a report."""
    report = context.ctx().report
    return report is not None and report.has_content()


def publish(remote: RemoteController) -> None:
    """Store what was written of the report since the last flush; the attempt's end does not depend on it."""
    report = context.ctx().report
    if report is None or not has_report():
        return
    try:
        block_on(remote.publish(report))
    except Exception as error:
        sys.stderr.write(f"{error}\n")


def context_of(start: Start) -> context.TaskContext:
    return context.TaskContext(
        action=context.ActionID(
            name=start.action, run_name=start.run, project=start.project, domain=start.domain
        ),
        version=start.version,
        mode="remote",
        attempt_number=start.attempt - 1,
        custom_context=dict(start.custom_context),
        run_start_time=start.run_began,
        raw_data_path=RawDataPath.of_action(start.run, start.action, start.raw_data_path),
        report=Report(start.template.name, hidden=start.secrets.hidden if start.secrets else ()),
    )
