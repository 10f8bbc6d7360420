"""The files by which a server and a client prove to each other who they are, of which the bus is told.

Whoever names one of them, or writes `tls://`, wants TLS: a connection without is refused, not taken.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from flyte_schemas.trust import BUS_CA as CA
from flyte_schemas.trust import is_text

CERT, KEY, CREDS = "FLYTE_NATS_CERT", "FLYTE_NATS_KEY", "FLYTE_NATS_CREDS"


@dataclass(frozen=True, slots=True, kw_only=True)
class Security:
    """`ca`: certificates of those who vouch for the server (None: those that the system trusts), in a file;
    `ca_text`: the same in place of a file.

    `cert` and `key`: by which the client is known, for servers that verify clients.
    `creds`: the credentials of a NATS user (a JWT and its seed), in place of user and password.
    """

    ca: Path | None = None
    ca_text: str = ""
    cert: Path | None = None
    key: Path | None = None
    creds: Path | None = None

    @property
    def wants_tls(self) -> bool:
        """Whether one of the files is for TLS only."""
        return self.ca is not None or bool(self.ca_text) or self.cert is not None


def from_environment(ca: str = "") -> Security:
    """Security from `FLYTE_NATS_CA` (else `ca`), `FLYTE_NATS_CERT`, `FLYTE_NATS_KEY` and `FLYTE_NATS_CREDS`.

    Each names a file; `FLYTE_NATS_CA` may hold the certificates themselves, so that who has been told the
    variables alone, as an attempt's pod, trusts the same.

    Raises ValueError for a file that cannot be read, and for a certificate without its key.
    """
    given = os.environ.get(CA) or ca
    text = given if is_text(given) else ""
    said = os.environ
    found = Security(
        ca=None if text else file_of(said, CA, ca),
        ca_text=text,
        cert=file_of(said, CERT),
        key=file_of(said, KEY),
        creds=file_of(said, CREDS),
    )
    if (found.cert is None) != (found.key is None):
        raise ValueError(f"{CERT} and {KEY} belong together: one of them is set, and the other is not")
    return found


def file_of(variables: Mapping[str, str], variable: str, other: str = "") -> Path | None:
    """The file that a variable names, else `other`; None for neither. Raises ValueError."""
    text = variables.get(variable) or other
    if not text:
        return None
    path = Path(text).expanduser()
    if not path.is_file() or not os.access(path, os.R_OK):
        raise ValueError(f"{variable} names {str(path)!r}, and there is no such file that can be read")
    return path
