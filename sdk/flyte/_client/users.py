"""Who this client is to the control plane."""

from flyte._client.identity import who
from flyte._documents import Documented
from flyte._syncify import Syncified


async def _get_user() -> "User":
    """The user of this client. Raises InitializationError without a client."""
    from flyte import _session

    config = _session.client().config
    return User(who(), config.user or who(), config.endpoint)


class User(Documented):
    """`name` is what stands in requests, `subject` the account that the bus knows."""

    def __init__(self, name: str, subject: str, endpoint: str) -> None:
        self._name = name
        self._subject = subject
        self.endpoint = endpoint

    def name(self) -> str:
        return self._name

    def subject(self) -> str:
        return self._subject

    def to_dict(self) -> dict[str, str]:
        """The user as JSON data."""
        return {"name": self._name, "subject": self._subject, "endpoint": self.endpoint}

    def __repr__(self) -> str:
        return f"<user {self._name} ({self._subject} on {self.endpoint})>"

    get = Syncified(_get_user)
