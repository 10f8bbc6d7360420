"""The bus on a real nats-server, as a process of its own loads it: without the HTTP library of WebSockets.

That is a quarter of the time in which a service that speaks no HTTP itself is ready, and some of its memory.
With `ws://` or `wss://` in FLYTE_NATS_URL the library is loaded after all.
"""

import os

from flyte_bus import quick_start

if not any(url.strip().startswith("ws") for url in os.environ.get("FLYTE_NATS_URL", "").split(",")):
    quick_start.spare_websockets()
    quick_start.load()

from flyte_bus.jetstream import JetStreamBus, connect  # after what it is loaded without

__all__ = ["JetStreamBus", "connect"]
