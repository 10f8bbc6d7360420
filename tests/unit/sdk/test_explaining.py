"""Why a run ended as it did, or what it waits for, from its events alone."""

from datetime import timedelta

import pytest

from flyte._explaining.explain import not_admitted
from flyte._explaining.explanation import Surroundings, WaitsFor
from flyte_schemas.events import (
    ActionAborted,
    ActionCacheHit,
    ActionFailed,
    ActionQueued,
    ActionRecovered,
    ActionRetried,
    ActionTimedOut,
    AttemptPlaced,
    AttemptStopped,
    AttemptSucceeded,
    ConditionRequested,
    ConditionSignalled,
    EventData,
    RunSettings,
)
from flyte_schemas.failure import Failure, FailureKind
from flyte_schemas.phase import ActionPhase
from testkit.events import MORNING
from testkit.record import Story, failure

P = ActionPhase
QUEUED = ActionQueued(attempt=1, pool="process")
PLACED = AttemptPlaced(attempt=1, worker="host/1")
DONE = AttemptSucceeded(attempt=1)
ENOUGH = ActionAborted(reason="enough", requested_by="ada")
PARENT_ENDED = ActionAborted(reason="its parent ended first")


def three_levels_down(seen_as: Failure, *ends: EventData, **policies: object) -> Story:
    """`a0` calls `mid`, which calls `leaf` and `good`; its parents pass on how `leaf` ended."""
    story = Story(**policies).runs("a0").runs("mid", "a0").runs("good", "mid").runs("leaf", "mid")
    story.happens("good", DONE).happens("leaf", *ends)
    for name in ("mid", "a0"):
        story.fails(name, seen_as).happens(name, ActionFailed(failure=seen_as))
    return story


# -- what has ended ----------------------------------------------------------------------------------------


def test_of_what_succeeded_there_is_little_to_say() -> None:
    found = Story().runs("a0").happens("a0", DONE).explained()
    assert found.summary == "run run (env.a0) succeeded after 4.0 s"
    assert (found.failure, found.todo, found.page, found.waits) == (None, "", "", ())
    hit = ActionCacheHit(source="project/domain/earlier/a0")
    cached = Story().asked("a0").happens("a0", hit).explained()
    assert "succeeded without running: project/domain/earlier/a0 had computed the same" in cached.summary


def test_a_failure_is_that_of_the_action_that_really_failed() -> None:
    bad = failure("KeyError", "'k'", traceback="leaf.py")
    seen = bad.model_copy(update={"traceback": "leaf.py and what its parents add"})
    found = three_levels_down(seen, ActionFailed(failure=bad)).explained()
    assert found.cause == "leaf"
    assert [step.action for step in found.path] == ["a0", "mid", "leaf"]
    assert found.failure == bad
    assert found.summary.endswith(
        "because action leaf (env.leaf), 2 calls below it, failed with KeyError: 'k'"
    )
    assert "good" not in str(found)


@pytest.mark.parametrize(
    ("end", "seen", "said"),
    [
        (
            ActionTimedOut(failure=failure("TaskTimeout", "the task ran longer than 1 s")),
            failure("TaskTimeoutError", "the task ran longer than 1 s"),
            "timed out: TaskTimeout: the task ran longer than 1 s",
        ),
        (ENOUGH, failure("ActionAbortedError", "enough"), "was aborted by ada: enough"),
        (
            ActionFailed(failure=failure("Server|MINE", "said")),
            failure("MINE", "said"),
            "failed with Server|MINE: said",
        ),
        (
            ActionFailed(failure=failure("OOMKilled", "x" * 40_000)),
            failure("OOMKilled", ""),
            "failed with OOMKilled: " + "x" * 40,
        ),
    ],
    ids=["timeout", "abort", "two codes", "a long message"],
)
def test_the_cause_is_found_by_what_its_parent_caught(end: EventData, seen: Failure, said: str) -> None:
    if not seen.message:
        from flyte._limits import MAX_MESSAGE_CHARACTERS
        from flyte._runtime.failure import cut

        seen = failure("OOMKilled", cut("x" * 40_000, MAX_MESSAGE_CHARACTERS))
    found = three_levels_down(seen, end).explained()
    assert found.cause == "leaf"
    assert said in found.summary


def test_a_parent_with_an_error_of_its_own_is_the_cause_and_its_failed_children_are_suspects() -> None:
    own = failure("RuntimeError", "cannot go on")
    found = three_levels_down(own, ActionFailed(failure=failure())).explained("mid")
    assert found.cause == "mid"
    assert found.summary == "action mid (env.mid) of run run failed: RuntimeError: cannot go on"
    note = "Before that action leaf (env.leaf) failed with ValueError: no: that may be the reason"
    assert any(note in one for one in found.notes)


