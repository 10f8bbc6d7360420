"""A server that is too old leaves out of a stream what we cannot do without: it is told at the start."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from flyte_bus.errors import BusError
from flyte_bus.jetstream.client import Client
from flyte_bus.jetstream.codes import STREAM_NOT_FOUND
from flyte_bus.jetstream.connection import Connection
from flyte_bus.jetstream.provisioning import provision
from flyte_bus.settings import BusSettings
from flyte_schemas.streams import BUCKETS, STREAMS

ALL = len(STREAMS) + len(BUCKETS)


class Server:
    """Makes streams as nats-server does, which passes over what it does not know."""

    def __init__(self, version: str, *unknown: str) -> None:
        self.settings = BusSettings(url="nats://127.0.0.1:4222", patience_s=0.0)
        self.client = Client()
        self.client._server_info = {"version": version}
        self._unknown = unknown
        self.streams: dict[str, dict[str, Any]] = {}

    async def api(self, verb: str, body: dict[str, Any]) -> dict[str, Any]:
        name = verb.rpartition(".")[2]
        if "INFO" not in verb:
            self.streams[name] = {key: value for key, value in body.items() if key not in self._unknown}
        if name not in self.streams:
            return {"error": {"err_code": STREAM_NOT_FOUND}}
        return {"config": self.streams[name]}


def connected(server: Server) -> Connection:
    return cast(Connection, server)


async def test_a_server_that_knows_all_is_taken() -> None:
    server = Server("2.14.0")
    for _ in range(2):
        await provision(connected(server))
    assert len(server.streams) == ALL


@pytest.mark.parametrize(
    ("unknown", "words"),
    [
        (("allow_msg_schedules",), "no schedules of messages"),
        (("subject_delete_marker_ttl",), "no marks of keys that have ended"),
        (("allow_msg_schedules", "allow_msg_ttl"), "no schedules of messages, no messages that end after"),
    ],
)
async def test_one_that_is_too_old_is_refused_with_what_it_lacks(
    unknown: tuple[str, ...], words: str
) -> None:
    server = Server("2.11.3", *unknown)
    for _ in range(2):  # also one that has the streams already
        with pytest.raises(BusError, match=rf"is nats-server 2\.11\.3, which has {words}.*2\.14 or newer"):
            await provision(connected(server))


async def test_a_service_that_may_not_provision_refuses_it_too() -> None:
    server = Server("2.11.3", "allow_msg_schedules")
    with pytest.raises(BusError):
        await provision(connected(server))
    credentials = SimpleNamespace(identity=SimpleNamespace(role="executor"))
    server.settings = cast(
        BusSettings,
        SimpleNamespace(
            replicas=1,
            patience_s=0.0,
            shown_url="nats://bus",
            security=SimpleNamespace(credentials=lambda: credentials),
        ),
    )
    for spec in STREAMS:
        server.streams.setdefault(spec.name, {"max_consumers": 1})
    with pytest.raises(BusError, match=r"is nats-server 2\.11\.3, which has no schedules"):
        await provision(connected(server))
