"""Real stores for `flyte.io`: the dataproxy's, and an S3 server."""

from testkit.artifact_store import artifact_store
from testkit.seaweed import seaweed

__all__ = ["artifact_store", "seaweed"]
