"""What happens to the pods of a site in one namespace, or in all: listed once, then watched.

Nothing polls. A watch goes on where the last one ended, by the version of the last object or bookmark; when
the server does not remember that any more, or what it tells from there cannot be taken, all is listed again,
and what is missing was removed meanwhile.
"""

import asyncio
import random
from typing import Protocol

import structlog

from flyte_executor.backends.kubernetes.api import (
    Api,
    ApiError,
    ApiUnavailable,
    Document,
    Expired,
    Unreadable,
)

log = structlog.get_logger()

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 30.0
"""Before a watch is begun again that broke off: the first pause, doubled each time, and the most."""
BRIEF_S = 1.0
"""A watch that told nothing for so long before it ended did not really begin."""


class Hears(Protocol):
    """Who is told of pods."""

    def listed(self, namespace: str | None, pods: list[Document], version: int) -> None:
        """These are there as of that version, and no others."""

    def seen(self, pod: Document) -> None:
        """It is there, and like this."""

    def removed(self, pod: Document) -> None:
        """It is there no more; this is what was known last."""


class PodWatch:
    """Tells `hears` of the pods that a selector names; `namespace` None: of all namespaces."""

    def __init__(self, api: Api, namespace: str | None, selector: str, hears: Hears) -> None:
        self._api = api
        self._namespace = namespace
        self._selector = selector
        self._hears = hears
        self._version: str | None = None
        self._trouble = ""

    async def begin(self) -> None:
        """Tell of all that is there. Raises ApiError and ApiUnavailable."""
        pods, version = await self._api.list_pods(self._namespace, self._selector)
        self._hears.listed(self._namespace, pods, count_of(version))
        self._version = version

    async def run(self) -> None:
        """Tell of all that happens, for ever: it ends when it is cancelled, whatever it is told."""
        pause_s = FIRST_PAUSE_S
        now = asyncio.get_running_loop().time
        while True:
            began, told = now(), 0
            try:
                if self._version is None:
                    await self.begin()
                    told += 1
                assert self._version is not None
                async for kind, pod in self._api.watch_pods(self._namespace, self._selector, self._version):
                    self._take(kind, pod)
                    told += 1
            except Expired as error:
                log.info("executor.kubernetes.watch_expired", namespace=self._namespace, why=str(error))
                self._version = None
            except Unreadable as error:
                told, self._version = 0, None
                self._broke_off(str(error))
            except (ApiError, ApiUnavailable) as error:
                self._broke_off(str(error))
            except Exception as error:  # from there it would be the same again
                told, self._version, self._trouble = 0, None, f"the watch of its pods failed: {error!r}"
                log.error("executor.kubernetes.watch_failed", namespace=self._namespace, exc_info=error)
            if told or now() - began > BRIEF_S:
                pause_s = FIRST_PAUSE_S
            await asyncio.sleep(pause_s * random.uniform(0.5, 1.0))
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    async def trouble(self) -> str:
        """Why it can tell nothing just now; the empty text when it can. One that broke off is tried."""
        if self._trouble:
            try:
                await self._api.list_pods(self._namespace, self._selector)
            except (ApiError, ApiUnavailable) as error:
                return str(error)
            self._trouble = ""
        return ""

    def _broke_off(self, why: str) -> None:
        self._trouble = why
        log.warning("executor.kubernetes.watch_broken", namespace=self._namespace, why=why)

    def _take(self, kind: str, pod: Document) -> None:
        self._version = str(pod["metadata"]["resourceVersion"])
        if kind == "BOOKMARK":
            return
        if kind == "DELETED":
            self._hears.removed(pod)
        else:
            self._hears.seen(pod)


def count_of(version: object) -> int:
    """How new a version is. They are opaque by the letter, and counted by every server there is."""
    text = str(version or "0")
    return int(text) if text.isdecimal() else 0
