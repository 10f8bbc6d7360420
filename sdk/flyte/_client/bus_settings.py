"""What a configuration says of the bus, and what the bus's own variables add to it."""

from flyte._config import ClientConfig
from flyte._limits import PATIENCE_S
from flyte._runtime.trusted import trust_also
from flyte_bus import security
from flyte_bus.settings import BusSettings


def bus_settings(config: ClientConfig) -> BusSettings:
    """The settings of a client's connection; what vouches for the bus vouches for the artifact store, too.

    Raises ValueError for files that cannot be read.
    """
    trust_also(config.ca_file)
    return BusSettings(
        url=config.endpoint,
        user=config.user,
        password=config.password,
        name="flyte-client",
        patience_s=PATIENCE_S,
        security=security.from_environment(config.ca_file, config.creds_file),
    )
