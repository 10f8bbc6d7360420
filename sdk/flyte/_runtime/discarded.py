"""Whether the result of a call is thrown away: the one thing that a callee cannot see from its arguments.

`clean(x)` as a statement of its own, in an async task, can neither be awaited nor used later: it has to be
over before the next statement. The instruction that follows the call in the caller's code tells.
"""

import dis
import functools
from types import CodeType, FrameType


def is_discarded(caller: FrameType) -> bool:
    """Whether the call that `caller` is in drops its result; False where nobody can tell."""
    return caller.f_lasti >= 0 and _next_operation(caller.f_code, caller.f_lasti) == "POP_TOP"


@functools.lru_cache(maxsize=1024)
def _next_operation(code: CodeType, offset: int) -> str:
    """The name of the instruction after the one at `offset`, in bytes."""
    for instruction in dis.get_instructions(code):
        if instruction.offset > offset:
            return instruction.opname
    return ""
