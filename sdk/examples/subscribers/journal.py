"""Keep a journal of all that happens to runs, with plain nats-py: nothing of flyte is imported.

    python journal.py nats://127.0.0.1:4222 events.jsonl

FLYTE_NATS_CREDS names a file of credentials, or FLYTE_NATS_USER and FLYTE_NATS_PASSWORD say who we are.
FLYTE_NATS_CA names the certificates of who vouches for the server, FLYTE_NATS_CERT and FLYTE_NATS_KEY our own
certificate, where the server asks for one.

Each event is a line of the journal, with its sequence; the last whole line is where the next start goes on.
So what was made of an event and how far we are is one write: killed at any moment, it misses nothing and
writes nothing twice.

It holds no consumer: it subscribes to what the stream republishes, reads what it has missed by direct gets,
and stitches the two by sequence. The sequences of the whole stream have no holes, so a gap is seen at once.
"""

import asyncio
import json
import os
import ssl
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, BinaryIO

import nats
import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg

STREAM, SUBJECTS, LIVE = "FLYTE_RUNS", "flyte.run.>", "flyte.live.run.>"
BATCH = 500
LOOK_AGAIN_S = 5.0
"""After so long a silence the stream is looked into: what is told live is told at most once."""


class Journal:
    """A file of events, one a line; `after` is the sequence of the last one."""

    def __init__(self, path: Path) -> None:
        self._file: BinaryIO = path.open("ab+", buffering=0)
        self._file.seek(0)
        whole, last = 0, b""
        for line in self._file:
            if line.endswith(b"\n"):
                whole, last = whole + len(line), line
        self._file.truncate(whole)  # half a line was being written when we were killed
        self.after: int = json.loads(last)["sequence"] if last else 0

    def write(self, message: Msg) -> None:
        """Keep one message of the stream."""
        sequence = sequence_of(message)
        self._file.write(json.dumps({"sequence": sequence, "event": event_of(message)}).encode() + b"\n")
        self.after = sequence


def sequence_of(message: Msg) -> int:
    return int((message.headers or {})["Nats-Sequence"])


def event_of(message: Msg) -> Any:
    """The CloudEvent; None for what somebody else has put there."""
    try:
        return json.loads(message.data)
    except ValueError:
        return None


async def missed(client: Client, after: int) -> AsyncIterator[Msg]:
    """What the stream has beyond a sequence, a batch at a time."""
    while True:
        inbox = client.new_inbox()
        answers = await client.subscribe(inbox)
        question = {"seq": after + 1, "batch": BATCH, "next_by_subj": SUBJECTS}
        await client.publish(f"$JS.API.DIRECT.GET.{STREAM}", json.dumps(question).encode(), reply=inbox)
        try:
            while "Status" not in (
                headers := (message := await answers.next_msg(LOOK_AGAIN_S)).headers or {}
            ):
                after = sequence_of(message)
                yield message
        except nats.errors.TimeoutError:
            return  # the answer was lost: the next look asks again
        finally:
            await answers.unsubscribe()
        if not int(headers.get("Nats-Num-Pending", "0")):
            return


async def keep(journal: Journal, client: Client) -> None:
    """Write what comes, for ever."""
    live = await client.subscribe(LIVE)  # before the first look, so that nothing falls in between
    while True:
        async for message in missed(client, journal.after):
            journal.write(message)
        try:
            while sequence_of(message := await live.next_msg(LOOK_AGAIN_S)) <= journal.after + 1:
                if sequence_of(message) == journal.after + 1:
                    journal.write(message)
        except nats.errors.TimeoutError:
            pass


def tls() -> ssl.SSLContext | None:
    """Whom we trust, and our own certificate; with any of them no connection without TLS will do."""
    trusted, cert = os.environ.get("FLYTE_NATS_CA"), os.environ.get("FLYTE_NATS_CERT")
    if not trusted and not cert:
        return None
    context = ssl.create_default_context(cafile=trusted)
    if cert:
        context.load_cert_chain(cert, os.environ.get("FLYTE_NATS_KEY"))
    return context


async def main(server: str, path: Path) -> None:
    journal = Journal(path)
    client = await nats.connect(
        server,
        user=os.environ.get("FLYTE_NATS_USER"),
        password=os.environ.get("FLYTE_NATS_PASSWORD"),
        user_credentials=os.environ.get("FLYTE_NATS_CREDS"),
        tls=tls(),
        max_reconnect_attempts=-1,
    )
    print(f"going on after {journal.after}", flush=True)
    await keep(journal, client)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python journal.py NATS_URL JOURNAL")
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
