"""Subjects are built and read in one place, and each belongs to one stream."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyte_bus.matching import matches
from flyte_schemas import subjects
from flyte_schemas.names import is_name
from flyte_schemas.streams import BUCKETS, LOGS, REJECTED, REQUESTS, RUNS, STREAMS, TASKS, TIMERS, StreamSpec
from flyte_schemas.subjects import ActionKey, AttemptKey, Request, RunKey
from flyte_schemas.users import user_of, user_token

FIRST = string.ascii_letters + string.digits + "_"
names = st.builds(str.__add__, st.sampled_from(FIRST), st.text(FIRST + "-", max_size=20))
runs = st.builds(RunKey, names, names, names)
actions = st.builds(ActionKey, runs, names)

users = st.text(st.characters(codec="utf-8"), min_size=1, max_size=10)

RUN = RunKey("project", "domain", "run")


@given(actions)
def test_an_action_is_read_from_its_subject(key: ActionKey) -> None:
    assert subjects.parse_action(subjects.action_subject(key)) == key
    assert subjects.parse_action(subjects.log_subject(key)) == key


@given(actions)
def test_an_action_is_read_from_the_subject_of_its_timer(key: ActionKey) -> None:
    due = subjects.timer_subject(key)
    assert subjects.parse_timer(due) == key
    assert subjects.parse_timer(subjects.timer_setting(due)) is None
    assert subjects.parse_action(due) is None


@given(actions, st.integers(min_value=1))
def test_an_attempt_is_read_from_the_key_of_its_lease(key: ActionKey, number: int) -> None:
    attempt = AttemptKey(key, number)
    assert subjects.parse_lease(subjects.lease_key(attempt)) == attempt


@pytest.mark.parametrize("key", ["", "executor.0f", "p.d.r.a.x", "p.d.r.a.-1", "p.d.r.a.1.2"])
def test_another_key_in_the_bucket_of_leases_is_no_attempts(key: str) -> None:
    assert subjects.parse_lease(key) is None


@given(runs)
def test_a_run_request_is_read_from_its_subject(run: RunKey) -> None:
    wanted = Request(run.project, run.domain, "run", run.run, "alice")
    assert subjects.parse_request(subjects.run_request(run, "alice")) == wanted


@given(names, names, names)
def test_a_deploy_request_is_read_from_its_subject(project: str, domain: str, environment: str) -> None:
    wanted = Request(project, domain, "deploy", environment, "alice")
    assert subjects.parse_request(subjects.deploy_request(project, domain, environment, "alice")) == wanted


@given(runs)
def test_a_request_of_an_earlier_version_does_not_say_who_asks(run: RunKey) -> None:
    pattern, old = subjects.run_requests(run)
    assert subjects.parse_request(old) == Request(run.project, run.domain, "run", run.run)
    assert matches(pattern, subjects.run_request(run, "alice@example.com"))
    assert not matches(pattern, old)


@given(users)
def test_each_user_has_one_token_and_each_token_one_user(user: str) -> None:
    token = user_token(user)
    assert is_name(token)
    assert user_of(token) == user
    asked = subjects.parse_request(subjects.abort_request(RUN, user))
    assert asked is not None
    assert asked.user == user


@given(st.text(max_size=30))
def test_a_token_that_is_nobodys_is_no_request(token: str) -> None:
    """Else two tokens would be one name, and a permission for one would pass for the other."""
    user = user_of(token)
    assert user is None or user_token(user) == token


def test_a_users_name_is_written_with_percent_signs() -> None:
    assert user_token("alice@example.com") == "alice@example%2Ecom"
    assert user_of("alice@example%2ecom") is None
    assert user_of("%61lice") is None
    assert subjects.parse_request("flyte.req.p.d.run.r.%61lice") is None


@pytest.mark.parametrize("user", ["", "x" * 129, "ü" * 30])
def test_what_has_no_token_is_no_users_name(user: str) -> None:
    with pytest.raises(ValueError, match="between 1 and 128 characters"):
        user_token(user)


@given(names, names, names, names)
def test_a_task_is_read_from_its_subject(project: str, domain: str, environment: str, function: str) -> None:
    task = f"{environment}.{function}"
    assert subjects.parse_task(subjects.task_subject(project, domain, task)) == (project, domain, task)


@pytest.mark.parametrize(
    "subject", ["", "flyte", "flyte.run.p.d.r", "flyte.run.p.d.r.a.b", "other.run.p.d.r.a", "flyte.rejected"]
)
def test_what_is_no_subject_of_ours_is_none(subject: str) -> None:
    assert subjects.parse_action(subject) is None
    assert subjects.parse_request(subject) is None
    assert subjects.parse_task(subject) is None


def test_a_request_is_no_action_and_a_task_is_no_request() -> None:
    assert subjects.parse_action(subjects.run_request(RUN, "alice")) is None
    assert subjects.parse_request(subjects.task_subject("p", "d", "env.fn")) is None
    assert subjects.parse_task(subjects.action_subject(RUN.action("a0"))) is None


@given(actions)
def test_the_filters_of_a_run_match_its_actions_only(key: ActionKey) -> None:
    assert matches(subjects.run_filter(key.run), subjects.action_subject(key))
    assert matches(subjects.log_filter(key.run), subjects.log_subject(key))
    other = RunKey(key.run.project, key.run.domain, key.run.run + "x").action(key.action)
    assert not matches(subjects.run_filter(key.run), subjects.action_subject(other))
    assert not matches(subjects.log_filter(key.run), subjects.log_subject(other))


@pytest.mark.parametrize(
    ("subject", "stream"),
    [
        (subjects.run_request(RUN, "alice"), REQUESTS),
        (subjects.deploy_request("p", "d", "env", "alice"), REQUESTS),
        (subjects.run_requests(RUN)[1], REQUESTS),
        (subjects.task_subject("p", "d", "env.fn"), TASKS),
        (subjects.action_subject(RUN.action("a0")), RUNS),
        (subjects.log_subject(RUN.action("a0")), LOGS),
        (subjects.REJECTED, REJECTED),
        (subjects.timer_subject(RUN.action("a0")), TIMERS),
        (subjects.timer_setting(subjects.timer_subject(RUN.action("a0"))), TIMERS),
    ],
)
def test_each_subject_belongs_to_one_stream(subject: str, stream: StreamSpec) -> None:
    assert [spec for spec in STREAMS if any(matches(pattern, subject) for pattern in spec.subjects)] == [
        stream
    ]


def test_what_is_republished_is_stored_by_no_stream() -> None:
    """Otherwise each message would be stored, republished and stored again."""
    assert subjects.live("flyte.run.p.d.r.a0") == "flyte.live.run.p.d.r.a0"
    for spec in STREAMS:
        for source in spec.subjects:
            stored = subjects.live(source.replace(">", "p.d.r.a"))
            assert not any(matches(pattern, stored) for other in STREAMS for pattern in other.subjects)


def test_streams_and_buckets_have_names_of_their_own() -> None:
    for names in ([spec.name for spec in STREAMS], [spec.name for spec in BUCKETS]):
        assert len(set(names)) == len(names)


def test_streams_that_hold_truth_forget_nothing() -> None:
    for spec in (TASKS, RUNS):
        assert spec.append_only
        assert spec.refuse_when_full
        assert spec.max_age_s is None


def test_keys_are_shown_as_paths() -> None:
    key = RUN.action("a0")
    assert (str(RUN), str(key), str(AttemptKey(key, 2))) == (
        "project/domain/run",
        "project/domain/run/a0",
        "project/domain/run/a0/2",
    )
    assert key.is_root
    assert not RUN.action("c1").is_root


@pytest.mark.parametrize("text", ["a", "a0", "my_env", "ünï", "a-b", "x" * 128])
def test_one_token_is_a_name(text: str) -> None:
    assert is_name(text)


@pytest.mark.parametrize("text", ["", "a.b", "*", ">", "a b", "a\tb", "a\n", "\n", "x" * 129, "a*", "a>"])
def test_what_would_split_or_match_subjects_is_no_name(text: str) -> None:
    assert not is_name(text)
