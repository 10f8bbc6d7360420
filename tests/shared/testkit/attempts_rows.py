"""The rows: what becomes of attempts that fail or last too long, and of children that nobody wants any more.

They are sections 2(e), 2(f) and 2(h) of Flyte's semantics, as far as one run can show them.
"""

from testkit.attempts import Row

BACKOFF = "flyte.Backoff(base=0.05)"


def retries(count: int, more: str = "") -> str:
    return f"retries=flyte.RetryStrategy({count}, {BACKOFF}){more}"


GIVEN_UP = "(the platform lost an attempt 4 times in a row, and gave up)"
LATE = "TaskTimeoutError|TaskTimeoutError|user|the task ran longer than its timeout of 1 s"
PAST_DEADLINE = "TaskTimeoutError|TaskTimeoutError|user|the task was not over within its deadline of 2 s"

ROWS = (
    # -- the task's own failures are charged to its retries
    Row(name="no_retries", script="bad", sees="RuntimeUserError|ValueError|user|attempt 0"),
    Row(
        name="n_retries_are_n_plus_1_attempts",
        policies=retries(2),
        script="bad",
        attempts=3,
        sees="RuntimeUserError|ValueError|user|attempt 2",
    ),
    Row(
        name="sync_too",
        policies=retries(2),
        script="bad",
        is_sync=True,
        attempts=3,
        sees="RuntimeUserError|ValueError|user|attempt 2",
    ),
    Row(
        name="last_error_unchanged",
        policies=retries(1),
        script="bad unknown",
        attempts=2,
        sees="RuntimeUnknownError|Odd|unknown|attempt 1",
    ),
    Row(name="success_ends_it", policies=retries(5), script="bad bad good", attempts=3, sees="attempt 2"),
    Row(name="last_attempt_counts", policies=retries(1), script="bad good", attempts=2, sees="attempt 1"),
    Row(
        name="exit_is_the_tasks_own",
        policies=retries(1),
        script="exit good",
        attempts=2,
        sees="attempt 1",
    ),
    Row(
        name="wrong_value_is_the_tasks_own",
        policies=retries(1),
        script="lie good",
        attempts=2,
        sees="attempt 1",
    ),
    Row(
        name="unknown_is_charged_to_the_task",
        policies=retries(1),
        script="unknown",
        attempts=2,
        sees="RuntimeUnknownError|Odd|unknown|attempt 1",
    ),
    # -- what cannot get better
    Row(
        name="non_recoverable",
        policies=retries(3),
        script="final",
        sees="RuntimeUserError|NonRecoverableError|user|attempt 0",
    ),
    Row(
        name="non_recoverable_sync",
        policies=retries(3),
        script="final",
        is_sync=True,
        sees="RuntimeUserError|NonRecoverableError|user|attempt 0",
    ),
    Row(
        name="non_recoverable_of_a_class_of_its_own",
        policies=retries(3),
        script="enough",
        sees="RuntimeUserError|NonRecoverableError|user|attempt 0",
    ),
    Row(
        name="non_recoverable_later",
        policies=retries(3),
        script="bad final good",
        attempts=2,
        sees="RuntimeUserError|NonRecoverableError|user|attempt 1",
    ),
    # -- the platform's failures have a budget of their own
    Row(name="system_needs_no_retries", script="lost lost lost good", attempts=4, sees="attempt 3"),
    Row(
        name="fourth_in_a_row_is_the_end",
        policies=retries(9),
        script="lost",
        attempts=4,
        sees=f"RuntimeSystemError|MaxSystemFailuresExceeded|system|Lost: attempt 3 {GIVEN_UP}",
    ),
    Row(
        name="another_end_begins_the_count_anew",
        policies=retries(1),
        script="lost lost lost bad lost lost lost good",
        attempts=8,
        sees="attempt 7",
    ),
    Row(
        name="losses_are_not_charged_to_the_task",
        policies=retries(1),
        script="lost bad lost bad good",
        attempts=4,
        sees="RuntimeUserError|ValueError|user|attempt 3",
    ),
    # -- times
    Row(name="timeout", policies="timeout=1", script="hang", sees=LATE),
    Row(name="timeout_sync", policies="timeout=1", script="hang", is_sync=True, sees=LATE),
    Row(
        name="timeout_is_retried",
        policies=retries(1, ", timeout=1"),
        script="hang",
        attempts=2,
        sees=LATE,
    ),
    Row(
        name="timeout_then_good",
        policies=retries(1, ", timeout=2"),
        script="hang good",
        attempts=2,
        sees="attempt 1",
    ),
    Row(
        name="deadline_is_not_retried",
        policies=retries(5, ", timeout=flyte.Timeout(deadline=2)"),
        script="hang",
        attempts=1,
        at_most=True,
        sees=PAST_DEADLINE,
    ),
    Row(
        name="deadline_is_over_all_attempts",
        policies=retries(999, ", timeout=flyte.Timeout(deadline=2)"),
        script="bad",
        attempts=50,
        at_most=True,
        sees=PAST_DEADLINE,
    ),
    Row(
        name="deadline_does_not_wait_for_a_pause",
        script="bad",
        attempts=1,
        at_most=True,
        policies="retries=flyte.RetryStrategy(1, flyte.Backoff(60)), timeout=flyte.Timeout(deadline=2)",
        sees=PAST_DEADLINE,
    ),
    Row(
        name="deadline_is_the_childrens_too",
        policies="timeout=flyte.Timeout(deadline=2)",
        body="await hang_below(folder, 'of_the_late')",
        attempts=0,
        sees=PAST_DEADLINE,
        stops=("of_the_late", "of_the_late_below"),
    ),
    Row(
        name="pauses_grow_up_to_their_cap",
        attempts=0,
        sees="[True, True, True]",
        policies="retries=flyte.RetryStrategy(3, flyte.Backoff(0.1, factor=2, cap=0.3))",
        body="""
path = Path(folder, "times")
with path.open("a") as file:
    file.write(f"{time.time()}\\n")
times = [float(line) for line in path.read_text().split()]
if len(times) < 4:
    raise ValueError(len(times))
pauses = [after - before for before, after in zip(times, times[1:])]
return str([pause >= least for pause, least in zip(pauses, (0.1, 0.2, 0.3))])
""",
    ),
    # -- what goes from one attempt to the next
    Row(
        name="checkpoint_of_the_attempt_before",
        policies=retries(3),
        attempts=0,
        sees="found by 3: saved by 2, found by 2: saved by 1, found by 1: saved by 0, found by 0: nothing",
        body="""
checkpoint, attempt = flyte.ctx().checkpoint, flyte.ctx().attempt_number
path = await checkpoint.load()
found = f"found by {attempt}: " + (path.read_text().partition(",")[0] if path else "nothing")
earlier = path.read_text().partition(", ")[2] if path else ""
found += f", {earlier}" if earlier else ""
if attempt == 3:
    return found
await checkpoint.save(f"saved by {attempt}, {found}".encode())
raise ValueError(attempt)
""",
    ),
    Row(
        name="attempts_are_counted_from_0",
        policies=retries(2),
        script="bad bad good",
        attempts=3,
        sees="attempt 2",
    ),
    # -- what a parent makes of it
    Row(
        name="uncaught_is_the_parents",
        body="return await fail(folder, 'uncaught_is_the_parents', 'bad')",
        sees="RuntimeUserError|ValueError|user|attempt 0",
    ),
    Row(
        name="final_of_a_child_is_not_the_parents_last_word",
        policies=retries(1),
        attempts=1,
        attempts_locally=2,
        deviation="a local run has no log: a parent that is tried again calls its children again",
        body="""
left(folder, "tries", "try")
return await fail(folder, "final_of_a_child_is_not_the_parents_last_word", "final")
""",
        sees="RuntimeUserError|NonRecoverableError|user|attempt 0",
        tries={"tries": 2},
    ),
    Row(
        name="lost_child_does_not_repeat_the_parent",
        policies=retries(2),
        attempts=4,
        tries={"of_lost": 1},
        body="""
left(folder, "of_lost", "try")
return await fail(folder, "lost_child_does_not_repeat_the_parent", "lost")
""",
        sees=f"RuntimeSystemError|MaxSystemFailuresExceeded|system|Lost: attempt 3 {GIVEN_UP}",
    ),
    Row(
        name="parent_tried_again_meets_its_child",
        policies=retries(2),
        body="return await fail(folder, 'parent_tried_again_meets_its_child', 'bad')",
        sees="RuntimeUserError|ValueError|user|attempt 0",
        attempts_locally=3,
        deviation="a local run has no log: a parent that is tried again calls its children again",
    ),
    Row(
        name="gathered_errors_are_values",
        attempts=2,
        sees="RuntimeUserError ValueError, RuntimeUserError SystemExit",
        body="""
words = ("bad", "exit")
found = await asyncio.gather(
    *(fail(folder, "gathered_errors_are_values", word) for word in words), return_exceptions=True
)
return ", ".join(f"{type(one).__name__} {one.code}" for one in found)
""",
    ),
    Row(
        name="mapped_errors_are_values",
        attempts=2,
        sees="attempt 0, RuntimeUserError ValueError",
        body="""
import functools
one = functools.partial(fail, folder, "mapped_errors_are_values")
found = [item async for item in flyte.map.aio(one, ["good", "bad"])]
return ", ".join(one if isinstance(one, str) else f"{type(one).__name__} {one.code}" for one in found)
""",
    ),
    # -- what is given up
    Row(
        name="cancelled_call",
        attempts=0,
        sees="CancelledError, and on",
        stops=("cancelled", "cancelled_below"),
        body="""
call = asyncio.create_task(hang_below(folder, "cancelled"))
await begun(folder, "cancelled_below")
call.cancel()
(found,) = await asyncio.gather(call, return_exceptions=True)
return f"{type(found).__name__}, and on"
""",
    ),
    Row(
        name="call_that_took_too_long",
        attempts=0,
        sees="TimeoutError, and on",
        stops=("waited_for",),
        body="""
async def patience():
    await begun(folder, "waited_for")
call = asyncio.create_task(hang(folder, "waited_for"))
await patience()
try:
    await asyncio.wait_for(call, 0.1)
except TimeoutError as error:
    return f"{type(error).__name__}, and on"
""",
    ),
    Row(
        name="end_of_a_parent_ends_its_children",
        attempts=0,
        sees="done",
        stops=("left", "left_below"),
        body="""
call = asyncio.create_task(hang_below(folder, "left"))
await begun(folder, "left_below")
return "done"
""",
        deviation="Flyte's own backend lets them run on; here nobody is left to want what they make",
    ),
    Row(
        name="failure_of_a_parent_ends_its_children",
        attempts=0,
        sees="RuntimeUserError|ValueError|user|enough",
        stops=("of_failed",),
        body="""
call = asyncio.create_task(hang(folder, "of_failed"))
await begun(folder, "of_failed")
raise ValueError("enough")
""",
    ),
)
