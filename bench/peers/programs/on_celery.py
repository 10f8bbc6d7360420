"""Celery: a worker of two processes behind Debian's Redis, which keeps messages and results.

The parent is a program that sends tasks: a task must not wait for another.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from celery import Celery, group
from measuring import Measuring, free_port, listens, running, until

REDIS = os.environ.get("PEER_REDIS", "redis://127.0.0.1:1")
app = Celery("on_celery", broker=REDIS, backend=REDIS)


@app.task
def square(number: int) -> int:
    return number * number


def main() -> None:
    """Start Redis and the worker, and send tasks."""
    measuring = Measuring()
    server = shutil.which("redis-server")
    if server is None:
        measuring.leave_out("redis-server is not on the PATH: apt-get install redis-server")
    measuring.note(subprocess.check_output([server, "--version"], text=True).partition(" sha")[0])
    port = free_port()
    url = f"redis://127.0.0.1:{port}/0"
    app.conf.update(broker_url=url, result_backend=url)
    redis = [server, "--bind", "127.0.0.1", "--port", str(port), "--dir", str(measuring.folder)]
    worker = [sys.executable, "-m", "celery", "-A", "on_celery", "worker", "--concurrency", "2"]
    quiet = ["--loglevel", "WARNING", "--without-gossip", "--without-mingle", "--without-heartbeat"]
    with running(redis) as one:
        until(lambda: listens(port), "Redis")
        here = str(Path(__file__).parent)
        with running([*worker, *quiet], PEER_REDIS=url, PYTHONPATH=here) as other:
            assert square.delay(3).get(timeout=60) == 9
            measuring.idle(one, other)
            measuring.in_turn("child", lambda number: square.delay(number).get(timeout=60))
            measuring.at_once(_together)


def _together(numbers: range) -> list[int]:
    return group(square.s(number) for number in numbers)().get(timeout=120)


if __name__ == "__main__":
    main()
