"""Several clusters: the queue of a task or of a run names the context whose cluster has its pods."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from flyte_schemas.phase import ActionPhase
from testkit.kubernetes.api_server import CONTEXT, ApiServer
from testkit.kubernetes.place import Place


async def test_a_queue_names_the_cluster(
    east: ApiServer, place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configs = (os.environ["KUBECONFIG"], str(east.kubeconfig(tmp_path / "east", "east")))
    monkeypatch.setenv("KUBECONFIG", os.pathsep.join(configs))
    there = Place(place.plane, east)
    place.settings = replace(place.settings, contexts=(CONTEXT, "east"))
    await place.executor()

    roots = []
    for queue, made in (("", (1, 0)), ("east", (1, 1)), ("nowhere", (2, 1))):
        run = await place.plane.start(f"run-{queue}x", queue=queue)
        roots.append(await place.plane.settled(run))
        assert (place.created(), there.created()) == made

    assert {root.phase for root in roots} == {ActionPhase.SUCCEEDED}
    await place.empty()
    await there.empty()
    await there.node.close()
