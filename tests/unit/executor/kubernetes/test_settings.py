"""What the environment says of the clusters, and what it cannot say."""

import itertools
from collections import Counter

import pytest

from flyte_executor.backends.kubernetes.nodes import NodeRule, Toleration
from flyte_executor.backends.kubernetes.settings import KubernetesSettings, from_environment, namespace_for


def read(**said: str) -> KubernetesSettings:
    return from_environment({f"FLYTE_EXECUTOR_{name}": text for name, text in said.items()})


def test_nothing_said_is_the_usual() -> None:
    assert read() == KubernetesSettings()


def test_everything_can_be_said() -> None:
    rules = '{"T4": {"resource": "r", "nodeSelector": {"a": "b"}, "tolerations": [{"operator": "Exists"}]}}'
    assert read(
        IMAGE="i:1",
        GRACE_S="7",
        K8S_CONTEXTS="one, two",
        K8S_NAMESPACE="flyte-{domain}",
        K8S_NATS_URL="nats://x",
        K8S_CREDENTIALS="bus",
        K8S_TLS_SECRET="bus-tls",
        K8S_TLS_KEYS="ca, cert, key",
        K8S_SECRET="all",
        K8S_SERVICE_ACCOUNT="runner",
        K8S_IMAGE_PULL_SECRETS="a,b",
        K8S_PRIORITY_CLASS="batch",
        K8S_NODES=rules,
        K8S_RUN_AS_USER="0",
        K8S_READ_ONLY_ROOT="1",
        K8S_CALLS="3",
    ) == KubernetesSettings(
        image="i:1",
        grace_s=7.0,
        contexts=("one", "two"),
        namespace="flyte-{domain}",
        nats_url="nats://x",
        credentials="bus",
        tls_secret="bus-tls",
        tls_keys=("ca", "cert", "key"),
        secret="all",
        service_account="runner",
        image_pull_secrets=("a", "b"),
        priority_class="batch",
        nodes={
            "T4": NodeRule(
                resource="r", nodeSelector={"a": "b"}, tolerations=(Toleration(operator="Exists"),)
            )
        },
        run_as_user=0,
        read_only_root=True,
        calls=3,
    )
    assert read(K8S_RUN_AS_USER="image").run_as_user is None


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("K8S_NAMESPACE", "{team}", "gives no name of a namespace"),
        ("K8S_NAMESPACE", "Flyte", "gives no name of a namespace"),
        ("K8S_RUN_AS_USER", "me", "give a whole number from 0 or 'image'"),
        ("K8S_CALLS", "0", "K8S_CALLS is '0': give a whole number from 1"),
        ("K8S_READ_ONLY_ROOT", "yes", "K8S_READ_ONLY_ROOT is 'yes': give 0 or 1"),
        ("K8S_SECRET", "My_secret", "K8S_SECRET names 'My_secret', and nothing in Kubernetes"),
        ("K8S_CREDENTIALS", "A", "K8S_CREDENTIALS names 'A'"),
        ("K8S_TLS_SECRET", "A", "K8S_TLS_SECRET names 'A'"),
        ("K8S_TLS_KEYS", "ca,cert", "K8S_TLS_KEYS is 'ca,cert': give the keys of the CA, the certificate"),
        ("K8S_TLS_KEYS", "../ca", "K8S_TLS_KEYS is '../ca'"),
        ("K8S_SERVICE_ACCOUNT", "A", "K8S_SERVICE_ACCOUNT names 'A'"),
        ("K8S_PRIORITY_CLASS", "A", "K8S_PRIORITY_CLASS names 'A'"),
        ("K8S_IMAGE_PULL_SECRETS", "a,B", "K8S_IMAGE_PULL_SECRETS names 'B'"),
        ("K8S_NODES", "T4", "K8S_NODES is not understood: the document: Invalid JSON"),
        ("K8S_NODES", '{"T4": {"selector": {}}}', "T4.selector: Extra inputs are not permitted"),
        ("K8S_NODES", '{"T4": {"nodeSelector": {"a b": "c"}}}', "'a b' is no name that Kubernetes accepts"),
        ("K8S_NODES", '{"T4": {"nodeSelector": {"a": "b c"}}}', "'b c' is no value of a label"),
        (
            "K8S_NODES",
            '{"T4": {"tolerations": [{"key": "a", "effect": "Never"}]}}',
            "T4.tolerations.0.effect",
        ),
        ("K8S_NODES", '{"T4": {"tolerations": [{"value": "a"}]}}', "a taint without a key is met by Exists"),
        ("GRACE_S", "-1", "FLYTE_EXECUTOR_GRACE_S is '-1': give seconds, from 0"),
        ("GRACE_S", "nan", "FLYTE_EXECUTOR_GRACE_S is 'nan'"),
    ],
)
def test_what_is_wrong_is_told_at_the_start(name: str, text: str, told: str) -> None:
    with pytest.raises(ValueError, match="FLYTE_EXECUTOR_") as error:
        read(**{name: text})
    assert told in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("pattern", ["{project}-{domain}", "{domain}-{project}", "a-{project}-in-{domain}"])
def test_no_two_places_have_one_namespace(pattern: str) -> None:
    words = ["-".join(parts) for size in (1, 2, 3) for parts in itertools.product(("a", "in"), repeat=size)]
    given: Counter[str] = Counter()
    for project, domain in itertools.product(words, words):
        try:
            given[namespace_for(pattern, project, domain)] += 1
        except ValueError as error:
            assert f"cannot be that of {project}/{domain} too: set FLYTE_EXECUTOR_K8S_NAMESPACE" in str(error)
    assert len(given) > len(words) and set(given.values()) == {1}


def test_usual_places_have_the_namespace_that_one_expects() -> None:
    assert namespace_for("{project}-{domain}", "my-team", "development") == "my-team-development"
    assert namespace_for("{project}-in-{domain}", "my-team", "pre-prod") == "my-team-in-pre-prod"
    assert namespace_for("tasks", "my-team", "pre-prod") == "tasks"
    assert namespace_for("{domain}-{domain}-x", "my-team", "pre-prod") == "pre-prod-pre-prod-x"
