"""A chain of hashes over records: each covers the bytes of its record and the hash before it.

So the last hash stands for all records and their order: none can be changed, left out, added or moved without
another end. Pure, and knows nothing of what the records are.
"""

import hashlib

START = "0" * 64
"""What stands before the first record."""
HEX_DIGITS = 64


def link(before: str, record: bytes) -> str:
    """The hash (64 hex digits) of a record that follows the one whose hash is `before`."""
    digest = hashlib.sha256(bytes.fromhex(before))
    digest.update(record)
    return digest.hexdigest()


class Chain:
    """A chain that grows; `head` is the hash of its last record, `count` how many there are."""

    def __init__(self, head: str = START, count: int = 0) -> None:
        self.head = head
        self.count = count

    def add(self, record: bytes) -> str:
        """Take the next record, and return its hash."""
        self.head = link(self.head, record)
        self.count += 1
        return self.head

    def take(self, record: bytes, stated: str) -> bool:
        """Whether a record whose hash is said to be `stated` is the next one; if it is, it is taken."""
        if link(self.head, record) != stated:
            return False
        self.head = stated
        self.count += 1
        return True
