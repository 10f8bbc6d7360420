"""The bus in memory: for tests, simulation and anything that needs a bus and no server.

`MemoryServer` plays nats-server, and each `MemoryBus` is one connection to it. Everything lives in one event
loop, without threads; messages are encoded and decoded as on the wire, so that what one test publishes as
raw bytes another reads as `Malformed`. The contract suite holds it to the behaviour of `flyte_bus.jetstream`.
"""

from flyte_bus.memory.bus import MemoryBus
from flyte_bus.memory.server import MemoryServer

__all__ = ["MemoryBus", "MemoryServer"]
