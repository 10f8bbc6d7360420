"""The file of a signing key: what it holds counts once it is settled, what it held while it is nothing."""

import os
from pathlib import Path

from flyte_executor.minter_files import SETTLED_S, MinterFile
from testkit.issuing import issuer


class Rotated:
    """A file that is written anew at a moment of one's own."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.now_s = 1_700_000_000.0

    def clock(self) -> float:
        return self.now_s

    def write(self, text: str) -> None:
        self.file.write_text(text)
        os.utime(self.file, (self.now_s, self.now_s))


def test_a_new_key_counts_once_the_server_knows_it(tmp_path: Path) -> None:
    first, second = issuer().agents(), issuer().agents()
    rotated = Rotated(tmp_path / "agent.json")
    rotated.write(first.text)
    file = MinterFile(rotated.file, "agent", rotated.clock)
    rotated.now_s += 1000.0
    rotated.write(second.text)
    assert file() == first
    rotated.now_s += SETTLED_S
    assert file() == second
    assert first.user_seed("a0") != second.user_seed("a0")


def test_what_a_file_held_counts_while_it_holds_nothing(tmp_path: Path) -> None:
    first = issuer().agents()
    rotated = Rotated(tmp_path / "agent.json")
    rotated.write(first.text)
    file = MinterFile(rotated.file, "agent", rotated.clock)
    for text in ("", "{}", issuer().workers().text):
        rotated.write(text)
        rotated.now_s += SETTLED_S
        assert file() == first
    rotated.file.unlink()
    assert file() == first
