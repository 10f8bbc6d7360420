"""Threads for what reads and writes files: many transfers go on at a time, no event loop waits."""

import asyncio
import contextvars
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar, TypeVarTuple

from flyte._limits import TRANSFERS_AT_A_TIME

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")
Ts = TypeVarTuple("Ts")


async def aside(work: Callable[[*Ts], ResultT], *args: *Ts) -> ResultT:
    """Do blocking work in a thread, in the same context."""
    context = contextvars.copy_context()
    return await asyncio.get_running_loop().run_in_executor(_threads(), lambda: context.run(work, *args))


def at_once(work: Callable[[ItemT], ResultT], items: Iterable[ItemT]) -> list[ResultT]:
    """Do it for each item, several at a time; the results in order. The first failure ends what is left."""
    context = contextvars.copy_context()
    with ThreadPoolExecutor(TRANSFERS_AT_A_TIME, thread_name_prefix="flyte-io-part") as threads:
        futures = [threads.submit(context.copy().run, work, item) for item in items]
        try:
            return [future.result() for future in futures]
        except BaseException:
            threads.shutdown(wait=False, cancel_futures=True)
            raise


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(2 * TRANSFERS_AT_A_TIME, thread_name_prefix="flyte-io")
