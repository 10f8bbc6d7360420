"""The files by which a server and a client prove to each other who they are, of which the bus is told.

Whoever names one of them, or writes `tls://`, wants TLS: a connection without is refused, not taken.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from flyte_schemas.trust import BUS_CA as CA
from flyte_schemas.trust import is_text

if TYPE_CHECKING:
    from flyte_bus.identity.credentials import Credentials
    from flyte_bus.identity.wallet import Wallet

USER, PASSWORD = "FLYTE_NATS_USER", "FLYTE_NATS_PASSWORD"
CERT, KEY, CREDS = "FLYTE_NATS_CERT", "FLYTE_NATS_KEY", "FLYTE_NATS_CREDS"


@dataclass(frozen=True, slots=True, kw_only=True)
class Security:
    """`ca`: certificates of those who vouch for the server (None: those that the system trusts), in a file;
    `ca_text`: the same in place of a file.

    `cert` and `key`: by which the client is known, for servers that verify clients.
    `creds`: the credentials of a NATS user (a JWT and its seed), in place of user and password, in a file;
    `creds_text`: the same in place of a file; `wallet`: the same, exchanged meanwhile for later ones.
    """

    ca: Path | None = None
    ca_text: str = ""
    cert: Path | None = None
    key: Path | None = None
    creds: Path | None = None
    creds_text: str = field(default="", repr=False)
    wallet: "Wallet | None" = field(default=None, repr=False)

    @property
    def has_credentials(self) -> bool:
        """Whether the server is to know us by a token, and not by a password."""
        return self.creds is not None or bool(self.creds_text) or self.wallet is not None

    def credentials(self) -> "Credentials | None":
        """The credentials as they stand now: a file may be written anew while it is used.

        Raises NotCredentials for a file that cannot be read, or that holds none.
        """
        if self.wallet is not None:
            return self.wallet.current
        from flyte_bus.identity.credentials import Credentials, NotCredentials

        if self.creds is None:
            return Credentials.read(self.creds_text) if self.creds_text else None
        try:
            return Credentials.read(self.creds.read_text("ascii"))
        except (OSError, UnicodeDecodeError) as error:
            raise NotCredentials(f"{self.creds} cannot be read: {error}") from error

    @property
    def wants_tls(self) -> bool:
        """Whether one of the files is for TLS only."""
        return self.ca is not None or bool(self.ca_text) or self.cert is not None


def from_environment(ca: str = "", creds: str = "") -> Security:
    """Security from `FLYTE_NATS_CA` (else `ca`), `_CERT`, `_KEY` and `_CREDS` (else `creds`).

    Each names a file; `FLYTE_NATS_CA` may hold the certificates themselves, and `FLYTE_NATS_CREDS` the
    credentials, so that who has been told the variables alone, as an attempt's pod, trusts and is the same.

    Raises ValueError for a file that cannot be read, and for a certificate without its key.
    """
    given = os.environ.get(CA) or ca
    text = given if is_text(given) else ""
    credentials = os.environ.get(CREDS) or ""
    are_text = is_text(credentials)
    said = os.environ
    found = Security(
        ca=None if text else file_of(said, CA, ca),
        ca_text=text,
        cert=file_of(said, CERT),
        key=file_of(said, KEY),
        creds=None if are_text else file_of(said, CREDS, creds),
        creds_text=credentials if are_text else "",
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
