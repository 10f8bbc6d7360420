"""Where a service of ours listens for HTTP: the sockets, what its address is called, and TLS if it has that.

What is served there is the service's own; it takes `sockets` and `tls` and begins.
"""

import contextlib
import socket
import ssl
from dataclasses import dataclass

from flyte_bus.tls import Certificate

BACKLOG = 128
"""How many connections may wait to be accepted."""


class PortTaken(OSError):
    """The address that a service should listen on cannot be bound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """Bound sockets; `url` is the first one's address."""

    sockets: tuple[socket.socket, ...]
    tls: ssl.SSLContext | None = None

    @property
    def port(self) -> int:
        return int(self.sockets[0].getsockname()[1])

    @property
    def url(self) -> str:
        host = self.sockets[0].getsockname()[0]
        scheme = "http" if self.tls is None else "https"
        return f"{scheme}://[{host}]:{self.port}" if ":" in host else f"{scheme}://{host}:{self.port}"

    def close(self) -> None:
        """Let go of what nobody serves; harmless after somebody has."""
        for one in self.sockets:
            one.close()


def listen(host: str, port: int, *, setting: str, certificate: Certificate | None = None) -> Listening:
    """Bind each address that `host` has, with TLS where there is a certificate; port 0 is a free one.

    Raises PortTaken, which says to change `setting`; ValueError for what is no certificate and its key.
    """
    tls = None if certificate is None else certificate.context()
    with contextlib.ExitStack() as bound:
        sockets: list[socket.socket] = []
        try:
            flags = socket.AI_PASSIVE
            found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=flags)
            for family, kind, protocol, _, address in dict.fromkeys(found):
                one = socket.socket(family, kind, protocol)
                bound.callback(one.close)
                one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                taken = port or (sockets[0].getsockname()[1] if sockets else 0)
                one.bind((address[0], taken, *address[2:]))
                one.listen(BACKLOG)
                one.setblocking(False)
                sockets.append(one)
        except OSError as error:
            said = error.strerror or str(error)
            raise PortTaken(
                f"cannot listen on {host}:{port} ({said}): set {setting} to a free port"
            ) from error
        bound.pop_all()
        return Listening(sockets=tuple(sockets), tls=tls)
