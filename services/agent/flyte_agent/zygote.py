"""The zygote: an interpreter with everything loaded that forks an agent for each order it reads.

Orders come as JSON lines on standard input; each is answered by a line with the process id. It has one
thread and no event loop, so that its children start from a clean state. When its input ends, it ends, and
the agents live on.
"""

import gc
import os
import signal
import sys

import orjson

from flyte._runtime import runner
from flyte_agent.order import Order
from flyte_agent.process import exit_as
from flyte_agent.run_attempt import run_attempt
from flyte_bus.process import start_time

_PRELOADED = (runner,)
"""Imported here so that no agent has to."""


def serve() -> int:
    """Fork an agent for each line of standard input, until it ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the system reaps the agents
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal is the executor's to handle
    gc.collect()
    gc.freeze()
    while line := sys.stdin.buffer.readline():
        order = Order.model_validate_json(line)
        pid = os.fork()
        if pid == 0:
            exit_as(lambda order=order: _become_agent(order))  # type: ignore[misc]
        answer = {"pid": pid, "started": start_time(pid)}
        sys.stdout.buffer.write(orjson.dumps(answer) + b"\n")
        sys.stdout.buffer.flush()
    return 0


def _become_agent(order: Order) -> int:
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)  # standard output was the way to the executor
    return run_attempt(order)
