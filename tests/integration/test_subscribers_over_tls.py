"""Subscribers that are let in by credentials, over TLS, with certificates of their own: the examples."""

import sys
from pathlib import Path

import pytest

from flyte_bus.jetstream import connect
from flyte_bus.security import Security
from flyte_bus.settings import BusSettings
from testkit.certificates import Authority
from testkit.events import action, numbered
from testkit.javascript import javascript
from testkit.nats_server import NatsServer
from testkit.nats_users import Operator
from testkit.subscriber import SUBSCRIBERS, Subscriber

__all__ = ["javascript"]


@pytest.mark.parametrize("how", ["python", "javascript"])
async def test_a_subscriber_is_let_in_by_its_files_and_by_later_ones(
    tmp_path: Path, javascript: Path, how: str
) -> None:
    """The server asks for certificates, and knows users by their tokens: no user and no password is told."""
    authority, operator = Authority(tmp_path / "tls"), Operator()
    tls = authority.server_config("127.0.0.1", "localhost", verify=True)
    server = NatsServer(tmp_path / "nats", more=tls + operator.config, without_user=True)
    cert, key = authority.issue("client", "client.example")
    creds = operator.issue(tmp_path / "reader.creds")
    program = [sys.executable, str(SUBSCRIBERS / "journal.py")]
    command = program if how == "python" else ["node", str(javascript / "journal.mjs")]
    files = {"CREDS": creds, "CA": authority.ca, "CERT": cert, "KEY": key}
    access = {f"FLYTE_NATS_{name}": str(file) for name, file in files.items()}
    server.start()
    url = server.url.replace("127.0.0.1", "localhost")  # nats.js compares names, and no addresses
    subscriber = Subscriber([*command, url], tmp_path / "journal.jsonl", server, access)
    own = Security(ca=authority.ca, cert=cert, key=key, creds=operator.issue(tmp_path / "service.creds"))
    try:
        async with await connect(BusSettings(url=server.url, security=own)) as bus:
            await bus.provision()
            await bus.log.append(numbered(action(), 1, id="there"))
            subscriber.start()
            await subscriber.until("there")
            operator.issue(creds)
            server.kill()
            server.start()
            await bus.log.append(numbered(action(), 2, id="coming"))
            await subscriber.until("coming")
    finally:
        subscriber.kill()
        server.kill()
    assert [line["sequence"] for line in subscriber.lines()] == [1, 2]
