"""Questions about what a project uses of what its limits are about (`flyte_schemas.limits`)."""

from pydantic import NonNegativeInt

from flyte_schemas.endpoints import PLACE, Endpoint
from flyte_schemas.words import Name, Word


class GetUsage(Word):
    """What do the runs of a project use in one of its domains?"""

    project: Name
    domain: Name


class UsageNow(Word):
    """`live_actions` are under way, `waiting_actions` wait for a place; bytes are of this day of UTC."""

    live_actions: NonNegativeInt
    waiting_actions: NonNegativeInt
    event_bytes_today: NonNegativeInt
    log_bytes_today: NonNegativeInt


class GetStored(Word):
    """How much does a project keep in one of its domains?"""

    project: Name
    domain: Name


class StoredNow(Word):
    """Artifacts, without uploads that were begun and not completed."""

    artifact_bytes: NonNegativeInt


GET_USAGE = Endpoint("flyte.svc.executor.get-usage", GetUsage, UsageNow, PLACE)
GET_STORED = Endpoint("flyte.svc.dataproxy.get-stored", GetStored, StoredNow, PLACE)
