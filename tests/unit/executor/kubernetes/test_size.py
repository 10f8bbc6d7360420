"""A pod that is too long for a cluster, and for whoever watches it, is never sent."""

import asyncio
import json
from typing import Any

import pytest

from flyte_executor.backends.kubernetes.api import Api, Document
from flyte_executor.backends.kubernetes.cluster import LONGEST_POD, Cluster
from flyte_executor.backends.port import LaunchFailed
from testkit.pods import SITE, launch, pod


class Nobody:
    def waits(self, cluster: Cluster, pod: Any) -> None:
        pass

    def over(self, cluster: Cluster, pod: Any) -> None:
        pass


class Takes(Api):
    """Takes every pod."""

    def __init__(self) -> None:
        super().__init__(None, calls=1)
        self.made: list[Document] = []

    async def create_pod(self, pod: Document) -> Document:
        self.made.append(pod)
        return pod | {"metadata": pod["metadata"] | {"uid": "u", "resourceVersion": "1"}, "status": {}}


def long(size: int) -> Document:
    """A pod of that size, by a variable of its task."""
    for_nothing = pod(launch(runs={"A": ""}))
    return pod(launch(runs={"A": "<" * (size - len(json.dumps(for_nothing)))}))


async def test_a_pod_may_have_512_kib_and_no_more() -> None:
    api = Takes()
    cluster = Cluster(api, SITE, (None,), Nobody())
    with pytest.raises(LaunchFailed) as refused:
        await cluster.create(long(LONGEST_POD + 1), lambda why: None, asyncio.Event())
    assert str(refused.value) == (
        "its pod has 524289 bytes as JSON, and may have 524288: make the task's environment variables or its "
        "pod_template smaller"
    )
    assert api.made == []
    await cluster.create(long(LONGEST_POD), lambda why: None, asyncio.Event())
    assert len(api.made) == 1
