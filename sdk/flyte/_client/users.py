"""Who this client is to the control plane."""

from typing import TYPE_CHECKING, Any

from flyte._client.identity import identity, who
from flyte._documents import Documented
from flyte._syncify import Syncified

if TYPE_CHECKING:
    from flyte_bus.identity.credentials import Identity


async def _get_user() -> "User":
    """The user of this client. Raises InitializationError without a client."""
    from flyte import _session

    config, known = _session.client().config, identity()
    subject = known.public if known is not None else config.user or who()
    return User(who(), subject, config.endpoint, known)


class User(Documented):
    """`name` is what stands in requests, `subject` the account that the bus knows.

    `role` and `places` (`project.domain`, `*` for any) are what the credentials allow, `expires_at` is until
    when; they are empty where the bus knows us without credentials.
    """

    def __init__(self, name: str, subject: str, endpoint: str, identity: "Identity | None" = None) -> None:
        self._name = name
        self._subject = subject
        self.endpoint = endpoint
        self.role = identity.role if identity else ""
        self.places = identity.places if identity else ()
        self.expires_at = identity.expires_at if identity else None

    def name(self) -> str:
        return self._name

    def subject(self) -> str:
        return self._subject

    def to_dict(self) -> dict[str, Any]:
        """The user as JSON data."""
        return {
            "name": self._name,
            "subject": self._subject,
            "endpoint": self.endpoint,
            "role": self.role,
            "places": list(self.places),
            "expires_at": self.expires_at.isoformat() if self.expires_at else None,
        }

    def __repr__(self) -> str:
        return f"<user {self._name} ({self._subject} on {self.endpoint})>"

    get = Syncified(_get_user)
