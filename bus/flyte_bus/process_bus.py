"""The bus on a real nats-server, as a process of its own loads it: without the HTTP library of WebSockets.

That is a quarter of the time in which a service that speaks no HTTP itself is ready, and some of its memory.
With `ws://` or `wss://` in FLYTE_NATS_URL the library is loaded after all.
"""

from flyte_bus import quick_start

quick_start.load_as_reached()

from flyte_bus.jetstream import JetStreamBus, connect  # noqa: E402 - after what it is loaded without

__all__ = ["JetStreamBus", "connect"]
