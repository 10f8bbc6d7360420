"""What a parent sees when its child fails: a program that fails in every way, and what is to be seen of each.

The table is the same for local runs and for the stack.
"""

FILE = """\
import asyncio
import sys
import time

import flyte
from flyte import errors

env = flyte.TaskEnvironment(name="failing")


class MyError(ValueError):
    pass


RAISED = {
    "a user's error": lambda: ValueError("bad 1"),
    "a user's own class": lambda: MyError("mine"),
    "a key error": lambda: KeyError("k"),
    "no message": lambda: ValueError(),
    "an end of iteration": lambda: StopIteration(1),
    "a timeout of the user's": lambda: TimeoutError("the user's own"),
    "a cancellation": lambda: asyncio.CancelledError("given up"),
    "not recoverable": lambda: errors.NonRecoverableError("enough"),
    "a code of choice": lambda: errors.CustomError("MY_CODE", "said"),
    "from an exception": lambda: errors.CustomError.from_exception(MyError("said")),
    "out of memory": lambda: errors.OOMError("OOMKilled", "too much"),
    "interrupted": lambda: errors.RuntimeUserError("Interrupted", "taken away"),
    "no container": lambda: errors.RuntimeUserError("PrimaryContainerNotFound", "none"),
    "retries exhausted": lambda: errors.RuntimeUserError("RetriesExhausted|MINE", "again and again"),
    "image name": lambda: errors.RuntimeUserError("InvalidImageName", "a b"),
    "image pull": lambda: errors.RuntimeUserError("ImagePullBackOff", "a"),
    "two codes": lambda: errors.RuntimeUserError("Server|MINE", "said"),
    "unknown": lambda: errors.RuntimeUnknownError("Unknown", "nobody knows"),
    "the platform's": lambda: errors.RuntimeSystemError("Lost", "gone"),
}


@env.task
async def fail(how: str) -> int:
    raise RAISED[how]()


@env.task
def fail_sync(how: str) -> int:
    raise RAISED[how]()


@env.task
async def fail_below(how: str) -> int:
    return await fail(how)


@env.task(timeout=1)
async def last() -> None:
    await asyncio.sleep(60)


@env.task(timeout=1)
def last_sync() -> None:
    time.sleep(5)


@env.task
def leave() -> None:
    sys.exit(3)


@env.task
async def leave_async() -> None:
    sys.exit(3)


@env.task
def lie() -> int:
    return "text"


async def seen(call) -> str:
    try:
        found = await call
    except errors.BaseRuntimeError as error:
        return f"{type(error).__name__}|{error.code}|{error.kind}|{error.message}"
    return repr(found)


@env.task
async def main() -> dict[str, str]:
    calls = {how: fail(how) for how in RAISED}
    for how in ("a user's error", "a cancellation", "two codes"):
        calls[f"{how}, sync"] = fail_sync.aio(how)
    for how in ("a user's error", "out of memory", "unknown"):
        calls[f"{how}, below"] = fail_below(how)
    calls |= {"time": last(), "time, sync": last_sync.aio()}
    calls |= {"exit": leave.aio(), "exit, async": leave_async(), "lie": lie.aio()}
    return dict(zip(calls, await asyncio.gather(*map(seen, calls.values()))))
"""

LEFT = "the task called sys.exit(3)"
LATE = "the task ran longer than its timeout of 1 s"

SEEN = {
    "a user's error": "RuntimeUserError|ValueError|user|bad 1",
    "a user's error, sync": "RuntimeUserError|ValueError|user|bad 1",
    "a user's error, below": "RuntimeUserError|ValueError|user|bad 1",
    "a user's own class": "RuntimeUserError|MyError|user|mine",
    "a key error": "RuntimeUserError|KeyError|user|'k'",
    "no message": "RuntimeUserError|ValueError|user|",
    "an end of iteration": "RuntimeUserError|RuntimeError|user|coroutine raised StopIteration",
    "a timeout of the user's": "RuntimeUserError|TimeoutError|user|the user's own",
    "a cancellation": "RuntimeUserError|CancelledError|user|given up",
    "a cancellation, sync": "RuntimeUserError|CancelledError|user|given up",
    "not recoverable": "RuntimeUserError|NonRecoverableError|user|enough",
    "a code of choice": "RuntimeUserError|MY_CODE|user|said",
    "from an exception": "RuntimeUserError|MyError|user|said",
    "out of memory": "OOMError|OOMKilled|user|too much",
    "out of memory, below": "OOMError|OOMKilled|user|too much",
    "interrupted": "TaskInterruptedError|Interrupted|user|taken away",
    "no container": "PrimaryContainerNotFoundError|PrimaryContainerNotFound|user|none",
    "retries exhausted": "RetriesExhaustedError|MINE|user|again and again",
    "image name": "InvalidImageNameError|InvalidImageName|user|a b",
    "image pull": "ImagePullBackOffError|ImagePullBackOff|user|a",
    "two codes": "RuntimeUserError|MINE|user|said",
    "two codes, sync": "RuntimeUserError|MINE|user|said",
    "unknown": "RuntimeUnknownError|Unknown|unknown|nobody knows",
    "unknown, below": "RuntimeUnknownError|Unknown|unknown|nobody knows",
    "the platform's": (
        "RuntimeSystemError|MaxSystemFailuresExceeded|system|Lost: gone "
        "(the platform lost an attempt 4 times in a row, and gave up)"
    ),
    "time": f"TaskTimeoutError|TaskTimeoutError|user|{LATE}",
    "time, sync": f"TaskTimeoutError|TaskTimeoutError|user|{LATE}",
    "exit": f"RuntimeUserError|SystemExit|user|{LEFT}",
    "exit, async": f"RuntimeUserError|SystemExit|user|{LEFT}",
    "lie": (
        "RuntimeUserError|DataValidationError|user|In task failing.lie variable o0, failed to "
        "serialize/deserialize because of Expected value of type <class 'int'> but got 'text' of type "
        "<class 'str'>"
    ),
}
"""`type|code|kind|message` of what the parent catches."""
