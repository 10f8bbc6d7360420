"""The pod of an attempt, and the pod of a pool's worker: what is sent, a pure function of the launch."""

from collections.abc import Mapping
from typing import Any

from flyte_executor.backends.kubernetes.identity import order_of as order_of
from flyte_executor.backends.kubernetes.identity import pod_name as pod_name
from flyte_executor.backends.kubernetes.settings import KubernetesSettings
from flyte_executor.backends.port import Launch
from flyte_schemas.orders import Order, PoolOrder
from flyte_schemas.pools import Pool


def context_of(launch: Launch, settings: KubernetesSettings) -> str | None:
    """The context of the kubeconfig in which a launch's pod runs; None: where none is named."""
    raise NotImplementedError


def namespace_of(project: str, domain: str, settings: KubernetesSettings) -> str:
    """The namespace of a project's pods. Raises LaunchFailed when that is no name of one."""
    raise NotImplementedError


def template_name(launch: Launch) -> str | None:
    """The name of the cluster's PodTemplate that a launch asks for, in the namespace of its pod; None: none.

    Whoever sends the pod fetches it, and gives what it found as `named`.
    """
    raise NotImplementedError


def attempt_pod(
    launch: Launch,
    order: Order,
    settings: KubernetesSettings,
    *,
    site: str,
    environment: Mapping[str, str],
    named: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The pod of one attempt, `metadata.namespace` included. Raises LaunchFailed.

    `environment` is the executor's own; `named` is the PodTemplate that the task names, None: it is not there.
    """
    raise NotImplementedError


def worker_pod(
    order: PoolOrder,
    pool: Pool,
    launch: Launch,
    settings: KubernetesSettings,
    *,
    name: str,
    site: str,
    environment: Mapping[str, str],
    named: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The pod of a worker of a pool, for which `launch` is the first attempt. Raises LaunchFailed."""
    raise NotImplementedError
