"""What agents ask an executor: to have their credentials for longer, by which they ask it."""

from pydantic import PositiveInt

from flyte_schemas.endpoints import PLACE, Endpoint
from flyte_schemas.words import Name, Word


class RenewCredential(Word):
    """Whoever runs this attempt needs its credentials for longer; the last ones permit it to ask."""

    project: Name
    domain: Name
    run: Name
    action: Name
    attempt: PositiveInt


class RenewWorker(Word):
    """The same of a worker of a pool."""

    project: Name
    domain: Name
    pool: Name
    worker: Name


class CredentialRenewed(Word):
    """A later token for the same key, which only its holder can use."""

    jwt: str


RENEW_CREDENTIAL = Endpoint(
    "flyte.svc.executor.renew-credential", RenewCredential, CredentialRenewed, (*PLACE, "run")
)
RENEW_WORKER = Endpoint(
    "flyte.svc.executor.renew-worker", RenewWorker, CredentialRenewed, (*PLACE, "pool", "worker")
)
