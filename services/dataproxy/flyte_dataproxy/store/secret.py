"""The secret that signs URLs: made once, kept beside the objects, readable by its owner alone.

It outlives the process, so that a URL given before a restart is good after it; and whoever shares the folder
shares the secret.
"""

import os
import secrets
import tempfile
from pathlib import Path

SECRET_BYTES = 32


def load_or_make(path: Path) -> bytes:
    """The secret in `path`; the first to ask makes it, also when several ask at once.

    Raises ValueError when the file holds anything but a secret.
    """
    if not path.exists():
        _make(path)
    secret = path.read_bytes()
    if len(secret) != SECRET_BYTES:
        raise ValueError(f"{path} is not a secret of {SECRET_BYTES} bytes: remove it, and a new one is made")
    return secret


def _make(path: Path) -> None:
    """Write aside and link: a link, unlike a rename, never replaces what another process made first."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_bytes(SECRET_BYTES))
            file.flush()
            os.fsync(file.fileno())
        try:
            path.hardlink_to(name)
        except FileExistsError:
            pass
    finally:
        Path(name).unlink()
