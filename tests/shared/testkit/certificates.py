"""An authority of a test's own: certificates as files, made when they are needed."""

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

    def issue(self, name: str, *identities: str) -> tuple[Path, Path]:
        """A certificate and its key, as `{name}.crt` and `{name}.key`, for these hosts or addresses."""
        issued = self._authority.issue_cert(*identities)
        cert, key = self._folder / f"{name}.crt", self._folder / f"{name}.key"
        issued.cert_chain_pems[0].write_to_path(cert)
        issued.private_key_pem.write_to_path(key)
        return cert, key

    def server_config(self, *identities: str, verify: bool = False) -> str:
        """What stands in a nats-server's configuration; with `verify` its clients need certificates."""
        cert, key = self.issue("server", *identities)
        return (
            f'tls {{ cert_file: "{cert}", key_file: "{key}", ca_file: "{self.ca}", '
            f"verify: {str(verify).lower()} }}\n"
        )
