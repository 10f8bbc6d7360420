"""What the tests against real servers share."""

from testkit.nats_server import nats_server
from testkit.seaweed import seaweed

__all__ = ["nats_server", "seaweed"]