def test_of_a_failed_action_s_children_each_is_told_as_it_ended() -> None:
    cancelled = ActionAborted(reason="its parent, a0, cancelled the call")
    story = Story().runs("a0").runs("bad", "a0").runs("other", "a0")
    story.happens("bad", ActionFailed(failure=failure())).happens("other", cancelled)
    story.fails("a0", failure("ExceptionGroup", "unhandled")).happens(
        "a0", ActionFailed(failure=failure("ExceptionGroup", "unhandled"))
    )
    (note,) = (one for one in story.explained().notes if one.startswith("Before"))
    assert "action bad (env.bad) failed with ValueError: no; " in note
    assert "action other (env.other) was aborted: its parent, a0, cancelled the call" in note


def test_the_attempts_are_told_with_codes_times_and_pauses() -> None:
    at = MORNING + timedelta(seconds=30)
    story = Story(retries=1).runs("a0").fails("a0", failure(message="first\nand more"))
    story.happens("a0", ActionRetried(attempt=1, reason="", retry_at=at)).runs("a0", attempt=2)
    story.fails("a0", failure(message="second"), attempt=2)
    found = story.happens("a0", ActionFailed(failure=failure(message="second"))).explained()
    assert [attempt.number for attempt in found.attempts] == [1, 2]
    assert found.attempts[0].retry_at == at
    text = str(found)
    assert "after 1.0 s  ValueError: first  [next not before " in text
    assert "and more" not in text
    assert "2 attempts failed, which is all that its task's retries=1 allow." in text


@pytest.mark.parametrize(
    ("end", "note"),
    [
        (failure(), "its task has no retries"),
        (failure(recoverable=False), "It was not tried again: such a failure would come again."),
        (
            failure("MaxSystemFailuresExceeded", kind=FailureKind.SYSTEM, recoverable=False),
            "The platform has its own budget",
        ),
    ],
)
def test_it_says_why_no_attempt_followed(end: Failure, note: str) -> None:
    found = Story().runs("a0").fails("a0", end).happens("a0", ActionFailed(failure=end)).explained()
    assert any(note in one for one in found.notes)


def test_what_to_do_is_the_failures_own_hint_or_that_of_its_code_and_the_page_is_named() -> None:
    def ended(end: Failure) -> Story:
        return Story().runs("a0").fails("a0", end).happens("a0", ActionFailed(failure=end))

    hinted = ended(failure("OOMKilled", hint="buy memory")).explained()
    assert (hinted.todo, hinted.page) == ("buy memory", "docs/failures/OOMKilled.md")
    assert "hold less at a time" in ended(failure("OOMKilled")).explained().todo
    own = ended(failure("MyError")).explained()
    assert own.page == "docs/failures/README.md"
    assert "MyError is the task's own error" in own.todo


@pytest.mark.parametrize(
    ("code", "clock"),
    [
        ("TaskTimeout", "its attempt ran longer than the task's timeout"),
        ("QueuedTimeout", "it waited for a place longer than the task's max_queued_time"),
        ("DeadlineExceeded", "it was not over within the task's deadline"),
    ],
)
def test_a_timeout_names_its_clock(code: str, clock: str) -> None:
    late = failure(code, "late")
    found = Story().runs("a0").happens("a0", ActionTimedOut(failure=late)).explained()
    assert found.summary == f"run run (env.a0) timed out: {clock} (late)"
    assert found.page == f"docs/failures/{code}.md"


def test_an_abort_says_by_whom_and_why_and_what_went_with_it() -> None:
    story = Story().runs("a0").runs("mid", "a0").runs("leaf", "mid").happens("a0", ENOUGH)
    story.happens("mid", PARENT_ENDED).happens("leaf", PARENT_ENDED, AttemptStopped(attempt=1))
    found = story.explained()
    assert found.summary == "run run (env.a0) was aborted by ada: enough"
    assert found.notes == ("With it 2 actions below it were aborted.",)
    assert found.attempts[0].is_cut_short
    below = story.explained("leaf")
    assert "was aborted because its parent, action mid (env.mid), had ended (aborted)" in below.summary
    assert below.notes[0] == found.summary
    assert [step.action for step in below.path] == ["leaf", "a0"]


