"""Seals of a run as a registry makes them, with keys that are known."""

from collections.abc import Iterable, Sequence

from flyte_bus.identity.keys import KeyPair
from flyte_registry.seal_table import Standing, Unsealed
from flyte_schemas.seals import RunSealed, leaf, signed_bytes
from flyte_schemas.subjects import RunKey, action_subject

RUN = RunKey("p", "d", "r")
KEY = KeyPair("user", bytes(range(32)))
OTHER = KeyPair("user", bytes(32))

Told = tuple[int, str, bytes]
"""Sequence, action, bytes."""


def hashed(told: Told, run: RunKey = RUN) -> Unsealed:
    """One event as it is noted until it is sealed."""
    sequence, action, raw = told
    return Unsealed(sequence, action, leaf(sequence, action_subject(run.action(action)), raw))


def sealed(
    told: Sequence[Told], cuts: Iterable[int], key: KeyPair = KEY, run: RunKey = RUN
) -> list[RunSealed]:
    """The seals of a run that was sealed after each of these numbers of events."""
    seals, standing, done = [], Standing(), 0
    for cut in sorted(set(cuts)):
        events = [hashed(one, run) for one in told[done:cut]]
        standing, done = standing.after(events), cut
        seal = RunSealed(
            through=standing.through,
            count=standing.count,
            head=standing.head,
            marks=tuple(event.mark for event in events),
            key=key.public,
        )
        seals.append(signed(seal, key, run))
    return seals


def signed(seal: RunSealed, key: KeyPair, run: RunKey = RUN) -> RunSealed:
    """The seal with a signature."""
    signature = key.sign(signed_bytes(run, seal)).hex()
    return seal.model_copy(update={"signature": signature})
