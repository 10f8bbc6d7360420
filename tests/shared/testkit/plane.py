"""A control plane in memory whose services a test plays by hand: what the SDK's client talks to."""

from datetime import UTC, datetime
from typing import Any

from flyte_bus.memory import MemoryBus, MemoryServer
from flyte_schemas.endpoints import CREATE_UPLOAD_LOCATION, CreateUploadLocation, UploadLocation
from flyte_schemas.envelope import Event, Malformed
from flyte_schemas.events import (
    DeployTask,
    EventData,
    LogSegment,
    LogWritten,
    TaskDeployed,
    TaskDeployRejected,
)
from flyte_schemas.failure import Failure, FailureKind
from flyte_schemas.streams import REQUESTS
from flyte_schemas.subjects import DEPLOY_REQUESTS, RunKey, action_subject, log_subject, task_subject
from flyte_schemas.task import TaskReference

KEY = RunKey("p", "d", "r1")
TASK = TaskReference(name="env.one", version="v1")


class Plane:
    """A control plane in memory, with the parts of its services that a test plays by hand."""

    def __init__(self) -> None:
        self.server = MemoryServer()
        self.mine = MemoryBus(self.server)
        self.theirs = MemoryBus(self.server)
        self.console_url = ""
        self.uploads: list[CreateUploadLocation] = []
        self._written: dict[str, int] = {}
        self._count = 0

    async def bus(self) -> MemoryBus:
        return self.mine

    async def say(self, subject: str, data: EventData, cause: str | None = None) -> int:
        """Append an event as a service would."""
        self._count += 1
        return await self.theirs.log.append(
            Event(
                id=f"e{self._count}",
                source="/test",
                subject=subject,
                time=datetime.now(UTC),
                data=data,
                cause=cause,
            )
        )

    async def happen(self, data: EventData, action: str = "a0", cause: str | None = None) -> None:
        await self.say(action_subject(KEY.action(action)), data, cause)

    async def write(self, text: str, action: str = "a0", attempt: int = 1) -> int:
        """Log output of an attempt; how many bytes it has written so far."""
        key = f"{action}/{attempt}"
        offset, size = self._written.get(key, 0), len(text.encode())
        segments = (LogSegment(stream="stdout", text=text),)
        chunk = LogWritten(attempt=attempt, offset=offset, size_bytes=size, segments=segments)
        await self.say(log_subject(KEY.action(action)), chunk)
        self._written[key] = offset + size
        return offset + size

    async def requests(self) -> list[tuple[str, Any]]:
        """The requests so far: id and data."""
        found = []
        async for entry in self.theirs.log.read(REQUESTS, "flyte.req.>"):
            assert not isinstance(entry.content, Malformed)
            found.append((entry.content.id, entry.content.data))
        return found

    async def serve_uploads(self) -> None:
        async def answer(question: CreateUploadLocation) -> UploadLocation:
            self.uploads.append(question)
            return UploadLocation(uri=f"flyte://artifacts/p/d/{question.content_md5}", exists=True)

        await self.theirs.serve(CREATE_UPLOAD_LOCATION, answer)

    async def registry(self, refuse: frozenset[str] = frozenset()) -> None:
        """Answer every deploy request, for ever."""
        async with self.theirs.inbox(REQUESTS, "registry", DEPLOY_REQUESTS) as inbox:
            async for delivery in inbox:
                content = delivery.entry.content
                assert not isinstance(content, Malformed)
                assert isinstance(content.data, DeployTask)
                await self._judge(content.id, content.data, refuse)
                await delivery.ack()

    async def _judge(self, request_id: str, request: DeployTask, refuse: frozenset[str]) -> None:
        template, digest = request.template, request.template.digest()
        subject = task_subject("p", "d", template.name)
        if template.name in refuse:
            failure = Failure(
                code="VersionConflict", kind=FailureKind.USER, message="other content", hint="rename"
            )
            verdict = TaskDeployRejected(version=request.version, digest=digest, failure=failure)
            await self.say(subject, verdict, cause=request_id)
            return
        await self.say(
            subject, TaskDeployed(version=request.version, digest=digest, template=template), request_id
        )
