"""Slots are shared by projects first, and a project has no more actions under way than it may."""

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from flyte_executor.core.placement import Placement
from flyte_schemas.limits import Place
from flyte_schemas.subjects import ActionKey, AttemptKey, RunKey

LIMIT = 2


def root(project: str, number: int = 0) -> AttemptKey:
    return AttemptKey(RunKey(project, "d", f"r{number}").action("a0"), 1)


def projects(attempts: list[AttemptKey]) -> list[str]:
    return [one.action.run.project for one in attempts]


def only_b(place: Place) -> int | None:
    return LIMIT if place.project == "b" else None


def test_thousands_of_runs_of_one_project_do_not_keep_another_waiting() -> None:
    placement = Placement(2)
    for number in range(1_000):
        placement.want(root("b", number))
    assert placement.want(root("a")) == []
    assert projects(placement.ended(root("b", 0).action)) == ["a"]
    assert projects(placement.ended(root("b", 1).action)) == ["b"]


def test_of_projects_that_have_as_many_the_one_that_waits_longest_is_next() -> None:
    placement = Placement(1)
    placement.want(root("a"))
    for number in range(1, 4):
        for project in "bca":
            placement.want(root(project, number))
    begun, last = [], root("a")
    for _ in range(9):
        (last,) = placement.ended(last.action)
        begun.append(last.action.run.project)
    assert begun == list("bcabcabca")


def test_a_project_has_no_more_under_way_than_it_may_and_says_who_waits_for_that() -> None:
    placement = Placement(10, only_b)
    ready = [placement.want(root("b", number)) for number in range(4)]
    assert [len(one) for one in ready] == [1, 1, 0, 0]
    assert [len(placement.want(root("a", number))) for number in range(4)] == [1, 1, 1, 1]
    assert list(placement.held_back(5)) == [(Place("b", "d"), root("b", 2)), (Place("b", "d"), root("b", 3))]
    assert placement.ended(root("b", 0).action) == [root("b", 2)]


def test_what_runs_elsewhere_counts_against_the_limit() -> None:
    placement = Placement(10, only_b)
    placement.claimed(root("b", 0))
    placement.claimed(root("b", 1))
    assert placement.want(root("b", 2)) == []
    assert placement.ended(root("b", 0).action) == [root("b", 2)]


def test_a_limit_that_is_raised_lets_those_begin_that_wait() -> None:
    limit = [1]
    placement = Placement(10, lambda place: limit[0])
    placement.want(root("a", 0))
    assert placement.want(root("a", 1)) == []
    limit[0] = 2
    assert placement.look() == [root("a", 1)]


@given(st.lists(st.sampled_from("aaaabc"), min_size=1, max_size=60), st.integers(1, 4))
@settings(max_examples=60, deadline=None)
def test_nobody_waits_while_others_have_had_more_turns(waiting: str, slots: int) -> None:
    """Of the projects that wait, none has begun two more than another that waited all the time."""
    placement = Placement(slots)
    running = [root("z", number) for number in range(slots)]
    for one in running:
        placement.want(one)
    for number, project in enumerate(waiting):
        placement.want(root(project, number))
    left, had = {one: list(waiting).count(one) for one in set(waiting)}, dict.fromkeys(set(waiting), 0)
    while running:
        for ready in placement.ended(running.pop(0).action):
            project = ready.action.run.project
            had[project] += 1
            left[project] -= 1
            running.append(ready)
            behind = [had[one] for one in had if left[one]]
            assert not behind or had[project] <= min(behind) + 1
    assert not placement.waiting


class LimitedProjects(RuleBasedStateMachine):
    """Actions of two projects come, are claimed here or elsewhere, ask for children and end."""

    def __init__(self) -> None:
        super().__init__()
        self.placement = Placement(3, only_b)
        self.current: dict[ActionKey, int] = {}
        self.under_way: set[ActionKey] = set()
        self.parents: set[ActionKey] = set()
        self.count = 0

    def launch(self, ready: list[AttemptKey]) -> None:
        self.under_way |= {one.action for one in ready}

    def some(self, data: st.DataObject) -> ActionKey:
        return data.draw(st.sampled_from(sorted(self.current)))

    @rule(project=st.sampled_from("ab"))
    def an_action_is_queued(self, project: str) -> None:
        self.count += 1
        key = RunKey(project, "d", f"r{self.count % 3}").action(f"a{self.count}")
        self.current[key] = 1
        self.launch(self.placement.want(AttemptKey(key, 1)))

    @precondition(lambda self: self.current)
    @rule(data=st.data())
    def it_asks_for_a_child(self, data: st.DataObject) -> None:
        key = self.some(data)
        if key in self.under_way:
            self.parents.add(key)
            self.launch(self.placement.has_children(key))

    @precondition(lambda self: self.under_way)
    @rule(data=st.data())
    def its_attempt_is_over_and_it_is_tried_again(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.under_way)))
        self.under_way.discard(key)
        before = AttemptKey(key, self.current[key])
        self.current[key] += 1
        self.launch(self.placement.attempt_over(before))
        self.launch(self.placement.want(AttemptKey(key, self.current[key])))

    @precondition(lambda self: self.current)
    @rule(data=st.data())
    def it_ends(self, data: st.DataObject) -> None:
        key = self.some(data)
        del self.current[key]
        self.under_way.discard(key)
        self.parents.discard(key)
        self.launch(self.placement.ended(key))

    @invariant()
    def the_limit_holds(self) -> None:
        counted = {key for key in self.under_way - self.parents if key.run.project == "b"}
        assert len(counted) <= LIMIT
        assert self.placement.under_way[Place("b", "d")] == len(counted)

    @invariant()
    def nobody_waits_for_nothing(self) -> None:
        free = 3 - len(self.under_way - self.parents)
        waiting = [key for key in self.current if key not in self.under_way]
        has_room = self.placement.under_way[Place("b", "d")] < LIMIT
        assert not (free and any(key.run.project == "a" or has_room for key in waiting))


LimitedProjects.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestLimitedProjects = LimitedProjects.TestCase
