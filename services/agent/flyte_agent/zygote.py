"""The zygote: an interpreter with everything loaded that forks an agent for each order it reads.

Orders come as JSON lines on standard input; each is answered by a line with the process id, or with what is
wrong with it. It has one thread and no event loop, so that its children start from a clean state. When its
input ends, it ends, and the agents live on. It keeps some agents in reserve (`flyte_agent.spare`).
"""

import gc
import os
import resource
import signal
import sys

import orjson
from pydantic import ValidationError

from flyte._runtime import runner
from flyte._runtime.warm import warm_up
from flyte_agent.process import exit_as
from flyte_agent.run_attempt import run_order
from flyte_agent.settings import from_environment
from flyte_agent.spare import Reserve
from flyte_agent.stages import preload
from flyte_bus.leftovers import clear_leftovers
from flyte_bus.process import start_time
from flyte_bus.secrets.mounts import clear_mounts
from flyte_schemas.envelope import one_sentence
from flyte_schemas.orders import read_commission

_PRELOADED = (runner,)
"""Imported here so that no agent has to."""


def serve() -> int:
    """Fork an agent for each line of standard input, until it ends."""
    # uvloop leaves second descriptors of our standard streams open, and a task could read the orders by them.
    os.closerange(3, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the system reaps the agents
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal is the executor's to handle
    settings = from_environment()
    clear_leftovers(settings.work)
    clear_mounts(settings.home)
    warm_up()
    preload()
    gc.collect()
    gc.freeze()
    reserve = Reserve(settings.spares, _become_agent)
    reserve.refill()
    while line := sys.stdin.buffer.readline():
        sys.stdout.buffer.write(orjson.dumps(_answer(line, reserve)) + b"\n")
        sys.stdout.buffer.flush()
        reserve.refill()
    reserve.end()
    return 0


def _answer(line: bytes, reserve: Reserve) -> dict[str, object]:
    """An agent for this order; what to say of it. An order that cannot be served harms no other."""
    try:
        said = read_commission(line)
        if (spare := reserve.take(line)) is not None:
            return {"pid": spare.pid, "started": spare.started}
        pid = os.fork()
    except ValidationError as error:
        return {"error": one_sentence(error)}
    except OSError as error:
        return {"error": str(error)}
    if pid == 0:
        reserve.let_go()
        _become_agent()
        exit_as(lambda: run_order(said.order, said.credentials))
    return {"pid": pid, "started": start_time(pid)}


def _become_agent() -> None:
    """Leave the zygote's session, its signals and its ways to the executor."""
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)  # standard output was the way to the executor