def test_a_child_that_its_parents_failure_took_along_leads_to_that_failure() -> None:
    bad = failure("KeyError", "'k'")
    story = Story().runs("a0").runs("leaf", "a0").fails("a0", bad).happens("a0", ActionFailed(failure=bad))
    found = story.happens("leaf", PARENT_ENDED).explained("leaf")
    assert (found.cause, found.failure) == ("a0", bad)
    assert found.phase is P.ABORTED


# -- what is not over --------------------------------------------------------------------------------------


def test_it_waits_for_a_slot_in_its_place_in_the_queue() -> None:
    story = Story().runs("a0")
    for name in ("x", "y", "z"):
        story.asked(name, "a0")
    story.happens("y", QUEUED).happens("x", QUEUED).runs("busy", "a0").happens("z", QUEUED)
    found = story.explained(waiting_elsewhere=2)
    texts = {wait.action: wait.text for wait in found.waits}
    for place, name in enumerate(("y", "x", "z"), 1):
        assert texts[name] == f"waits for a free slot of the executor: number {place} of 3 in this run"
    assert texts["a0"] == "runs, and 4 children of it are not over"
    assert found.notes == (
        "1 action of this run has a slot now; 2 of other runs here wait too. "
        "A free one goes to the run that holds the fewest.",
    )
    assert found.waits[0].waits_for is WaitsFor.CHILDREN
    assert "the registry does not answer" in story.explained().notes[0]


def test_it_waits_for_a_process_of_its_pool_beside_those_of_the_same() -> None:
    story = Story().runs("a0")
    for name in ("x", "y", "z"):
        story.asked(name, "a0")
    pooled = ActionQueued(attempt=1, pool="env-1")
    story.happens("x", QUEUED).happens("y", pooled).happens("z", pooled)
    texts = {wait.action: wait.text for wait in story.explained().waits}
    assert texts["x"] == "waits for a free slot of the executor: the only one in this run"
    assert texts["z"] == "waits for a free process of its pool env-1: number 2 of 2 in this run"


def test_a_run_that_holds_itself_back_says_so() -> None:
    story = Story().runs("a0", settings=RunSettings(max_action_concurrency=1))
    story.runs("busy", "a0").asked("x", "a0").happens("x", QUEUED)
    note = "1 action of this run has a slot now, which is all that its max_action_concurrency=1 allows."
    found = story.explained(waiting_elsewhere=2)
    assert found.notes == (note,)
    texts = {wait.action: wait.text for wait in found.waits}
    assert texts["x"] == "waits for its run to have fewer actions running: the only one in this run"


def test_a_parent_that_is_tried_again_waits_for_no_slot() -> None:
    story = Story(retries=1).runs("a0").runs("leaf", "a0").fails("a0", failure())
    story.happens("a0", ActionRetried(attempt=1, reason=""), ActionQueued(attempt=2, pool="process"))
    assert story.explained().waits[0].waits_for is WaitsFor.START


def test_it_waits_for_its_backoff_until_then() -> None:
    at = MORNING + timedelta(seconds=100)
    story = Story(retries=1).runs("a0").fails("a0", failure())
    story.happens("a0", ActionRetried(attempt=1, reason="", retry_at=at))
    (wait,) = story.explained(after_s=34.0).waits
    assert (wait.waits_for, wait.until) == (WaitsFor.BACKOFF, at)
    assert wait.text.startswith("waits 1 min 0 s more, until ")
    assert wait.text.endswith(" for attempt 2 after ValueError: no")
    (later,) = story.explained(after_s=200.0).waits
    assert later.waits_for is WaitsFor.EXECUTOR


@pytest.mark.parametrize(
    ("has_executor", "said"), [(True, "one is there"), (False, "start one"), (None, "flyte status")]
)
def test_it_waits_for_an_executor(has_executor: bool | None, said: str) -> None:
    (wait,) = Story().asked("a0").explained(has_executor=has_executor).waits
    assert wait.waits_for is WaitsFor.EXECUTOR
    assert said in wait.text


def test_it_waits_for_a_result_that_another_action_computes() -> None:
    story = Story().asked("a0")
    (wait,) = story.explained(computing={"a0": "project/domain/earlier/a0"}).waits
    assert wait.waits_for is WaitsFor.RESULT
    assert "which project/domain/earlier/a0 computes now" in wait.text


