"""A watch goes on for ever, whatever it is told, and says so when it was told what it cannot take."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from flyte_executor.backends.kubernetes import watch
from flyte_executor.backends.kubernetes.api import Api, ApiUnavailable, Document, Unreadable
from flyte_executor.backends.kubernetes.watch import PodWatch


def pod(name: str, version: int) -> Document:
    return {"metadata": {"name": name, "resourceVersion": str(version)}}


class Scripted(Api):
    """Its watches break off with these errors, one after the other; the next tells of a pod, and stays."""

    def __init__(self, *errors: Exception) -> None:
        super().__init__(None, calls=1)
        self.errors = list(errors)
        self.calls: list[str] = []

    async def list_pods(self, namespace: str | None, selector: str) -> tuple[list[Document], str]:
        self.calls.append("list")
        return [], "7"

    async def watch_pods(
        self, namespace: str | None, selector: str, version: str
    ) -> AsyncIterator[tuple[str, Document]]:
        self.calls.append(f"watch {version}")
        if self.errors:
            raise self.errors.pop(0)
        yield "ADDED", pod("later", 9)
        await asyncio.Event().wait()


class Heard:
    def __init__(self) -> None:
        self.names: list[str] = []
        self.event = asyncio.Event()

    def listed(self, namespace: str | None, pods: list[Document], version: int) -> None:
        pass

    def seen(self, pod: Document) -> None:
        self.names.append(pod["metadata"]["name"])
        self.event.set()

    def removed(self, pod: Document) -> None:
        pass


ERRORS = [
    (ApiUnavailable("away"), ["list", "watch 7", "watch 7"], "away"),
    (Unreadable("a long line"), ["list", "watch 7", "list", "watch 7"], "a long line"),
    (RuntimeError("nobody knows"), ["list", "watch 7", "list", "watch 7"], "RuntimeError('nobody knows')"),
]


@pytest.mark.parametrize(("error", "calls", "why"), ERRORS, ids=["away", "unreadable", "unknown"])
async def test_a_watch_outlives_every_error_and_lists_anew_after_what_it_cannot_take(
    error: Exception, calls: list[str], why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "FIRST_PAUSE_S", 0.001)
    api, heard = Scripted(error), Heard()
    watching = PodWatch(api, None, "a=b", heard)
    task = asyncio.create_task(watching.run())
    async with asyncio.timeout(5.0):
        await heard.event.wait()
    assert (heard.names, api.calls) == (["later"], calls)
    assert why in watching._trouble
    assert await watching.trouble() == ""  # it was tried, and works
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
