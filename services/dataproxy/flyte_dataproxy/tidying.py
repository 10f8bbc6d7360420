"""The questions of those who tidy up: what is there, and the removal of what nobody needs.

What is needed, the log says, and whoever asks has read it. Here only age is judged, once more and last: an
object that was stored, or relied upon, since the log was read is too young to be removed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from flyte_bus.errors import Refusal
from flyte_dataproxy.core.keys import ArtifactKey, InvalidKey
from flyte_dataproxy.endpoints import telling
from flyte_dataproxy.settings import MAX_LISTED
from flyte_dataproxy.store.port import ArtifactKeep, Kept
from flyte_schemas.artifacts import MIN_GARBAGE_AGE_S
from flyte_schemas.failure import Failure, FailureKind
from flyte_schemas.tidying import (
    ArtifactList,
    ArtifactsRemoved,
    ArtifactSummary,
    ListArtifacts,
    RemoveArtifacts,
    RemoveUnfinishedUploads,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tidying:
    """The handlers. `clock`: seconds since the epoch. All raise Refusal with code `ArtifactStoreFailed`."""

    keep: ArtifactKeep
    clock: Callable[[], float]

    async def list_artifacts(self, question: ListArtifacts) -> ArtifactList:
        """One page, in the order of the objects' paths."""
        found: list[Kept] = []
        limit = min(question.limit, MAX_LISTED)
        with telling():
            async for kept in self.keep.kept(question.after):
                found.append(kept)
                if len(found) == limit:
                    break
        return ArtifactList(
            artifacts=tuple(map(_summary, found)), last=found[-1].key.path if len(found) == limit else ""
        )

    async def remove_artifacts(self, question: RemoveArtifacts) -> ArtifactsRemoved:
        """Raises Refusal, code `TooYoung`, for a time that would reach what is under way."""
        before, count, size_bytes = self._checked(question.before), 0, 0
        with telling():
            for uri in question.uris:
                try:
                    key = ArtifactKey.from_uri(uri)
                except InvalidKey as error:
                    raise _refusal("InvalidArtifactName", str(error)) from error
                kept = await self.keep.stat(key)
                if kept is None or kept.modified >= before:
                    continue
                await self.keep.remove(key)
                count, size_bytes = count + 1, size_bytes + kept.size_bytes
        return ArtifactsRemoved(count=count, size_bytes=size_bytes)

    async def remove_unfinished_uploads(self, question: RemoveUnfinishedUploads) -> ArtifactsRemoved:
        """Raises Refusal, code `TooYoung`."""
        before = self._checked(question.before)
        with telling():
            return ArtifactsRemoved(count=await self.keep.remove_unfinished(before, apply=question.apply))

    def _checked(self, before: datetime) -> float:
        if self.clock() - before.timestamp() < MIN_GARBAGE_AGE_S:
            raise _refusal(
                "TooYoung",
                f"objects younger than {MIN_GARBAGE_AGE_S / 60:g} minutes may belong to work under way",
            )
        return before.timestamp()


def _summary(kept: Kept) -> ArtifactSummary:
    modified_at = datetime.fromtimestamp(kept.modified, UTC)
    return ArtifactSummary(uri=kept.key.uri, size_bytes=kept.size_bytes, modified_at=modified_at)


def _refusal(code: str, message: str) -> Refusal:
    return Refusal(Failure(code=code, kind=FailureKind.USER, message=message))
