"""What a command line does not load before it needs it."""

import os
import subprocess
import sys

import pytest
from structlog.testing import capture_logs

from flyte_bus.facts import Facts

QUICK = """
import sys
from flyte_bus.quick_start import load, spare_websockets
spare_websockets()
load()
import flyte_bus.jetstream
assert not {"aiohttp", "structlog"} & set(sys.modules)
import aiohttp
spare_websockets()
load()
assert aiohttp is sys.modules["aiohttp"]
"""


def test_the_bus_loads_neither_http_nor_a_logging_library() -> None:
    pytest.importorskip("aiohttp")
    done = subprocess.run([sys.executable, "-c", QUICK], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


SERVICES = ("flyte_registry", "flyte_scheduler", "flyte_executor", "flyte_guard")
"""The services that speak no HTTP themselves."""


@pytest.mark.parametrize(
    ("urls", "is_loaded"),
    [("nats://127.0.0.1:1", False), ("nats://127.0.0.1:1, wss://127.0.0.1:2", True)],
    ids=["plain", "over a WebSocket"],
)
def test_services_load_http_only_where_the_bus_is_reached_by_it(urls: str, is_loaded: bool) -> None:
    pytest.importorskip("aiohttp")
    loads = ", ".join(f"{name}.__main__" for name in SERVICES)
    program = f"import sys, {loads}, flyte_bus.provisioner; print('aiohttp' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "FLYTE_NATS_URL": urls},
    )
    assert (done.stdout, done.stderr) == (f"{is_loaded}\n", "")


def test_a_fact_is_logged_when_there_is_one() -> None:
    with capture_logs() as logged:
        Facts("bus").info("bus.connection.restored", server="here")
    assert logged == [{"event": "bus.connection.restored", "server": "here", "log_level": "info"}]
