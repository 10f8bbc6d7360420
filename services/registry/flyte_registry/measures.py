"""What the registry is asked for when its page is read: how far it has read, and how full the log is."""

from collections.abc import Callable, Mapping

from flyte_bus.meter import Values
from flyte_bus.ports import Bus, Room, StreamRoom
from flyte_schemas.streams import StreamSpec


class Measures:
    """Where the read model is (`places`) against the ends of streams, and what the server keeps for us."""

    def __init__(
        self, bus: Bus, followed: tuple[StreamSpec, ...], places: Callable[[], Mapping[str, int]]
    ) -> None:
        self._bus = bus
        self._followed = followed
        self._places = places
        self._ends: dict[str, int] = {}
        self._room: Room | None = None

    def show(self) -> None:
        """Have the page show them."""
        meter = self._bus.meter
        meter.look_first(self._look)
        meter.gauge(
            "flyte_registry_read_model_sequence",
            "Up to where the read model has taken a stream in.",
            "stream",
            read=lambda: {(name,): place for name, place in self._places().items()},
        )
        meter.gauge(
            "flyte_registry_stream_end_sequence",
            "The end of a stream that the read model follows.",
            "stream",
            read=lambda: {(name,): end for name, end in self._ends.items()},
        )
        meter.gauge(
            "flyte_registry_read_model_lag_events",
            "How much of a stream the read model has yet to take in.",
            "stream",
            read=self._lag,
        )
        meter.gauge(
            "flyte_stream_messages", "Messages that a stream or bucket holds.", "stream", read=self._messages
        )
        meter.gauge(
            "flyte_stream_size_bytes", "Bytes that a stream or bucket holds.", "stream", read=self._sizes
        )
        meter.gauge(
            "flyte_stream_limit_bytes",
            "Bytes that a stream may hold, where that is limited.",
            "stream",
            read=self._limits,
        )
        meter.number(
            "flyte_store_size_bytes",
            "Bytes that the NATS server keeps for the account.",
            lambda: self._room.size_bytes if self._room else None,
        )
        meter.number(
            "flyte_store_limit_bytes",
            "Bytes that it may keep for it, where the account is limited.",
            lambda: self._room.limit_bytes if self._room else None,
        )

    async def _look(self) -> None:
        self._room, self._ends = None, {}
        for stream in self._followed:
            self._ends[stream.name] = await self._bus.log.last_sequence(stream)
        self._room = await self._bus.room()

    def _lag(self) -> Values:
        places = self._places()
        return {(name,): max(0, end - places.get(name, 0)) for name, end in self._ends.items()}

    def _messages(self) -> Values:
        return {(name,): one.messages for name, one in self._streams()}

    def _sizes(self) -> Values:
        return {(name,): one.size_bytes for name, one in self._streams()}

    def _limits(self) -> Values:
        return {(name,): one.limit_bytes for name, one in self._streams() if one.limit_bytes is not None}

    def _streams(self) -> list[tuple[str, StreamRoom]]:
        return [] if self._room is None else list(self._room.streams.items())
