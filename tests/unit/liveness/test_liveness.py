"""Whom to take for lost: the rule, without anything around it."""

from flyte_executor.core.liveness import Liveness, Suspect
from flyte_schemas.subjects import AttemptKey, RunKey

TTL_S = 10.0
ACTION = RunKey("p", "d", "r").action("a0")
FIRST, SECOND = AttemptKey(ACTION, 1), AttemptKey(ACTION, 2)
SUSPECT = Suspect(attempt=FIRST, worker="host/1")


class Watch(Liveness):
    """The bus takes all writes."""

    def due(self, now: float) -> list[Suspect]:
        self._written_at = now
        return super().due(now)


def watching() -> Liveness:
    """Attempt 1 was claimed at 0; the bus has been there for long."""
    liveness = Watch(TTL_S)
    liveness.interrupted(-100.0)
    liveness.claimed(FIRST, "host/1", 0.0)
    return liveness


def test_who_never_shows_a_lease_is_suspect_a_time_to_live_after_the_claim() -> None:
    liveness = watching()
    assert liveness.next_due() == 10.0
    assert liveness.due(9.9) == []
    assert liveness.due(10.0) == [SUSPECT]


def test_a_suspicion_is_told_once_for_each_silence() -> None:
    liveness = watching()
    assert liveness.due(10.0) == [SUSPECT]
    assert liveness.due(10.0) == []
    assert liveness.due(19.9) == []
    assert liveness.due(20.0) == [SUSPECT]


def test_a_lease_that_is_let_go_counts_at_once() -> None:
    liveness = watching()
    liveness.renewed(FIRST, "host/1", 3.0, 3)
    liveness.expired(FIRST, 4.0)
    assert liveness.due(10.0) == [SUSPECT]


def test_who_renews_no_more_is_suspect_a_time_to_live_later() -> None:
    """Whatever the server says of it: it tells nobody of a lease that ended."""
    liveness = watching()
    liveness.renewed(FIRST, "host/1", 3.0, 3)
    assert liveness.due(12.9) == []
    assert liveness.due(13.0) == [SUSPECT]


def test_a_renewal_is_a_sign_of_life_once() -> None:
    liveness = watching()
    assert liveness.is_news(FIRST, 3)
    liveness.renewed(FIRST, "host/1", 3.0, 3)
    assert not liveness.is_news(FIRST, 3)
    liveness.renewed(FIRST, "host/1", 12.0, 3)
    assert liveness.due(13.0) == [SUSPECT]


def test_leases_that_nobody_asked_for_are_not_kept() -> None:
    liveness = watching()
    for number in range(2, 1_000):
        liveness.renewed(AttemptKey(ACTION, number), "x" * 10_000, 1.0, number)
    assert (liveness.watched, liveness.held) == (1, 0)


def test_an_expiry_in_an_outage_counts_a_time_to_live_after_it() -> None:
    liveness = watching()
    liveness.renewed(FIRST, "host/1", 3.0, 3)
    liveness.interrupted(100.0)
    liveness.expired(FIRST, 100.5)
    assert liveness.due(109.9) == []
    assert liveness.due(110.0) == [SUSPECT]


def test_who_shows_himself_after_an_outage_is_no_suspect() -> None:
    liveness = watching()
    liveness.interrupted(100.0)
    liveness.expired(FIRST, 100.0)
    liveness.renewed(FIRST, "host/1", 109.0, 109)
    assert liveness.due(110.0) == []


def test_while_nobody_knows_whether_the_bus_takes_anything_nobody_is_suspect() -> None:
    liveness = Liveness(TTL_S)
    liveness.claimed(FIRST, "host/1", 0.0)
    assert liveness.next_due() is None
    assert liveness.due(1e9) == []


def test_a_silence_that_begins_with_an_outage_is_no_suspicion_in_it() -> None:
    liveness = Liveness(TTL_S)
    liveness.claimed(FIRST, "host/1", 0.0)
    for now in (0.0, 2.0, 4.0, 6.0):
        liveness.wrote(now)
    assert liveness.due(100.0) == []
    assert not liveness.can_tell(100.0)
    assert liveness.wrote(101.0) == 95.0
    assert liveness.due(101.0) == []
    for now in (103.0, 106.0, 109.0):
        assert liveness.wrote(now) == 0.0
        assert liveness.due(now) == []
    assert liveness.due(111.0) == [SUSPECT]


def test_who_has_rested_has_to_listen_anew() -> None:
    liveness = Liveness(TTL_S)
    liveness.claimed(FIRST, "host/1", 0.0)
    liveness.wrote(0.0)
    liveness.rests()
    liveness.wrote(1.0)
    for now in range(2, 11):
        liveness.wrote(float(now))
    assert liveness.due(10.5) == []
    assert liveness.due(11.0) == [SUSPECT]


def test_a_fact_in_the_log_is_a_sign_of_life_whatever_became_of_the_lease() -> None:
    liveness = watching()
    liveness.renewed(FIRST, "host/1", 3.0, 3)
    liveness.expired(FIRST, 13.0)
    liveness.heard(ACTION, "host/1", 13.0)
    assert liveness.due(22.9) == []


def test_the_signs_of_another_worker_are_none() -> None:
    liveness = watching()
    liveness.heard(ACTION, "host/2", 9.0)
    liveness.renewed(FIRST, "host/2", 9.0, 9)
    assert liveness.due(10.0) == [SUSPECT]


def test_the_lease_of_an_earlier_attempt_says_nothing_of_this_one() -> None:
    liveness = watching()
    liveness.renewed(FIRST, "host/1", 3.0, 3)
    liveness.claimed(SECOND, "host/2", 5.0)
    liveness.expired(FIRST, 13.0)
    assert liveness.due(14.9) == []
    assert liveness.due(15.0) == [Suspect(attempt=SECOND, worker="host/2")]


def test_what_is_over_is_watched_no_more() -> None:
    liveness = watching()
    liveness.over(ACTION)
    assert not liveness.is_watching
    assert liveness.next_due() is None
    assert liveness.due(100.0) == []


def test_a_claim_that_is_told_again_is_no_sign_of_life() -> None:
    liveness = watching()
    liveness.claimed(FIRST, "host/1", 9.0)
    assert liveness.due(10.0) == [SUSPECT]
