"""Getting into the console: who may ask it on the bus for a place may look at that place."""

from flyte._client.bus_settings import bus_settings
from flyte._client.identity import who
from flyte._client.trouble import translated
from flyte._config import ClientConfig
from flyte_bus.ports import Bus
from flyte_schemas.sessions import ANY, OPEN_SESSION, OpenSession, SessionOpened

OPENING_TIMEOUT_S = 10.0
WILDCARD = "*"
"""All projects or all domains, as credentials have it."""


async def open_session(bus: Bus, config: ClientConfig, *, lasting: bool) -> SessionOpened:
    """A session for all places of this client's credentials: a browser's, or (`lasting`) a program's."""
    user, token, places = _whose(config)
    opened: SessionOpened | None = None
    with translated():
        for number, (project, domain) in enumerate(places, start=1):
            asked = OpenSession(
                project=project,
                domain=domain,
                user=user,
                token=token,
                joined=opened.secret if opened else None,
                lasting=lasting and number == len(places),
            )
            opened = await bus.ask(OPEN_SESSION, asked, timeout_s=OPENING_TIMEOUT_S)
    assert opened is not None  # there is a place at least
    return opened


def _whose(config: ClientConfig) -> tuple[str, str, list[tuple[str, str]]]:
    """Who asks, by which token, and for which places: an operator's names none, and holds everywhere."""
    credentials = bus_settings(config).security.credentials()
    named = credentials.identity.places if credentials else ()
    places = [(project, domain) for project, _, domain in (place.partition(".") for place in named)]
    everywhere = [(WILDCARD, WILDCARD)]
    user = credentials.identity.name if credentials else who()
    token = credentials.jwt if credentials else ""
    return user, token, [(_token(project), _token(domain)) for project, domain in places or everywhere]


def _token(name: str) -> str:
    return ANY if name == WILDCARD else name
