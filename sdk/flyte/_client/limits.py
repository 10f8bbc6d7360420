"""The limits of projects: set, and shown beside what is used."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any, NamedTuple, TypeVar

from flyte._client.projects import Project
from flyte._client.trouble import translated
from flyte._syncify import Syncified
from flyte_bus.errors import BusError, Conflict, NotAllowed, Refusal
from flyte_bus.known_limits import read_limits
from flyte_bus.ports import Bus
from flyte_schemas.endpoints import AnswerT, AskT, Endpoint
from flyte_schemas.limits import ALL, LIMITS_KEY, NO_LIMIT, WHAT, LimitBook, Place, whose_limits
from flyte_schemas.streams import SETTINGS_BUCKET
from flyte_schemas.usage import GET_STORED, GET_USAGE, GetStored, GetUsage, StoredNow, UsageNow

ANSWER_S = 3.0
"""How long a service may take to say what is used."""

T = TypeVar("T")

_UNITS = {"": 1, "B": 1} | {
    f"{letter}{suffix}": base**power
    for power, letter in enumerate("KMGT", start=1)
    for suffix, base in (("B", 1000), ("iB", 1024))
}
_AMOUNT = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Za-z]*)")


def parse_limits(words: Iterable[str]) -> dict[str, float | None]:
    """Limits that were typed as `live-actions=100`, `log-bytes-per-day=5GB`, `requests-per-s=none`.

    `none` is no limit (0), `default` what is said of the project, or of all (None). Raises ValueError.
    """
    found: dict[str, float | None] = {}
    for word in words:
        name, _, text = word.partition("=")
        what = name.replace("-", "_")
        if what not in WHAT:
            known = ", ".join(one.replace("_", "-") for one in WHAT)
            raise ValueError(f"--limit {word}: there is no limit {name!r}; there are {known}")
        found[what] = _parse(word, what, text)
    return found


def _parse(word: str, what: str, text: str) -> float | None:
    if text in ("none", "default"):
        return NO_LIMIT if text == "none" else None
    matched = _AMOUNT.fullmatch(text)
    units = _UNITS if "bytes" in what else {"": 1}
    amount = float(matched[1]) * units.get(matched[2], 0) if matched else 0
    if what != "requests_per_s":
        amount = int(amount)
    if amount <= 0:
        unit = " (with KB, MB, GB, TB, or KiB …)" if "bytes" in what else ""
        raise ValueError(
            f"--limit {word}: say a number above 0{unit}, none for no limit, "
            "or default for what is said of the project or of all"
        )
    return amount


async def _set_limits(project: str | None, domain: str | None, limits: Mapping[str, float | None]) -> None:
    """Set limits of a project (in one domain, or in each), or of all; None: a wider one counts again.

    Raises ValueError for what is no limit.
    """
    whose = ALL if project is None else whose_limits(project, domain)
    with translated():
        bucket = (await _bus()).bucket(SETTINGS_BUCKET)
        while True:
            entry = await bucket.get(LIMITS_KEY)
            book = read_limits(entry.value if entry else None).changed(whose, limits)
            value = book.model_dump_json(exclude_none=True).encode()
            try:
                if entry is not None and entry.value is not None:
                    await bucket.update(LIMITS_KEY, value, revision=entry.revision)
                else:
                    await bucket.create(LIMITS_KEY, value)
                return
            except Conflict:
                continue


class Line(NamedTuple):
    """One limit in one domain: `limit` None: there is none; `use` None: nobody says.

    `is_told`: whether the limit is known here. It is the operator's to see, unlike what is used.
    """

    domain: str
    what: str
    use: float | None
    limit: float | None
    said_for: str
    is_told: bool = True


async def _limits_of(project: Project, domain: str) -> list[Line]:
    """All limits of a project, in the domains in which it has something, and in this one.

    For who may not see them, what is used, where he may see that.
    """
    with translated():
        bus = await _bus()
        try:
            entry = await bus.bucket(SETTINGS_BUCKET).get(LIMITS_KEY)
        except NotAllowed:  # the book names every project: it is the operator's
            return [line async for line in _untold(bus, project, domain)]
        book = read_limits(entry.value if entry else None)
        named = (key.split(".") for key in book.limits if key.startswith(f"{project.id}."))
        domains = sorted({domain, *project.domains, *(parts[1] for parts in named)})
        uses = await asyncio.gather(*(_use(bus, Place(project.id, one)) for one in domains))
    return list(_lines(book, project.id, dict(zip(domains, uses, strict=True))))


async def _untold(bus: Bus, project: Project, domain: str) -> AsyncIterator[Line]:
    """What is used, of limits that are not known."""
    domains = sorted({domain, *project.domains})
    uses = await asyncio.gather(*(_use(bus, Place(project.id, one)) for one in domains))
    for one, use in zip(domains, uses, strict=True):
        for what in (what for what in WHAT if what in use):
            yield Line(one, what, use[what], None, "", is_told=False)


def _lines(book: LimitBook, project: str, uses: Mapping[str, Mapping[str, float]]) -> Iterable[Line]:
    for domain, use in uses.items():
        place = Place(project, domain)
        limits = book.of(place)
        for what in WHAT:
            whose = book.whose(place, what)
            said_for = {"": "", ALL: "all", project: project}.get(whose, str(place))
            yield Line(domain, what, use.get(what), limits.allows(what), said_for)


async def _use(bus: Bus, place: Place) -> dict[str, float]:
    """What is used, as far as the services that know it answer."""
    now, stored = await asyncio.gather(
        _answer(bus, GET_USAGE, GetUsage(project=place.project, domain=place.domain)),
        _answer(bus, GET_STORED, GetStored(project=place.project, domain=place.domain)),
    )
    found: dict[str, float] = {}
    if isinstance(now, UsageNow):
        found["live_actions"] = now.live_actions
        found["event_bytes_per_day"] = now.event_bytes_today
        found["log_bytes_per_day"] = now.log_bytes_today
    if isinstance(stored, StoredNow):
        found["artifact_bytes"] = stored.artifact_bytes
    return found


async def _answer(bus: Bus, endpoint: Endpoint[AskT, AnswerT], question: AskT) -> AnswerT | None:
    try:
        return await bus.ask(endpoint, question, timeout_s=ANSWER_S)
    except (BusError, Refusal):
        return None


async def _bus() -> Bus:
    from flyte import _session

    return await _session.client().bus()


def document(lines: Iterable[Line]) -> dict[str, dict[str, Any]]:
    """The limits as JSON data, by domain; of one that is not told, what is used alone."""
    found: dict[str, dict[str, Any]] = {}
    for line in lines:
        limit = {"limit": line.limit, "said_for": line.said_for} if line.is_told else {}
        found.setdefault(line.domain, {})[line.what] = {"use": line.use} | limit
    return found


set_limits = Syncified(_set_limits)
limits_of = Syncified(_limits_of)
