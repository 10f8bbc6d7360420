"""TLS of files that may be replaced while they are in use: certificates are renewed, and nobody restarts.

Files are looked at when a handshake needs them, which costs microseconds. It uses what is there then;
connections that stand go on. Files that are half replaced are passed over: the last that were whole stay.
"""

import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from flyte_bus.errors import BusError
from flyte_bus.facts import Facts
from flyte_bus.security import file_of
from flyte_schemas.trust import is_text, trust

log = Facts(__name__)

_Stamp = tuple[tuple[int, int, int] | None, ...]


class RenewedContext:
    """A context that is made again whenever one of its files has changed."""

    def __init__(self, make: Callable[[], ssl.SSLContext], files: Sequence[Path]) -> None:
        """Raises what `make` raises."""
        self._make = make
        self._files = tuple(files)
        self._stamp = self._look()
        self._context = make()

    @property
    def current(self) -> ssl.SSLContext:
        """Of the files as they are, or as they were when they were whole."""
        stamp = self._look()
        if stamp != self._stamp:
            self._stamp = stamp
            names = [str(file) for file in self._files]
            try:
                self._context = self._make()
            except (OSError, ValueError, BusError) as error:
                log.warning("tls.files.not_renewed", files=names, error=str(error))
            else:
                log.info("tls.files.renewed", files=names)
        return self._context

    def _look(self) -> _Stamp:
        return tuple(_stamp_of(file) for file in self._files)


def _stamp_of(file: Path) -> tuple[int, int, int] | None:
    try:
        found = file.stat()  # of what a link leads to: a mounted Secret is replaced by another link
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """By which a server is known: a file of its certificate (and those up to the CA), and one of its key."""

    cert: Path
    key: Path

    def context(self) -> ssl.SSLContext:
        """For a server: each handshake uses the files as they are then. Raises ValueError for other files."""
        renewed = RenewedContext(self._made, (self.cert, self.key))

        def chosen(handshake: ssl.SSLSocket | ssl.SSLObject, _: str | None, __: ssl.SSLContext) -> None:
            handshake.context = renewed.current

        context = renewed.current
        context.sni_callback = chosen
        return context

    def _made(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        try:
            context.load_cert_chain(self.cert, self.key)
        except (OSError, ssl.SSLError) as error:
            raise ValueError(f"{self.cert} and {self.key} are no certificate and its key: {error}") from error
        return context


def certificate_of(variables: Mapping[str, str], names: tuple[str, str]) -> Certificate | None:
    """The certificate and its key in the files that these variables name; None where neither is set.

    Raises ValueError for one without the other, for what cannot be read, and for what is no such pair.
    """
    cert, key = (file_of(variables, name) for name in names)
    if (cert is None) != (key is None):
        raise ValueError(
            f"{names[0]} and {names[1]} belong together: one of them is set, and the other is not"
        )
    if cert is None or key is None:
        return None
    found = Certificate(cert=cert, key=key)
    try:
        found.context()
    except ValueError as error:
        raise ValueError(f"{names[0]}, {names[1]}: {error}") from error
    return found


def http_context(trusted: str, variable: str) -> RenewedContext:
    """For a client of HTTP: trusts whom the system trusts, and `trusted` (certificates, or a file of such).

    Raises ValueError naming the variable.
    """
    file = None if is_text(trusted) else file_of({}, variable, trusted)

    def made() -> ssl.SSLContext:
        context = ssl.create_default_context()
        trust(context, trusted, variable)
        return context

    return RenewedContext(made, (file,) if file else ())
