"""A pod says whose it is, by names that Kubernetes accepts, whatever the attempt is called."""

import re

import hypothesis.strategies as st
from hypothesis import given

from flyte_executor.backends.kubernetes.identity import (
    label_value,
    order_of,
    pod_name,
    pool_order_of,
    primary_of,
    site_selector,
)
from flyte_schemas.orders import Order
from flyte_schemas.subjects import AttemptKey, RunKey
from testkit.kubernetes_rules import dns_label, labels
from testkit.pods import ATTEMPT, SITE, launch, pod


def attempt(run: str, action: str = "a0", number: int = 1) -> AttemptKey:
    return AttemptKey(RunKey("p", "d", run).action(action), number)


def test_a_name_is_the_same_for_the_same_attempt_of_a_site() -> None:
    assert pod_name(ATTEMPT, "s") == pod_name(ATTEMPT, "s")
    assert pod_name(ATTEMPT, "s") != pod_name(ATTEMPT, "other")
    assert pod_name(ATTEMPT, "s").startswith("run1-a0-2-")


def test_names_that_look_the_same_in_kubernetes_are_different_pods() -> None:
    same = {attempt("Run_1"), attempt("run-1"), attempt("run", "1-a0"), attempt("r" * 90), attempt("r" * 91)}
    assert len({pod_name(one, "s") for one in same}) == len(same)


def test_a_long_name_is_cut_and_keeps_its_hash() -> None:
    longest = pod_name(attempt("r" * 128, "a" * 128, 10**40), "s")
    assert list(dns_label(longest)) == []
    assert longest != pod_name(attempt("r" * 128, "a" * 128, 10**40 + 1), "s")


def test_a_name_keeps_eighty_bits_of_its_hash_and_a_long_one_its_number() -> None:
    assert re.fullmatch(r"run1-a0-2-[0-9a-f]{20}", pod_name(ATTEMPT, "s"))
    assert re.fullmatch(r"r{32}-123456789-[0-9a-f]{20}", pod_name(attempt("r" * 99, number=123456789), "s"))
    assert re.fullmatch(r"l{42}-[0-9a-f]{20}", label_value("l" * 99))


@given(st.text(), st.text(), st.integers(min_value=1), st.text())
def test_every_name_is_a_dns_label(run: str, action: str, number: int, site: str) -> None:
    assert list(dns_label(pod_name(attempt(run, action, number), site))) == []


@given(st.text(), st.text())
def test_every_text_becomes_a_label_of_its_own(one: str, other: str) -> None:
    assert list(labels({"l": label_value(one)})) == []
    assert (label_value(one) == label_value(other)) == (one == other)


def test_a_pod_carries_its_order() -> None:
    made = pod(launch())
    assert order_of(made) == Order.of(ATTEMPT, 7)
    assert pool_order_of(made) is None
    assert primary_of(made) == "primary"
    assert site_selector(SITE) == f"flytejet.dev/site={made['metadata']['labels']['flytejet.dev/site']}"


def test_a_pod_that_is_not_ours_carries_none() -> None:
    for stranger in ({}, {"metadata": None}, {"metadata": {"annotations": {"flytejet.dev/order": "{}"}}}):
        assert order_of(stranger) is None
        assert pool_order_of(stranger) is None
