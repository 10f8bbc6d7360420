"""What makes credentials of attempts, with keys that no server knows, for tests of who hands them out."""

from flyte_bus.identity.keys import KeyPair
from flyte_bus.identity.minting import Minter
from flyte_executor.credentials import Issuer

TTL_S = 60.0


def issuer(ttl_s: float = TTL_S) -> Issuer:
    """One of its own."""
    agents, workers = (
        Minter(
            account_public=KeyPair.create("account").public,
            signing_seed=KeyPair.create("account").seed,
            role=role,
        )
        for role in ("agent", "worker")
    )
    return Issuer(agents=lambda: agents, workers=lambda: workers, ttl_s=ttl_s)