def test_it_waits_for_its_process_and_then_for_its_function() -> None:
    story = Story().asked("a0").happens("a0", QUEUED, PLACED)
    (wait,) = story.explained(after_s=5.0).waits
    assert (wait.waits_for, wait.text) == (
        WaitsFor.START,
        "its code is fetched and imported on host/1, for 5.0 s",
    )
    (running,) = Story().runs("a0").explained(after_s=3.0).waits
    assert (running.waits_for, running.text) == (
        WaitsFor.FUNCTION,
        "runs on host/1 for 3.0 s, in attempt 1",
    )


def test_a_failed_attempt_waits_for_a_decision() -> None:
    (wait,) = Story().runs("a0").fails("a0", failure()).explained().waits
    assert wait.waits_for is WaitsFor.EXECUTOR
    assert "its attempt is over (ValueError: no)" in wait.text


def test_it_waits_for_a_person_and_says_how_to_answer() -> None:
    asked = ConditionRequested(prompt="Go on?\nReally?", timeout_s=60.0, parent="a0", parent_attempt=1)
    story = Story().runs("a0").happens("approve", asked)
    wait = story.explained().waits[1]
    assert (wait.action, wait.task, wait.waits_for) == ("approve", "a condition", WaitsFor.PERSON)
    assert wait.text == (
        "asks 'Go on?' and waits for a bool (true or false): `flyte signal condition run approve VALUE`"
    )
    (clock,) = story.explained("approve").clocks
    assert (clock.at - MORNING).total_seconds() == 5 + 60
    story.happens("approve", ConditionSignalled(value=True, signalled_by="ada"))
    assert story.explained("approve").summary.endswith("was answered by ada")


def test_what_was_taken_over_from_an_earlier_run_says_so() -> None:
    taken = ActionRecovered(source="project/domain/earlier/a1")
    found = Story().runs("a0").asked("x", "a0").happens("x", taken).explained("x")
    assert "did not run: its result was taken over from project/domain/earlier/a1" in found.summary


def test_its_clocks_are_told_the_next_one_first() -> None:
    policies = {"deadline_s": 60.0, "max_queued_s": 20.0, "max_runtime_s": 10.0}
    running = Story(**policies).runs("a0").explained()
    assert [(clock.at - MORNING).total_seconds() for clock in running.clocks] == [4 + 10, 1 + 60]
    waiting = Story(**policies).asked("a0").happens("a0", QUEUED).explained()
    assert [(clock.at - MORNING).total_seconds() for clock in waiting.clocks] == [2 + 20, 1 + 60]
    assert "max_queued_time of 20 s is over" in str(waiting)


def test_of_many_waits_the_text_counts_the_rest() -> None:
    story = Story().runs("a0")
    for number in range(30):
        story.asked(f"c{number:02}", "a0").happens(f"c{number:02}", QUEUED)
    found = story.explained()
    assert len(found.waits) == 31
    assert "… and 21 more (21 for a slot)" in str(found)


# -- what is not there, and what programs read -------------------------------------------------------------


def test_a_run_of_which_there_is_only_the_request_waits_for_an_executor_or_was_refused() -> None:
    around = Surroundings(now=MORNING + timedelta(seconds=9), templates={}, has_executor=False)
    found = not_admitted("run", "env.main", MORNING, "", around)
    assert "only the request for it is in the log" in found.summary
    assert "for 9.0 s: none answers" in found.waits[0].text
    refused = not_admitted("run", "env.main", MORNING, "too large", around)
    assert "never began: the executor could not read the request (too large)" in refused.summary
    assert not refused.waits


def test_nothing_can_be_said_of_what_is_unknown() -> None:
    with pytest.raises(LookupError, match="nothing is known of action 'nope'"):
        Story().asked("a0").explained("nope")


def test_programs_read_it_as_json() -> None:
    bad = failure("KeyError", "'k'")
    document = three_levels_down(bad, ActionFailed(failure=bad)).explained().to_dict()
    assert (document["cause"], document["phase"], document["page"]) == (
        "leaf",
        "failed",
        "docs/failures/README.md",
    )
    assert [step["action"] for step in document["path"]] == ["a0", "mid", "leaf"]
    assert document["failure"]["code"] == "KeyError"
    waiting = Story().asked("a0").explained().to_dict()
    assert [wait["waits_for"] for wait in waiting["waits"]] == ["executor"]


def test_an_event_that_comes_twice_or_from_another_attempt_adds_no_attempt() -> None:
    story = Story().runs("a0")
    story.happens("a0", QUEUED, AttemptPlaced(attempt=9, worker="late"), AttemptSucceeded(attempt=9))
    (attempt,) = story.explained().attempts
    assert (attempt.number, attempt.worker, attempt.ended_at) == (1, "host/1", None)
