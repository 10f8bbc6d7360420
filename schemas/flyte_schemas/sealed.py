"""Whether the events of a run are those that its seals vouch for, and exactly which are not. Pure.

The seals are taken first, then the events in the order of the stream; what is held is what the seals say.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from flyte_schemas.chain import Chain
from flyte_schemas.seals import MARK_DIGITS, Mark, RunSealed, leaf, mark_of, signed_bytes
from flyte_schemas.subjects import RunKey

Problem = Literal[
    "changed", "missing", "added", "chain", "signature", "unknown key", "seal", "unsealed tail", "no seal"
]
PROBLEMS: dict[Problem, str] = {
    "changed": "an event is not what it was when it was sealed",
    "missing": "an event that was sealed is not there",
    "added": "an event stands among the sealed ones that was not there",
    "chain": "the events are not those that were sealed, and no mark says which",
    "signature": "a seal was not signed by the key that it names",
    "unknown key": "a seal was signed by a key that nobody here trusts",
    "seal": "something on the run's subject of seals is no seal, or a seal before it is missing",
    "unsealed tail": "events of a run that is over stand behind its last seal",
    "no seal": "a run that is over has no seal that counts",
}

_LOCATED = ("changed", "missing", "added")

Genuine = Callable[[bytes, bytes, str], bool]
"""Whether a signature of some content is that of a public key: content, signature, key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong. `sequence` is in the stream of runs, or, of a seal, in that of seals.

    `run` is None where the stream itself has a hole.
    """

    problem: Problem
    run: RunKey | None
    what: str
    sequence: int | None = None
    action: str = ""

    def __str__(self) -> str:
        at = "" if self.sequence is None else f", sequence {self.sequence}"
        action = f"/{self.action}" if self.action else ""
        return f"{self.problem}: {self.what} ({self.run or 'the stream of runs'}{action}{at})"


@dataclass(slots=True)
class SealedRun:
    """One run under examination. `findings` are complete after `finish`."""

    run: RunKey
    trusted: frozenset[str] | None
    """Whose seals count; None: anybody's, of a file that says itself who has sealed it."""
    is_genuine: Genuine
    findings: list[Finding] = field(default_factory=list)
    seals: int = 0
    """How many seals count."""
    events: int = 0
    through: int = 0
    """Up to where the seals that count reach; 0 without one."""
    _marks: dict[int, Mark] = field(default_factory=dict)
    _heads: dict[int, RunSealed] = field(default_factory=dict)
    """By how many events they cover."""
    _covered: int = 0
    _has_hole: bool = False
    """Whether there are sealed events that no seal names."""
    _chain: Chain = field(default_factory=Chain)
    _tail: list[tuple[int, str]] = field(default_factory=list)

    def take_seal(self, seal: RunSealed | None, sequence: int) -> None:
        """The next message on the run's subject of seals; None: it is no seal."""
        if seal is None:
            return self._find("seal", "this is no seal", sequence)
        marks = [mark_of(text) for text in seal.marks]
        if not self.is_genuine(signed_bytes(self.run, seal), _bytes(seal.signature), seal.key):
            return self._find("signature", f"{seal.key} has not signed this", sequence)
        if self.trusted is not None and seal.key not in self.trusted:
            return self._find("unknown key", f"{seal.key} is not among the trusted keys", sequence)
        if seal.count <= self._covered and seal.through <= self.through:
            return None  # once more what was sealed
        if seal.begins_after > self._covered or None in marks:
            self._has_hole = True
            missing = seal.begins_after - self._covered
            self._find("seal", f"{missing} events before it have no seal: one is missing", sequence)
        self._marks |= {one.sequence: one for one in marks if one is not None}
        self._heads[seal.count] = seal
        self.seals += 1
        self._covered, self.through = seal.count, seal.through
        return None

    def take(self, sequence: int, subject: str, action: str, raw: bytes) -> None:
        """The next event of the run, in the order of the stream."""
        self.events += 1
        if sequence > self.through:
            self._tail.append((sequence, action))
            return
        hashed = leaf(sequence, subject, raw)
        expected = self._marks.pop(sequence, None)
        if expected is None:
            if not self._has_hole:
                self._find("added", "nothing stood here when it was sealed", sequence, action)
        elif expected.hash != hashed.hex()[:MARK_DIGITS]:
            self._find("changed", "it is not what was sealed", sequence, action)
        self._chain.add(hashed)
        seal = self._heads.pop(self._chain.count, None)
        if seal is not None and (seal.through, seal.head) != (sequence, self._chain.head):
            self._heads[-1] = seal  # the chain is broken from here on at the latest

    def finish(self, *, is_over: bool) -> None:
        """Say what follows from the end; `is_over`: the run has ended, long enough ago to be sealed."""
        for sequence, gone in sorted(self._marks.items()):
            self._find("missing", "what was sealed here is gone", sequence, gone.action)
        if self._heads and not any(one.problem in _LOCATED for one in self.findings):
            what = f"the first {min(self._covered, self._chain.count)} events do not give the sealed hash"
            self._find("chain", what, self.through)
        if not is_over:
            return
        if not self.seals:
            self._find("no seal", f"its {self.events} events are vouched for by nobody")
        elif self._tail:
            sequence, action = self._tail[0]
            what = f"{len(self._tail)} events from here on are not sealed"
            self._find("unsealed tail", what, sequence, action)

    @property
    def unsealed(self) -> int:
        """How many events stand behind the last seal."""
        return len(self._tail)

    def _find(self, problem: Problem, what: str, sequence: int | None = None, action: str = "") -> None:
        self.findings.append(
            Finding(problem=problem, run=self.run, what=what, sequence=sequence, action=action)
        )


def _bytes(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""
