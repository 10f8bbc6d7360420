"""How much the server keeps for us."""

from typing import Any

from flyte_bus.jetstream.connection import Connection
from flyte_bus.ports import Room, StreamRoom

OURS = ("FLYTE_", "KV_flyte_")


async def room(connection: Connection) -> Room:
    """See `flyte_bus.ports.Bus.room`. One page of streams is all: the server lists 256 on it."""
    listed = await connection.api("STREAM.LIST", {})
    account = await connection.api("INFO", {})
    streams = {
        one["config"]["name"]: StreamRoom(
            messages=int(one["state"]["messages"]),
            size_bytes=int(one["state"]["bytes"]),
            limit_bytes=_limit(one["config"], "max_bytes"),
        )
        for one in listed.get("streams") or ()
        if one["config"]["name"].startswith(OURS)
    }
    limits = account.get("limits") or {}
    return Room(streams, int(account.get("storage", 0)), _limit(limits, "max_storage"))


def _limit(said: dict[str, Any], name: str) -> int | None:
    limit = int(said.get(name, -1))
    return limit if limit > 0 else None
