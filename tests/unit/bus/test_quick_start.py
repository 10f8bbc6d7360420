"""What a command line does not load before it needs it."""

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


def test_a_fact_is_logged_when_there_is_one() -> None:
    with capture_logs() as logged:
        Facts("bus").info("bus.connection.restored", server="here")
    assert logged == [{"event": "bus.connection.restored", "server": "here", "log_level": "info"}]
