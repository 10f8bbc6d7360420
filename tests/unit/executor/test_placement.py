"""Slots: who may run now."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from flyte_executor.core.placement import Placement
from flyte_schemas.policies import Reuse
from flyte_schemas.pools import Pool
from flyte_schemas.subjects import ActionKey, AttemptKey, RunKey

RUN = RunKey("project", "domain", "run")


def attempt(name: str, number: int = 1) -> AttemptKey:
    return AttemptKey(RUN.action(name), number)


def names(attempts: list[AttemptKey]) -> list[str]:
    return [one.action.action for one in attempts]


def seats(most: int, name: str = "env-1") -> Pool:
    """A pool in which so many actions may run at a time."""
    return Pool(name, Reuse(min_replicas=0, max_replicas=most, idle_ttl_s=60.0, scaledown_ttl_s=60.0))


def test_first_come_first_served() -> None:
    placement = Placement(2)
    ready = [names(placement.want(attempt(name))) for name in "abcd"]
    assert ready == [["a"], ["b"], [], []]
    assert names(placement.ended(RUN.action("b"))) == ["c"]
    assert names(placement.ended(RUN.action("a"))) == ["d"]


def test_a_free_slot_goes_to_the_run_that_holds_the_fewest() -> None:
    placement = Placement(3)
    for number in range(10):
        placement.want(attempt(f"large{number}"))
    small, other = (RunKey("project", "domain", name) for name in ("small", "other"))
    for run in (small, other):
        assert placement.want(AttemptKey(run.action("a0"), 1)) == []
    freed = [placement.ended(RUN.action(f"large{number}")) for number in range(3)]
    assert [str(one.action) for (one,) in freed] == [
        "project/domain/small/a0",
        "project/domain/other/a0",
        "project/domain/run/large3",
    ]


def test_asking_again_changes_nothing() -> None:
    placement = Placement(1)
    assert placement.want(attempt("a"))
    assert placement.want(attempt("a")) == []
    assert placement.want(attempt("b")) == placement.want(attempt("b")) == []
    assert names(placement.ended(RUN.action("a"))) == ["b"]
    assert placement.ended(RUN.action("b")) == []


def test_a_parent_gives_its_slot_to_its_child() -> None:
    placement = Placement(1)
    placement.want(attempt("parent"))
    assert placement.want(attempt("child")) == []
    assert names(placement.has_children(RUN.action("parent"))) == ["child"]


def test_a_parent_that_is_tried_again_needs_no_slot() -> None:
    placement = Placement(1)
    placement.want(attempt("parent"))
    placement.has_children(RUN.action("parent"))
    placement.want(attempt("child"))
    assert placement.want(attempt("parent", 2)) == [attempt("parent", 2)]


def test_an_action_that_waits_and_turns_out_to_be_a_parent_waits_no_longer() -> None:
    placement = Placement(1)
    placement.want(attempt("other"))
    assert placement.want(attempt("parent", 2)) == []
    assert placement.has_children(RUN.action("parent")) == [attempt("parent", 2)]


def test_a_launch_of_which_nothing_came_frees_its_slot_for_the_next_attempt() -> None:
    placement = Placement(1)
    placement.want(attempt("a"))
    assert placement.attempt_over(attempt("a")) == []
    assert placement.want(attempt("a", 2)) == [attempt("a", 2)]


def test_the_end_of_an_earlier_attempt_leaves_the_later_one_its_slot() -> None:
    placement = Placement(2)
    placement.want(attempt("a"))
    placement.want(attempt("a", 2))
    placement.attempt_over(attempt("a"))
    placement.want(attempt("b"))
    assert placement.want(attempt("c")) == []


def test_what_runs_already_has_its_slot() -> None:
    placement = Placement(1)
    placement.occupy(attempt("a"))
    assert placement.want(attempt("a")) == []
    assert placement.want(attempt("b")) == []
    assert placement.attempt_over(attempt("a")) == [attempt("b")]


def test_a_run_has_no_more_actions_at_a_time_than_it_wants() -> None:
    placement = Placement(8)
    ready = [names(placement.want(attempt(name), 2)) for name in "abcd"]
    assert ready == [["a"], ["b"], [], []]
    assert names(placement.ended(RUN.action("b"))) == ["c"]
    other = AttemptKey(RunKey("project", "domain", "other").action("a0"), 1)
    assert placement.want(other) == [other]
    assert names(placement.attempt_over(attempt("a"))) == ["d"]


def test_a_parent_that_waits_does_not_count_as_one_of_its_run() -> None:
    placement = Placement(8)
    placement.want(attempt("parent"), 1)
    assert placement.want(attempt("child"), 1) == []
    assert names(placement.has_children(RUN.action("parent"))) == ["child"]


def test_what_runs_elsewhere_counts_for_its_run_and_holds_no_slot() -> None:
    placement = Placement(1)
    assert placement.claimed(attempt("elsewhere")) == []
    assert placement.holding == frozenset()
    assert placement.want(attempt("a"), 1) == []
    assert names(placement.unclaimed(RUN.action("elsewhere"))) == ["a"]


def test_what_is_tried_again_here_after_it_ran_elsewhere_counts_once() -> None:
    placement = Placement(2)
    placement.claimed(attempt("a"))
    assert names(placement.want(attempt("a", 2), 2)) == ["a"]
    assert names(placement.want(attempt("b"), 2)) == ["b"]


def test_an_attempt_that_somebody_else_has_claimed_is_not_launched() -> None:
    placement = Placement(1)
    placement.want(attempt("a"))
    placement.want(attempt("b"))
    placement.claimed(attempt("b"))
    assert placement.ended(RUN.action("a")) == []


def test_a_pool_has_its_own_seats_and_takes_no_slot() -> None:
    placement, pool, other = Placement(1), seats(1), seats(2, "env-2")
    assert names(placement.want(attempt("a"), pool=pool)) == ["a"]
    assert names(placement.want(attempt("b"), pool=pool)) == []
    assert names(placement.want(attempt("cold"))) == ["cold"]
    assert names(placement.want(attempt("c"), pool=other) + placement.want(attempt("d"), pool=other)) == [
        "c",
        "d",
    ]
    assert placement.want(attempt("cold2")) == []
    assert names(placement.ended(RUN.action("a"))) == ["b"]
    assert names(placement.ended(RUN.action("cold"))) == ["cold2"]


def test_the_limit_of_a_run_holds_for_all_its_pools_together() -> None:
    placement, pool = Placement(4), seats(4)
    assert placement.want(attempt("a"), 2, pool)
    assert placement.want(attempt("b"), 2)
    assert placement.want(attempt("c"), 2, pool) == placement.want(attempt("d"), 2) == []
    assert names(placement.ended(RUN.action("b"))) == ["c"]
    assert names(placement.ended(RUN.action("c"))) == ["d"]


def test_an_attempt_that_failed_in_a_pool_leaves_its_seat_before_it_is_tried_again() -> None:
    placement, pool = Placement(4), seats(1)
    placement.want(attempt("a"), pool=pool)
    assert placement.want(attempt("b"), pool=pool) == []
    assert names(placement.unclaimed(RUN.action("a"))) == ["b"]  # it waits for its backoff
    assert placement.want(attempt("a", 2), pool=pool) == []
    assert placement.ended(RUN.action("b")) == [attempt("a", 2)]


def test_brief_actions_of_a_pool_are_under_way_in_advance() -> None:
    placement, pool = Placement(4), seats(1)
    waiting = [attempt(f"a{number}") for number in range(100)]
    ready = [one for each in waiting for one in placement.want(each, pool=pool)]
    assert ready == waiting[:1]
    placement.took(pool, 0.01)
    ready += placement.ended(waiting[0].action)
    assert len(ready) == 1 + 20  # of 10 ms each in 200 ms
    for _ in range(100):
        placement.took(pool, 10.0)
    assert placement.ended(waiting[1].action) == []  # no more until those are done
    assert placement.workers(pool) == 1


def test_a_pool_may_have_a_worker_more_for_each_parent_that_waits() -> None:
    placement, pool, other = Placement(4), seats(2), seats(1, "env-2")
    placement.want(attempt("parent"), pool=pool)
    placement.has_children(RUN.action("parent"))
    placement.has_children(RUN.action("parent"))
    assert (placement.workers(pool), placement.workers(other)) == (3, 1)
    placement.want(attempt("parent", 2), pool=other)  # tried again elsewhere
    assert (placement.workers(pool), placement.workers(other)) == (2, 2)
    placement.ended(RUN.action("parent"))
    assert (placement.workers(pool), placement.workers(other)) == (2, 1)


def test_a_parent_in_a_pool_gives_its_seat_to_its_child() -> None:
    placement, pool = Placement(4), seats(1)
    placement.want(attempt("parent"), pool=pool)
    assert placement.want(attempt("child"), pool=pool) == []
    assert names(placement.has_children(RUN.action("parent"))) == ["child"]


class PlacementRules(RuleBasedStateMachine):
    """Actions come, are tried again, ask for children and end, in any order."""

    SLOTS = 3
    LIMIT: int | None = None
    POOL: Pool | None = None

    def __init__(self) -> None:
        super().__init__()
        self.placement = Placement(1 if self.POOL else self.SLOTS)
        self.current: dict[ActionKey, int] = {}
        self.parents: set[ActionKey] = set()
        self.launched: list[AttemptKey] = []
        self.processes: set[AttemptKey] = set()
        self.count = 0

    def launch(self, ready: list[AttemptKey]) -> None:
        for one in ready:
            assert self.current.get(one.action) == one.attempt, "only a current attempt is launched"
            self.launched.append(one)
            self.processes.add(one)

    def some(self, data: st.DataObject) -> ActionKey:
        return data.draw(st.sampled_from(sorted(self.current)))

    @rule()
    def an_action_is_queued(self) -> None:
        self.count += 1
        key = RUN.action(f"a{self.count}")
        self.current[key] = 1
        self.launch(self.placement.want(AttemptKey(key, 1), self.LIMIT, self.POOL))

    @precondition(lambda self: self.current)
    @rule(data=st.data())
    def an_open_attempt_is_looked_at_again(self, data: st.DataObject) -> None:
        key = self.some(data)
        self.launch(self.placement.want(AttemptKey(key, self.current[key]), self.LIMIT, self.POOL))

    @precondition(lambda self: self.current)
    @rule(data=st.data())
    def it_asks_for_a_child(self, data: st.DataObject) -> None:
        key = self.some(data)
        self.parents.add(key)
        self.launch(self.placement.has_children(key))

    @precondition(lambda self: self.processes)
    @rule(data=st.data(), retried_first=st.booleans())
    def a_process_ends_and_its_action_is_tried_again(self, data: st.DataObject, retried_first: bool) -> None:
        over = data.draw(st.sampled_from(sorted(self.processes)))
        self.processes.discard(over)
        if self.current.get(over.action) != over.attempt:
            self.launch(self.placement.attempt_over(over))
            return
        self.current[over.action] += 1
        again = AttemptKey(over.action, over.attempt + 1)
        if self.POOL is not None:  # its worker lives on: the log alone tells that it is over
            if not retried_first:
                self.launch(self.placement.unclaimed(over.action))
            self.launch(self.placement.want(again, self.LIMIT, self.POOL))
            return
        if retried_first:
            self.launch(self.placement.want(again, self.LIMIT, self.POOL))
        self.launch(self.placement.attempt_over(over))
        if not retried_first:
            self.launch(self.placement.want(again, self.LIMIT, self.POOL))

    @precondition(lambda self: self.current)
    @rule(data=st.data())
    def it_ends(self, data: st.DataObject) -> None:
        key = self.some(data)
        del self.current[key]
        self.parents.discard(key)
        self.launch(self.placement.ended(key))

    @property
    def most(self) -> int:
        """How many actions may run at a time."""
        return min(self.SLOTS, self.LIMIT or self.SLOTS)

    @invariant()
    def never_more_than_the_slots_are_held_and_never_by_parents(self) -> None:
        assert len(self.placement.holding) <= self.most
        assert not self.placement.holding & self.parents

    @invariant()
    def no_attempt_is_launched_twice(self) -> None:
        assert len(self.launched) == len(set(self.launched))

    @invariant()
    def nobody_waits_while_a_slot_is_free(self) -> None:
        assert not self.placement.waiting or len(self.placement.holding) == self.most

    @invariant()
    def every_open_attempt_was_launched_or_waits(self) -> None:
        launched = set(self.launched)
        unlaunched = [key for key, number in self.current.items() if AttemptKey(key, number) not in launched]
        assert len(unlaunched) == self.placement.waiting

    def teardown(self) -> None:
        """When everything ends one after the other, everything had its turn."""
        while self.processes:
            over = min(self.processes)
            self.processes.discard(over)
            if self.current.get(over.action) == over.attempt:
                del self.current[over.action]
                self.launch(self.placement.ended(over.action))
            else:
                self.launch(self.placement.attempt_over(over))
        launched = set(self.launched)
        assert all(AttemptKey(key, number) in launched for key, number in self.current.items())
        assert self.placement.waiting == 0


TestPlacementRules = PlacementRules.TestCase
TestPlacementRules.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


class LimitedRules(PlacementRules):
    """The same, when the run wants less than there is."""

    LIMIT = 2


TestLimitedRules = LimitedRules.TestCase
TestLimitedRules.settings = TestPlacementRules.settings


class PooledRules(PlacementRules):
    """The same in a pool with so many seats, beside a single slot that nobody wants."""

    POOL = seats(PlacementRules.SLOTS)


TestPooledRules = PooledRules.TestCase
TestPooledRules.settings = TestPlacementRules.settings
