"""An authority of a test's own: certificates as files, made when they are needed."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme


class Authority:
    """Issues certificates; `ca` is the file by which they are verified."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._authority = trustme.CA()
        self.ca = folder / "ca.crt"
        self._authority.cert_pem.write_to_path(self.ca)

    def issue(self, name: str, *identities: str, expired: bool = False) -> tuple[Path, Path]:
        """A certificate and its key, as `{name}.crt` and `{name}.key`, for these hosts or addresses.

        Files of that name are replaced by others, as whoever renews certificates does.
        """
        over = datetime.now(UTC) - timedelta(days=1) if expired else None
        begun = None if over is None else over - timedelta(days=1)
        issued = self._authority.issue_cert(*identities, not_before=begun, not_after=over)
        cert, key = self._folder / f"{name}.crt", self._folder / f"{name}.key"
        for file, blob in ((cert, issued.cert_chain_pems[0]), (key, issued.private_key_pem)):
            half = file.with_suffix(".part")
            blob.write_to_path(half)
            half.replace(file)
        return cert, key

    def server_config(self, *identities: str, verify: bool = False, expired: bool = False) -> str:
        """What stands in a nats-server's configuration; with `verify` its clients need certificates."""
        cert, key = self.issue("server", *identities, expired=expired)
        return (
            f'tls {{ cert_file: "{cert}", key_file: "{key}", ca_file: "{self.ca}", '
            f"verify: {str(verify).lower()} }}\n"
        )
