"""What a sequence of words means for an action: given what happened, when this happens, then that is so."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyte_schemas.action import TRANSITIONS, ActionState, evolve, fold
from flyte_schemas.events import (
    ActionAborted,
    ActionFailed,
    ActionQueued,
    ActionRetried,
    ActionTimedOut,
    ConditionAnnounced,
    EventData,
    LogWritten,
)
from flyte_schemas.literals import InlineLiteral
from flyte_schemas.phase import ActionPhase
from flyte_schemas.vocabulary import UnknownData
from testkit.events import MORNING, action, event
from testkit.words import (
    ANSWERED,
    ASKED,
    FINALS,
    HIT,
    LIVE,
    NOT_TRACED,
    OURS,
    RECOVERED,
    THEIRS,
    TO_PHASE,
    TRACED,
    P,
    after,
    at,
    checkpointed,
    failed,
    meaning,
    placed,
    queued,
    reclaimed,
    reported,
    requested,
    retried,
    started,
    succeeded,
    waiting,
    words,
)


class TestAStory:
    """Given, when, then."""

    def test_nothing_happened(self) -> None:
        state = after()
        assert state == ActionState()
        assert not state.is_live
        assert not state.is_terminal
        assert not state.has_open_attempt

    def test_an_action_that_is_asked_for_is_queued(self) -> None:
        request = replace(event(action(), requested(), id="r", cause="c"), time=MORNING)
        state = evolve(ActionState(), request, 4)
        assert state == ActionState(
            version=4,
            phase=P.QUEUED,
            requested=requested(),
            request_id="r",
            cause="c",
            requested_at=MORNING,
        )
        assert state.is_live
        assert not state.has_open_attempt

    def test_of_each_attempt_the_last_report_is_kept(self) -> None:
        first, last = reported(1, "aa" * 32), reported(1, "bb" * 32)
        told = (requested(), queued(), started(), first, last, failed(), first, retried(), queued(2))
        assert after(*told, reported(2)).reports == (last, reported(2))

    def test_what_an_attempt_said_before_does_not_come_back(self) -> None:
        told = (requested(), queued(), reported(serial=1), checkpointed(serial=2))
        told = (*told, checkpointed(serial=3), reported(serial=4))
        state = after(*told, checkpointed(serial=2), reported(serial=1))
        assert (state.checkpoint, state.reports) == (checkpointed(serial=3), (reported(serial=4),))
        assert state.version == 80

    def test_each_attempt_counts_its_words_anew(self) -> None:
        told = (requested(), queued(), reported(serial=3), checkpointed(serial=4), failed(), retried())
        state = after(*told, queued(2), reported(2, serial=1), checkpointed(2, serial=2))
        assert state.checkpoint == checkpointed(2, serial=2)
        assert state.reports == (reported(serial=3), reported(2, serial=1))

    def test_the_first_request_counts(self) -> None:
        state = after(requested(), requested(parent="other"))
        assert state.requested == requested()
        assert (state.request_id, state.version) == ("e1", 20)

    def test_the_event_that_opens_an_attempt_is_its_fence(self) -> None:
        state = after(requested(), queued())
        assert (state.phase, state.attempt, state.fence) == (P.WAITING_FOR_RESOURCES, 1, 20)
        assert state.has_open_attempt

    def test_whether_an_attempt_may_be_interrupted_is_said_of_each(self) -> None:
        spot = ActionQueued(attempt=1, pool="process", interruptible=True)
        assert after(requested(), spot).interruptible
        assert not after(requested(), spot, failed(), retried(), queued(2)).interruptible

    def test_an_action_succeeds(self) -> None:
        state = after(requested(), queued(), placed(), started(), succeeded())
        assert state.phase is P.SUCCEEDED
        assert state.is_terminal
        assert not state.is_live
        assert not state.has_open_attempt
        assert state.outputs == {"o0": InlineLiteral(value=1)}
        assert (state.worker, state.log_end, state.failure) == ("w", 7, None)
        assert (state.requested_at, state.started_at, state.ended_at) == (at(1), at(4), at(5))

    def test_a_success_may_overtake_the_reports_before_it(self) -> None:
        assert after(requested(), queued(), succeeded()).phase is P.SUCCEEDED

    def test_a_failed_attempt_waits_for_a_decision(self) -> None:
        state = after(*TO_PHASE[P.RUNNING], failed())
        assert state.phase is P.RUNNING
        assert state.attempt_over
        assert not state.has_open_attempt
        assert (state.failure, state.log_end, state.ended_at) == (THEIRS, 5, None)

    def test_a_failed_attempt_cannot_succeed_any_more(self) -> None:
        assert after(*TO_PHASE[P.RUNNING], failed(), succeeded()).phase is P.RUNNING

    def test_a_retry_goes_back_to_the_queue_and_on_to_another_attempt(self) -> None:
        state = after(*TO_PHASE[P.RUNNING], failed(), retried())
        assert (state.phase, state.attempt) == (P.QUEUED, 1)
        state = after(*TO_PHASE[P.RUNNING], failed(), retried(), queued(2))
        assert (state.phase, state.attempt, state.fence) == (P.WAITING_FOR_RESOURCES, 2, 70)
        assert state.worker == ""
        assert state.has_open_attempt
        state = after(*TO_PHASE[P.RUNNING], failed(), retried(), queued(2), started(2), succeeded(2))
        assert (state.phase, state.failure) == (P.SUCCEEDED, None)
        assert state.started_at == at(4), "the first start counts"

    def test_a_result_from_the_cache_is_a_success_without_an_attempt(self) -> None:
        state = after(requested(), HIT)
        assert (state.phase, state.attempt, state.cached_from) == (P.SUCCEEDED, 0, "p/d/r/a0")
        assert (state.outputs, state.ended_at) == (HIT.outputs, at(2))
        assert not state.is_cut_short

    def test_a_result_from_the_cache_comes_too_late_for_an_attempt_that_is_open(self) -> None:
        assert after(requested(), queued(), HIT).phase is P.WAITING_FOR_RESOURCES

    def test_an_action_that_ends_before_its_attempt_is_cut_short(self) -> None:
        aborted = ActionAborted(reason="enough")
        assert after(*TO_PHASE[P.RUNNING], aborted).is_cut_short
        assert not after(requested(), aborted).is_cut_short
        assert not after(*TO_PHASE[P.RUNNING], failed(), aborted).is_cut_short
        assert not after(*TO_PHASE[P.RUNNING], succeeded(), aborted).is_cut_short

    def test_no_retry_without_a_failure(self) -> None:
        assert after(*TO_PHASE[P.RUNNING], retried()).phase is P.RUNNING

    def test_attempts_are_counted_from_one_without_gaps(self) -> None:
        assert after(requested(), queued(2)).phase is P.QUEUED
        assert after(requested(), queued(1), failed(), retried(), queued(3)).attempt == 1

    def test_failures_of_users_add_up(self) -> None:
        state = after(requested(), queued(), failed(), retried(), queued(2), failed(2))
        assert (state.user_failures, state.system_failures) == (2, 0)

    def test_failures_of_the_system_count_only_in_a_row(self) -> None:
        twice = (requested(), queued(), failed(1, OURS), retried(), queued(2), failed(2, OURS))
        state = after(*twice)
        assert (state.user_failures, state.system_failures) == (0, 2)
        state = after(*twice, retried(2), queued(3), failed(3, THEIRS))
        assert (state.user_failures, state.system_failures) == (1, 0)

    @pytest.mark.parametrize("phase", LIVE)
    @pytest.mark.parametrize("final", FINALS, ids=lambda final: type(final).__name__)
    def test_a_live_action_can_be_ended_at_any_time(self, phase: ActionPhase, final: EventData) -> None:
        state = after(*TO_PHASE[phase], final)
        assert state.is_terminal
        assert state.ended_at == at(len(TO_PHASE[phase]) + 1)

    def test_what_an_attempt_waits_for_is_known_until_the_next_one(self) -> None:
        waits = after(requested(), queued(), waiting(1, "no GPU"), waiting(1, "no CPU"))
        assert (waits.waiting, waits.is_claimed) == ("no CPU", False)
        assert after(requested(), queued(), placed(), waiting(1, "no CPU")).waiting == ""
        failed_once = (requested(), queued(), waiting(1, "no CPU"), failed(), retried(), queued(2))
        assert after(*failed_once).waiting == after(*failed_once, waiting(1, "late")).waiting == ""

    def test_the_reason_of_the_end_is_kept(self) -> None:
        assert after(requested(), ActionFailed(failure=THEIRS)).failure == THEIRS
        assert after(requested(), ActionTimedOut(failure=OURS)).failure == OURS
        assert after(requested(), ActionAborted(reason="enough")).abort_reason == "enough"

    def test_an_end_before_the_beginning_is_none(self) -> None:
        assert after(ActionAborted(reason="early")) == ActionState(version=10)

    def test_the_success_of_an_earlier_attempt_is_too_late(self) -> None:
        state = after(requested(), queued(), failed(), retried(), queued(2), succeeded(1))
        assert state.phase is P.WAITING_FOR_RESOURCES

    def test_what_nobody_knows_moves_only_the_version(self) -> None:
        unknown = UnknownData(type="flyte.action.dreamt.v9", document=None)
        log = LogWritten(attempt=1, offset=0, size_bytes=0, segments=())
        state = after(*TO_PHASE[P.RUNNING], unknown, log)
        assert state == after(*TO_PHASE[P.RUNNING])._replace(version=60)

    def test_an_older_sequence_does_not_take_the_version_back(self) -> None:
        ((request, _), (queue, _)) = words(requested(), queued())
        state = evolve(evolve(ActionState(), request, 9), queue, 3)
        assert state.version == 9


@pytest.mark.parametrize(
    ("before", "kind", "then"),
    [(before, kind, then) for (before, kind), then in TRANSITIONS.items()],
    ids=[f"{before}-{kind.__name__}" for before, kind in TRANSITIONS],
)
def test_every_transition_of_the_table_can_happen(
    before: ActionPhase | None, kind: type[EventData], then: ActionPhase
) -> None:
    happened: tuple[EventData, ...] = () if before is None else TO_PHASE[before]
    if kind is ActionRetried:
        happened = (*happened, failed())
    state = fold(words(*happened))
    assert state.phase == before
    (word,) = [one for one in ALPHABET_OF_FIRST_ATTEMPT if type(one) is kind]
    assert after(*happened, word).phase is then


def test_no_phase_follows_a_terminal_one() -> None:
    assert not [before for before, _ in TRANSITIONS if before is not None and before.is_terminal]


ALPHABET_OF_FIRST_ATTEMPT: tuple[EventData, ...] = (
    requested(),
    queued(),
    waiting(),
    placed(),
    reclaimed(),
    started(),
    reported(),
    checkpointed(serial=1),
    succeeded(),
    failed(),
    retried(),
    HIT,
    TRACED,
    NOT_TRACED,
    RECOVERED,
    ASKED,
    ConditionAnnounced(),
    ANSWERED,
    *FINALS,
)
_ATTEMPTS = (1, 2, 3)
_OF_ATTEMPTS = tuple(
    make(attempt)
    for make in (queued, placed, reclaimed, started, reported, checkpointed, succeeded, failed, retried)
    for attempt in _ATTEMPTS
)
_LOST = tuple(failed(attempt, OURS) for attempt in _ATTEMPTS)

anything = st.lists(
    st.one_of(
        st.sampled_from((requested(), requested(parent="a0"), ASKED)),
        st.sampled_from((*_OF_ATTEMPTS, *_LOST)),
        st.sampled_from((*FINALS, HIT, RECOVERED, ANSWERED, TRACED, NOT_TRACED)),
        st.sampled_from((LogWritten(attempt=1, offset=0, size_bytes=0, segments=()),)),
        st.just(UnknownData(type="flyte.action.dreamt.v9", document={})),
    ),
    max_size=25,
)


@st.composite
def plausible(draw: st.DrawFn) -> list[EventData | UnknownData]:
    """Lives that come far: mostly the word that is due, now and then any other."""
    happened: list[EventData | UnknownData] = [requested()]
    for attempt in range(1, draw(st.integers(1, 3)) + 1):
        due = [queued(attempt), placed(attempt), started(attempt), failed(attempt), retried(attempt)]
        for word in due:
            if draw(st.integers(0, 9)) > 0:
                happened.append(word)
            if draw(st.integers(0, 4)) == 0:
                happened.extend(draw(anything)[:3])
    if draw(st.booleans()):
        happened.append(draw(st.sampled_from((*_OF_ATTEMPTS, *FINALS))))
    return happened


lives = anything | plausible()


def states(happened: list[EventData | UnknownData]) -> list[ActionState]:
    """The state before the first word, and after each."""
    seen = [ActionState()]
    for one, sequence in words(*happened):
        seen.append(evolve(seen[-1], one, sequence))
    return seen


@given(lives)
def test_terminal_is_terminal_for_ever(happened: list[EventData | UnknownData]) -> None:
    seen = states(happened)
    ended = [meaning(state) for state in seen if state.is_terminal]
    assert all(state == ended[0] for state in ended)
    assert [state.is_terminal for state in seen] == sorted(state.is_terminal for state in seen)


@given(lives, st.data())
def test_a_fold_can_be_interrupted_anywhere(
    happened: list[EventData | UnknownData], data: st.DataObject
) -> None:
    told = words(*happened)
    cut = data.draw(st.integers(0, len(told)))
    assert fold(told[cut:], fold(told[:cut])) == fold(told)


@given(lives)
def test_a_word_that_is_repeated_at_once_changes_nothing(happened: list[EventData | UnknownData]) -> None:
    twice = [one for one in words(*happened) for _ in range(2)]
    assert fold(twice) == fold(words(*happened))


@given(lives, st.data())
def test_what_took_effect_once_never_does_again(
    happened: list[EventData | UnknownData], data: st.DataObject
) -> None:
    """A copy may come back much later, beyond the window in which the server drops it."""
    seen, told = states(happened), words(*happened)
    effective = [n for n in range(len(told)) if meaning(seen[n]) != meaning(seen[n + 1])]
    if effective:
        copy, _ = told[data.draw(st.sampled_from(effective))]
        assert meaning(evolve(seen[-1], copy, 9_999)) == meaning(seen[-1])


@given(lives, st.sampled_from((*_OF_ATTEMPTS, *_LOST)))
def test_the_reports_of_another_attempt_change_nothing(
    happened: list[EventData | UnknownData], word: EventData
) -> None:
    state = fold(words(*happened))
    due = state.attempt + 1 if isinstance(word, ActionQueued) else state.attempt
    if word.attempt != due:  # type: ignore[attr-defined]
        assert meaning(evolve(state, event(action(), word), 9_999)) == meaning(state)


@given(lives)
def test_every_state_on_the_way_makes_sense(happened: list[EventData | UnknownData]) -> None:
    told = words(*happened)
    for before, after_it, (one, sequence) in zip(states(happened), states(happened)[1:], told, strict=False):
        assert after_it.version == sequence
        assert after_it.attempt in (before.attempt, before.attempt + 1)
        assert (after_it.fence == sequence) == (after_it.attempt > before.attempt)
        assert after_it.user_failures + after_it.system_failures <= after_it.attempt
        nothing = after_it.requested is after_it.condition is after_it.traced is None
        assert (after_it.phase is None) == nothing
        assert (after_it.ended_at is not None) == after_it.is_terminal
        assert (after_it.outputs is not None) == (after_it.phase is not None and after_it.phase.is_success)
        if after_it.phase is not before.phase:
            assert TRANSITIONS[before.phase, type(one.data)] is after_it.phase  # type: ignore[index]
