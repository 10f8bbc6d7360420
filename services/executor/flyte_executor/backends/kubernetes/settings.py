"""What an executor is told of its clusters, each thing by one environment variable."""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from pydantic import TypeAdapter, ValidationError

from flyte_executor.backends.kubernetes.nodes import NodeRule
from flyte_schemas.envelope import one_sentence

PREFIX = "FLYTE_EXECUTOR_K8S_"
NAMESPACE = "{project}-{domain}"
"""The namespace of a project's pods, where nothing else is said."""
SECRET = "flyte-secrets"
"""The Kubernetes Secret of what is in no group, where nothing else is said."""
GRACE_S = 30.0
"""From SIGTERM to SIGKILL, where nothing else is said; Kubernetes' own time."""
USER = 1000
"""Who runs tasks, where nothing else is said."""
IMAGES_USER = "image"
"""In place of a number: whoever the image says."""
CALLS = 16
"""How many requests to an API server are under way at a time, where nothing else is said."""

_RULES = TypeAdapter(dict[str, NodeRule])


@dataclass(frozen=True, slots=True, kw_only=True)
class KubernetesSettings:
    """How pods look and where they go. Times in seconds.

    `contexts`: of the kubeconfig, one for each cluster; a task whose queue is called like one runs there, all
    others in the first. None named: the cluster that the executor runs in, else the kubeconfig's current one.
    `namespace`: with `{project}` and `{domain}` in it, or one for all.
    `image`: that of tasks which name none.
    `nats_url`: the bus, as pods reach it; empty: as the executor does.
    `credentials`: the Secret that has `FLYTE_NATS_USER` and `FLYTE_NATS_PASSWORD`; empty: the executor's stand in
    the pods.
    `secret`: the Secret of what is in no group. `service_account`: of runs that name none.
    `nodes`: by kind of pod, what it asks for and where it may run (`nodes.py`).
    `run_as_user`: who runs tasks, and to whose group volumes belong; None: whoever the image says.
    `calls`: requests to an API server at a time.
    """

    contexts: tuple[str, ...] = ()
    namespace: str = NAMESPACE
    image: str = ""
    nats_url: str = ""
    credentials: str = ""
    secret: str = SECRET
    service_account: str = ""
    image_pull_secrets: tuple[str, ...] = ()
    priority_class: str = ""
    nodes: Mapping[str, NodeRule]
    run_as_user: int | None = USER
    read_only_root: bool = False
    grace_s: float = GRACE_S
    calls: int = CALLS


def from_environment(environment: Mapping[str, str] | None = None) -> KubernetesSettings:
    """Settings from `FLYTE_EXECUTOR_K8S_{CONTEXTS,NAMESPACE,NATS_URL,CREDENTIALS,SECRET,SERVICE_ACCOUNT,
    IMAGE_PULL_SECRETS,PRIORITY_CLASS,NODES,RUN_AS_USER,READ_ONLY_ROOT,CALLS}` and
    `FLYTE_EXECUTOR_{IMAGE,GRACE_S}`. Raises ValueError.
    """
    given = os.environ if environment is None else environment

    def said(name: str) -> str:
        return given.get(PREFIX + name, "").strip()

    return KubernetesSettings(
        contexts=_listed(said("CONTEXTS")),
        namespace=_namespace(said("NAMESPACE") or NAMESPACE),
        image=given.get("FLYTE_EXECUTOR_IMAGE", ""),
        nats_url=said("NATS_URL"),
        credentials=said("CREDENTIALS"),
        secret=said("SECRET") or SECRET,
        service_account=said("SERVICE_ACCOUNT"),
        image_pull_secrets=_listed(said("IMAGE_PULL_SECRETS")),
        priority_class=said("PRIORITY_CLASS"),
        nodes=_nodes(said("NODES")),
        run_as_user=_user(said("RUN_AS_USER")),
        read_only_root=said("READ_ONLY_ROOT") == "1",
        grace_s=float(given.get("FLYTE_EXECUTOR_GRACE_S") or GRACE_S),
        calls=_calls(said("CALLS")),
    )
