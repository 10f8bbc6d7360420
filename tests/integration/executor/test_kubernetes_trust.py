"""Pods trust whom their executor trusts, though its files are not theirs."""

from pathlib import Path

import pytest

from flyte_executor.backends.kubernetes.bus_tls import LONGEST_VARIABLE
from flyte_schemas.phase import ActionPhase
from testkit.kubernetes.place import BUS, Place
from testkit.scripted_backend import idle

CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


async def test_a_pod_is_told_the_certificates_that_its_executor_has_in_a_file(
    place: Place, tmp_path: Path
) -> None:
    file = tmp_path / "ca.crt"
    file.write_text(CERTIFICATE)
    place.script = idle
    place.variables = BUS | {"FLYTE_CA": str(file), "FLYTE_NATS_CA": CERTIFICATE}
    await place.executor()
    await place.plane.start()
    (container,) = (await place.pod())["spec"]["containers"]
    told = {one["name"]: one.get("value") for one in container["env"]}
    assert (told["FLYTE_CA"], told["FLYTE_NATS_CA"]) == (CERTIFICATE, CERTIFICATE)


@pytest.mark.parametrize("size", [0, LONGEST_VARIABLE + 1], ids=["missing", "long"])
async def test_certificates_that_no_pod_can_be_told_are_said(place: Place, tmp_path: Path, size: int) -> None:
    file = tmp_path / "ca.crt"
    if size:
        file.write_text("x" * size)
    place.variables = BUS | {"FLYTE_CA": str(file)}
    await place.executor()
    root = await place.plane.settled(await place.plane.start())
    assert root.phase is ActionPhase.FAILED
    assert root.failure is not None
    assert f"pods cannot be told whom to trust: FLYTE_CA names {file}" in root.failure.message
    assert place.created() == 0
