"""What the tests against real servers share."""

from testkit.nats_server import nats_server

__all__ = ["nats_server"]
