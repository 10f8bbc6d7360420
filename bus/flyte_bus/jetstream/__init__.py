"""The bus on a real nats-server. docs/operations.md says what is asked of its JetStream API, and by whom."""

from flyte_bus.jetstream.bus import JetStreamBus, connect

__all__ = ["JetStreamBus", "connect"]
