"""What a command line does not load before it needs it."""

import os
import subprocess
import sys
from pathlib import Path

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

LOADING = {
    "services": f"import {', '.join(f'{name}.__main__' for name in SERVICES)}, flyte_bus.provisioner",
    "zygote": "import flyte_agent.__main__ as agent; sys.argv[1:] = ['zygote']; assert agent.main() == 0",
}
"""How what runs as a process of its own is loaded; a zygote that nobody orders anything ends."""


@pytest.mark.parametrize("loading", LOADING)
@pytest.mark.parametrize(
    ("urls", "is_loaded"),
    [("nats://127.0.0.1:1", False), ("nats://127.0.0.1:1, wss://127.0.0.1:2", True)],
    ids=["plain", "over a WebSocket"],
)
def test_processes_load_no_painter_and_http_only_where_the_bus_is_reached_by_it(
    urls: str, is_loaded: bool, loading: str, tmp_path: Path
) -> None:
    pytest.importorskip("aiohttp")
    program = f"import sys; {LOADING[loading]}; print('aiohttp' in sys.modules, 'rich' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "FLYTE_NATS_URL": urls, "FLYTE_HOME": str(tmp_path), "FLYTE_AGENT_SPARES": "0"},
    )
    assert (done.stdout, done.stderr) == (f"{is_loaded} False\n", "")


def test_a_fact_is_logged_when_there_is_one() -> None:
    with capture_logs() as logged:
        Facts("bus").info("bus.connection.restored", server="here")
    assert logged == [{"event": "bus.connection.restored", "server": "here", "log_level": "info"}]
