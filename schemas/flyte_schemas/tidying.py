"""Questions for the dataproxy about the objects of all places: what is there, and what is to go."""

from datetime import datetime

from pydantic import NonNegativeInt, PositiveInt

from flyte_schemas.endpoints import Endpoint
from flyte_schemas.words import Moment, Word


class ListArtifacts(Word):
    """Which objects are there, of all projects? `after`: go on behind the last answer's `last`."""

    after: str = ""
    limit: PositiveInt = 1000


class ArtifactSummary(Word):
    """One object; `modified_at` is when it was stored, or was last relied upon by an uploader."""

    uri: str
    size_bytes: NonNegativeInt
    modified_at: datetime


class ArtifactList(Word):
    """In a fixed order. `last` is empty when there are no more."""

    artifacts: tuple[ArtifactSummary, ...]
    last: str = ""


class RemoveArtifacts(Word):
    """Remove those of these objects that were last modified `before`; nothing of the log is asked for."""

    uris: tuple[str, ...]
    before: Moment


class RemoveUnfinishedUploads(Word):
    """Remove what is there of uploads that began `before` and were never completed; `apply` false counts."""

    before: Moment
    apply: bool = False


class ArtifactsRemoved(Word):
    """How many there were, and the bytes that they took (0 when nobody knows)."""

    count: NonNegativeInt
    size_bytes: NonNegativeInt = 0


LIST_ARTIFACTS = Endpoint("flyte.svc.dataproxy.list-artifacts", ListArtifacts, ArtifactList)
REMOVE_ARTIFACTS = Endpoint("flyte.svc.dataproxy.remove-artifacts", RemoveArtifacts, ArtifactsRemoved)
REMOVE_UNFINISHED_UPLOADS = Endpoint(
    "flyte.svc.dataproxy.remove-unfinished-uploads", RemoveUnfinishedUploads, ArtifactsRemoved
)
