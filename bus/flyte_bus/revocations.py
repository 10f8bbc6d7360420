"""Credentials that count no more, told on the bus to those who let somebody in by them: the console.

nats-server knows them from its accounts. What was opened by credentials outlasts the connection, so whoever
keeps it looks here: a key for each public key that counts no more, a user's or one that made users. They
stay, but for users whose credentials end by themselves.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from flyte_bus.ports import Bus, KeyValue
from flyte_schemas.streams import SESSIONS_BUCKET

LATE_S = 3600
"""So long after the end of the credentials it is still told that they were taken back: clocks differ."""


@dataclass(frozen=True, slots=True)
class Revoked:
    """A public key of NATS that counts no more; `ends_at`: when what it stands for would have ended."""

    public: str
    ends_at: datetime | None = None


async def tell(bus: Bus, revoked: Iterable[Revoked]) -> int:
    """Tell which keys count no more; how many those were. Again does no harm. Raises BusError."""
    bucket, now, told = bus.bucket(SESSIONS_BUCKET), datetime.now(UTC), 0
    for one in revoked:
        left_s = None if one.ends_at is None else int((one.ends_at - now).total_seconds()) + LATE_S
        if left_s is None or left_s > 0:
            await bucket.put(_key(one.public), now.isoformat().encode(), ttl_s=left_s)
            told += 1
    return told


async def any_revoked(bucket: KeyValue, publics: Iterable[str]) -> bool:
    """Whether one of these keys counts no more. Raises BusError."""
    found = await asyncio.gather(*(bucket.get(_key(public)) for public in publics))
    return any(entry is not None for entry in found)


def _key(public: str) -> str:
    return f"revoked.{public}"
