"""The controller on the stack: a child call goes to the agent and comes back when the child has ended.

A thread reads the agent's answers, so the user's event loop and the user's blocking code are served alike.
"""

import asyncio
import contextlib
import functools
import itertools
import os
import threading
import traceback
from collections.abc import Coroutine, Iterator, Mapping
from concurrent.futures import Future, InvalidStateError
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, cast

from flyte._runtime import group, telemetry
from flyte._runtime.artifact_errors import ArtifactError
from flyte._runtime.channel import Channel
from flyte._runtime.child import Child
from flyte._runtime.context import get_custom_context
from flyte._runtime.convert import inputs_to_wire, outputs_from_wire
from flyte._runtime.failure import error_of
from flyte._runtime.identity import ChildNames
from flyte._runtime.messages import (
    Again,
    Ask,
    ChildEnded,
    Find,
    Found,
    GiveUp,
    Kept,
    Locate,
    Located,
    Message,
    Pause,
    Paused,
    Remembered,
    Reported,
    Save,
    Saved,
    Start,
    pack,
)
from flyte._runtime.offload import is_elsewhere, is_large, offload, restore
from flyte._runtime.publishing import published, published_aio
from flyte._runtime.questions import Asked, Question, answer_in
from flyte._runtime.remote_record import RemoteRecord
from flyte._runtime.reports import Report, warn_of_no_report
from flyte._runtime.steps import Steps
from flyte._runtime.turns import Turns
from flyte._syncify import background_loop, block_on
from flyte.errors import RuntimeSystemError
from flyte_schemas.endpoints import AnswerT, AskT, CompleteUpload, CreateUploadLocation, Endpoint
from flyte_schemas.events import AttemptCheckpointed
from flyte_schemas.failure import Failure, FailureKind
from flyte_schemas.literals import AnyLiteral, InlineLiteral
from flyte_schemas.phase import ActionPhase
from flyte_schemas.task import TaskReference

if TYPE_CHECKING:
    from flyte._runtime.transfer import Artifacts
    from flyte._task import Task

BROKEN = 72
"""The exit code of a runner that failed in our own code, aside from the task."""
AGENT_GONE = 70
"""The exit code of a runner whose agent is gone: there is nobody left to report to."""


class NotLocated(Exception):
    """The dataproxy named no place; `failure` says why, when somebody said."""

    def __init__(self, failure: Failure | None) -> None:
        super().__init__(failure.message if failure else "the agent did not say where")
        self.failure = failure


