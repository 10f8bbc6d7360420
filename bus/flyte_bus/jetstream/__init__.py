"""The bus on a real nats-server."""

from flyte_bus.jetstream.bus import JetStreamBus, connect

__all__ = ["JetStreamBus", "connect"]
