"""What to do about an exception that says little itself: a module that is not there, memory that ran out."""

import resource

from flyte import errors
from flyte._runtime.memory import address_space_bytes, peak_bytes, read_limits, size_text


def missing_module(error: BaseException) -> str | None:
    """The name of the module whose absence is this error, or kept a task's module from importing."""
    cause = error.__cause__ if isinstance(error, errors.ModuleLoadError) else error
    return (cause.name or "") if isinstance(cause, ModuleNotFoundError) else None


def advice_on(error: BaseException) -> str:
    """One sentence or two of what to do; empty when the error says it itself, or nobody can tell."""
    if isinstance(error, MemoryError):
        return f"{_memory()}: let the task hold less at a time, or raise that limit"
    module = missing_module(error)
    if not module:
        return ""
    package = module.partition(".")[0]
    return (
        f"install the package that has {package!r} into the Python that runs the task: the executor's, or of "
        f"a local run your own. If {package!r} is a file or folder of yours, a stack needs it in the bundle: "
        "below the root of the source (--root-dir), in the environment's include= or taken by --copy-style "
        "all, and not ignored"
    )


def _memory() -> str:
    """What this process has held, and what it may."""
    held = f"the process held {size_text(peak_bytes(resource.getrusage(resource.RUSAGE_SELF)))} at its peak"
    address_space = address_space_bytes()
    if address_space is not None:
        return f"{held}, and its address space is limited to {size_text(address_space)} (RLIMIT_AS)"
    limits = read_limits()
    known = [size for size in (limits.cgroup_bytes, limits.machine_bytes) if size is not None]
    return f"{held}, and may have {size_text(min(known))}" if known else held
