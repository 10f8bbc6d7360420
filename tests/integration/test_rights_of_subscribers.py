"""What a subscriber has to be allowed, as docs/events.md says it: these rights of NATS and no others."""

import sys
from pathlib import Path

import pytest

from flyte_bus.jetstream import connect
from flyte_bus.settings import BusSettings
from testkit.events import action, numbered
from testkit.javascript import javascript
from testkit.nats_server import NatsServer
from testkit.subscriber import SUBSCRIBERS, Subscriber

__all__ = ["javascript"]

READS = ["$JS.API.DIRECT.GET.FLYTE_RUNS"]
CONSUMES = ["$JS.API.STREAM.INFO.FLYTE_RUNS", "$JS.API.CONSUMER.>"]

_USERS = """\
authorization {{ users: [
  {{ user: "service", password: "{password}" }},
  {{ user: "reader", password: "{password}",
     permissions: {{ publish: {publish}, subscribe: ["_INBOX.>", "flyte.live.>"] }} }},
] }}
"""


@pytest.mark.parametrize("how", ["python", "javascript"])
async def test_a_subscriber_needs_no_other_rights(tmp_path: Path, javascript: Path, how: str) -> None:
    rights = READS if how == "python" else CONSUMES
    publish = "[" + ", ".join(f'"{one}"' for one in rights) + "]"
    server = NatsServer(
        tmp_path / "nats", more=_USERS.format(password="secret", publish=publish), without_user=True
    )
    server.start()
    server.user, server.password = "reader", "secret"
    program = [sys.executable, str(SUBSCRIBERS / "journal.py")]
    command = program if how == "python" else ["node", str(javascript / "journal.mjs")]
    subscriber = Subscriber([*command, server.url], tmp_path / "journal.jsonl", server)
    try:
        settings = BusSettings(url=server.url, user="service", password="secret")
        async with await connect(settings) as bus:
            await bus.provision()
            await bus.log.append(numbered(action(), 1, id="there"))
            subscriber.start()
            await subscriber.until("there")
            await bus.log.append(numbered(action(), 2, id="coming"))
            await subscriber.until("coming")
    finally:
        subscriber.kill()
        server.kill()
    assert [line["sequence"] for line in subscriber.lines()] == [1, 2]
