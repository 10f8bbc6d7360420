"""The key that the registry seals with: a file that only its owner reads, made when it is not there.

Beside it lies its public half, `.pub`: what readers of the log trust.
"""

import os
from contextlib import suppress
from pathlib import Path

from flyte_bus.identity.keys import KeyPair, NotAKey

PUBLIC_SUFFIX = ".pub"


class SealKeyUnusable(ValueError):
    """There is no key to seal with; the message says what to do."""


def seal_key(file: Path) -> KeyPair:
    """The key in a file, which is made with a new one unless it is there. Raises SealKeyUnusable."""
    try:
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileExistsError):
                _write_new(file)
        pair = KeyPair.from_seed(file.read_text())
    except (OSError, NotAKey, UnicodeDecodeError) as error:
        raise SealKeyUnusable(
            f"the key for seals in {file} cannot be used ({error}): FLYTE_REGISTRY_SEAL_KEY names a file "
            "with the seed of an nkey, or one that the registry may make"
        ) from error
    with suppress(OSError):  # a folder of secrets is mostly read-only
        file.with_name(file.name + PUBLIC_SUFFIX).write_text(pair.public + "\n")
    return pair


def _write_new(file: Path) -> None:
    """Whole or not at all: two that start at once have one key."""
    draft = file.with_name(f"{file.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as opened:
            opened.write(KeyPair.create("user").seed + "\n")
        os.link(draft, file)
    finally:
        draft.unlink()