class RemoteController:
    """Implements `flyte._runtime.controller.Controller` over the agent's socket."""

    of_process: "ClassVar[RemoteController | None]" = None
    """That of the one attempt that a task's process runs now."""

    def __init__(self, channel: Channel, start: Start) -> None:
        self._channel = channel
        self.place = (start.project, start.domain)
        self._keeps_reports = start.template.report
        self._version = start.version
        self._patience_s = start.patience_s
        scope = start.names_of or start.action
        self._names = ChildNames(scope)
        self._record = RemoteRecord(self.send, start)
        self.steps = Steps(self._record, scope)
        self._calls = itertools.count(1)
        self._waiting: dict[int, Future[ChildEnded]] = {}
        self._turns = Turns()
        self._pausing: dict[int, Future[None]] = {}
        self._finding: dict[int, Future[Found]] = {}
        self._locating: dict[int, Future[Located]] = {}
        self._saving: dict[int, Future[None]] = {}
        self._lock = threading.Lock()
        self._next: Future[Message | None] | None = None
        self.is_over = False
        """Whether the attempt is over and this process waits for another one."""

    def listen(self) -> None:
        """Read the agent's answers, in a thread of its own, up to its order for another attempt."""
        with self._lock:
            if self.is_over:
                raise RuntimeError("the attempt that this thread belongs to is over: nobody answers any more")
            if self._next is not None:
                return
            self._next = Future()
        threading.Thread(target=self._listen, name="flyte-agent-channel", daemon=True).start()

    def send(self, question: Message) -> None:
        """Ask the agent something, and see that its answer is heard. Raises OSError when it is gone."""
        self.listen()
        self._channel.send(question)

    def finish(self) -> None:
        """The attempt is over, and this process waits for another one: nothing may be asked any more."""
        with self._lock:
            self.is_over = True

    def next_start(self) -> Message | None:
        """The order for another attempt, when it comes; None when the agent has closed the socket."""
        return self._channel.receive() if self._next is None else self._next.result()

    async def call(self, task: "Task[..., Any]", inputs: dict[str, Any]) -> Any:
        literals = await published_aio(lambda: inputs_to_wire(task.native_interface, inputs))
        return await self._child(task, literals).wait()

    def start(self, task: "Task[..., Any]", inputs: dict[str, Any]) -> Child:
        literals = published(lambda: inputs_to_wire(task.native_interface, inputs))
        return self._child(task, literals)

    def _child(self, task: "Task[..., Any]", literals: "dict[str, InlineLiteral]") -> Child:
        outputs = task.native_interface.outputs
        reads_elsewhere = any(not parameter.codec.is_inline for parameter in outputs)
        return Child(self._ask(task, literals), partial(_value, task), reads_elsewhere)

    def _ask(self, task: "Task[..., Any]", literals: "dict[str, InlineLiteral]") -> "Future[ChildEnded]":
        label = group.current()
        answer: Future[ChildEnded] = Future()
        with self._lock:
            call = next(self._calls)
            action = self._names.next(task.name, literals, label)
            self._waiting[call] = answer
        reference = TaskReference(name=task.name, version=getattr(task, "pinned_version", self._version))
        ask = Ask(
            call=call,
            action=action,
            task=reference,
            inputs=literals,
            group=label,
            custom_context=get_custom_context(),
            overrides=task.overrides,
            traceparent=telemetry.current(),
        )
        if is_large(literals.values()):
            self._aside(self._ask_when_stored(ask, answer))
        else:
            self._send_ask(ask)
        answer.add_done_callback(partial(self._settled, call))
        return answer

    def _send_ask(self, ask: Ask) -> None:
        try:
            frame = pack(ask)
            if self._turns.may_ask(ask.call, frame):
                self.listen()
                self._channel.send_frame(frame)
        except BaseException:
            self._answered(ask.call)
            self._waiting.pop(ask.call, None)
            raise

    def _answered(self, call: int) -> bool:
        """This call waits no more, so another may ask; whether the agent knows of it."""
        has_asked, following = self._turns.over(call)
        if following is not None:
            self._channel.send_frame(following)
        return has_asked

    async def _ask_when_stored(self, ask: Ask, answer: "Future[ChildEnded]") -> None:
        """Large inputs go to the store first; only their references pass the agent."""
        try:
            inputs = await offload(ask.inputs, self.artifacts)
        except ArtifactError as error:
            failure = _of_the_platform(error, "ChildNotRequested")
            self._settle(ChildEnded(call=ask.call, phase=ActionPhase.FAILED, failure=failure))
            return
        if not answer.cancelled():
            self._send_ask(ask.model_copy(update={"inputs": inputs}))

    def fetched(self, literals: Mapping[str, AnyLiteral]) -> Mapping[str, AnyLiteral]:
        """The same values, all inline; blocks while the large ones come. Raises RuntimeSystemError."""
        if not is_elsewhere(literals):
            return literals
        with _told("the inputs cannot be fetched"):
            return block_on(restore(literals, self.artifacts))

    def stored(self, literals: Mapping[str, AnyLiteral]) -> Mapping[str, AnyLiteral]:
        """The same values, the large ones as references; blocks meanwhile. Raises RuntimeSystemError."""
        if not is_large(literals.values()):
            return literals
        with _told("the outputs cannot be stored"):
            return block_on(offload(literals, self.artifacts))

    @functools.cached_property
    def artifacts(self) -> "Artifacts":
        """The store of the run's project; to be used on the SDK's own loop."""
        from flyte._runtime.transfer import Artifacts

        return Artifacts(self.locate, *self.place, patience_s=self._patience_s)

    def _aside(self, work: "Coroutine[Any, Any, None]") -> None:
        """Do it on the SDK's own loop. It answers a call in the end: when it cannot, the process ends."""
        done = asyncio.run_coroutine_threadsafe(work, background_loop())
        done.add_done_callback(_end_if_broken)

    def _settled(self, call: int, answer: "Future[ChildEnded]") -> None:
        """A call that was cancelled while it waited: the agent has the child aborted."""
        if answer.cancelled():
            self._waiting.pop(call, None)
            with contextlib.suppress(OSError):  # the agent is gone, and this process goes with it
                if self._answered(call):
                    self.send(GiveUp(call=call))

    def pause(self, question: Question) -> Asked:
        opened: Future[None] = Future()
        answer: Future[ChildEnded] = Future()
        with self._lock:
            call = next(self._calls)
            self._pausing[call], self._waiting[call] = opened, answer
        webhook = question.webhook
        self.send(
            Pause(
                call=call,
                condition=question.name,
                prompt=question.prompt,
                prompt_type=question.prompt_type,
                data_type=question.data_type,
                description=question.description,
                timeout_s=question.timeout_s,
                group=group.current(),
                webhook=webhook.url if webhook else None,
                payload=webhook.payload if webhook else None,
                traceparent=telemetry.current(),
            )
        )
        return Asked(opened, lambda: Child(answer, partial(answer_in, question)))

    def find(self, name: str, version: str | None) -> Found:
        """A deployed version of a task, the latest by default; blocks until the agent has answered."""
        answer: Future[Found] = Future()
        with self._lock:
            call = next(self._calls)
            self._finding[call] = answer
        self.send(Find(call=call, name=name, version=version))
        return answer.result()

    async def locate(self, endpoint: Endpoint[AskT, AnswerT], question: AskT, /) -> AnswerT:
        """Ask the dataproxy, through the agent. Raises NotLocated."""
        answer: Future[Located] = Future()
        with self._lock:
            call = next(self._calls)
            self._locating[call] = answer
        field = {CreateUploadLocation: "upload", CompleteUpload: "complete"}.get(type(question), "download")
        self.send(Locate.model_validate({"call": call, field: question}))
        located = await asyncio.wrap_future(answer)
        found = located.upload or located.completed or located.download
        if found is None:
            raise NotLocated(located.failure)
        return cast(AnswerT, found)

    async def checkpointed(self, checkpoint: AttemptCheckpointed) -> None:
        """Have it in the log that this is the attempt's checkpoint now."""
        answer: Future[None] = Future()
        with self._lock:
            call = next(self._calls)
            self._saving[call] = answer
        self.send(Save(call=call, checkpoint=checkpoint))
        await asyncio.wrap_future(answer)

    async def publish(self, report: Report) -> None:
        if not self._keeps_reports:
            warn_of_no_report()
            return
        page = report.get_final_report()
        if page == report.published:
            return
        try:
            stored = await self.artifacts.put(page.encode(), "report.html")
        except ArtifactError as error:
            raise RuntimeSystemError(error.code, f"the report cannot be stored: {error}") from error
        self.send(Reported(uri=stored.uri, sha256=stored.sha256, size_bytes=stored.size_bytes))
        report.published = page

    def _listen(self) -> None:
        """Hand out answers; without a reader every call would wait for ever, so its end ends the process."""
        assert self._next is not None
        try:
            while (message := self._channel.receive()) is not None:
                if isinstance(message, Start | Again):
                    self._next.set_result(message)
                    return
                self._hear(message)
        except OSError:
            pass  # the agent is gone
        except Exception:
            traceback.print_exc()
        if not self.is_over:
            os._exit(AGENT_GONE)
        self._next.set_result(None)

    def _hear(self, message: Message) -> None:
        if isinstance(message, ChildEnded) and is_elsewhere(message.outputs):
            self._aside(self._answer_when_fetched(message))
        elif isinstance(message, ChildEnded):
            self._settle(message)
        elif isinstance(message, Paused):
            self._paused(message)
        elif isinstance(message, Found):
            self._finding.pop(message.call).set_result(message)
        elif isinstance(message, Located):
            self._located(message)
        elif isinstance(message, Saved):
            with contextlib.suppress(InvalidStateError):  # whoever waited was cancelled
                self._saving.pop(message.call).set_result(None)
        elif isinstance(message, Kept | Remembered):
            self._record.answered(message)

    def _paused(self, paused: Paused) -> None:
        opened = self._pausing.pop(paused.call)
        if paused.failure is None:
            opened.set_result(None)
        else:
            self._waiting.pop(paused.call, None)
            opened.set_exception(error_of(paused.failure))

    def _located(self, located: Located) -> None:
        answer = self._locating.pop(located.call)
        if answer.set_running_or_notify_cancel():
            answer.set_result(located)

    async def _answer_when_fetched(self, ended: ChildEnded) -> None:
        try:
            outputs = await restore(ended.outputs, self.artifacts)
            self._settle(ended.model_copy(update={"outputs": outputs}))
        except ArtifactError as error:
            failure = _of_the_platform(error, "OutputsNotAvailable")
            self._settle(ChildEnded(call=ended.call, phase=ActionPhase.FAILED, failure=failure))

    def _settle(self, ended: ChildEnded) -> None:
        self._answered(ended.call)
        answer = self._waiting.pop(ended.call, None)
        if answer is not None and answer.set_running_or_notify_cancel():
            answer.set_result(ended)


def _of_the_platform(error: ArtifactError, code: str) -> Failure:
    return Failure(
        code=code,
        kind=FailureKind.SYSTEM,
        message=str(error),
        hint="the platform tries again by itself; if it stays, look at the dataproxy and its store",
    )


@contextlib.contextmanager
def _told(what: str) -> Iterator[None]:
    try:
        yield
    except ArtifactError as error:
        raise RuntimeSystemError(error.code, f"{what}: {error}") from error


def _end_if_broken(done: "Future[None]") -> None:
    if not done.cancelled() and (error := done.exception()) is not None:
        traceback.print_exception(error)
        os._exit(AGENT_GONE if isinstance(error, OSError) else BROKEN)


def _value(task: "Task[..., Any]", ended: ChildEnded) -> Any:
    """What the call gives. Raises the child's error."""
    if ended.phase.is_success:
        return outputs_from_wire(task.native_interface, ended.outputs)
    raise error_of(ended.failure, ended.phase, ended.abort_reason)
