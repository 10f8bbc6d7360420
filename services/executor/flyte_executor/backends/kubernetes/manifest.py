"""The pod of an attempt, and the pod of a pool's worker: what is sent, a pure function of the launch.

What the task's user wrote in a pod template stays, but for what makes the attempt run: the command, the
agent's variables, and that nothing is started twice.
"""

import math
from collections.abc import Mapping
from typing import Any

from flyte_executor.backends.containers import AGENT, HOME, agent_words, image_of
from flyte_executor.backends.kubernetes import bus_tls, identity
from flyte_executor.backends.kubernetes.identity import order_of as order_of
from flyte_executor.backends.kubernetes.identity import pod_name as pod_name
from flyte_executor.backends.kubernetes.names import is_subdomain
from flyte_executor.backends.kubernetes.nodes import place_of
from flyte_executor.backends.kubernetes.resources import (
    asked_and_limits,
    check_limits,
    device_of,
    shared_memory,
)
from flyte_executor.backends.kubernetes.secrets import FOLDER, secret_files
from flyte_executor.backends.kubernetes.security import confine
from flyte_executor.backends.kubernetes.settings import KubernetesSettings, namespace_for
from flyte_executor.backends.kubernetes.template import Draft, add, draft_of, fill, items, mount, section
from flyte_executor.backends.kubernetes.variables import literal, variables
from flyte_executor.backends.port import Launch, LaunchFailed
from flyte_schemas.orders import Order, PoolOrder
from flyte_schemas.pools import Pool

START_ALLOWANCE_S = 1800.0
"""How long a pod may take until its task begins (its image is pulled, its code fetched) before the pod's own
deadline could end it too early."""
_FOREVER_S = 2**31 - 1
_PLACES = ("nodeSelector", "affinity", "nodeName")


def context_of(launch: Launch, settings: KubernetesSettings) -> str | None:
    """The context of the kubeconfig in which a launch's pod runs; None: where none is named."""
    queue = launch.template.queue or launch.settings.queue
    if queue in settings.contexts:
        return queue
    return settings.contexts[0] if settings.contexts else None


def namespace_of(project: str, domain: str, settings: KubernetesSettings) -> str:
    """The namespace of a project's pods. Raises LaunchFailed when there can be none."""
    try:
        return namespace_for(settings.namespace, project, domain)
    except ValueError as error:
        raise LaunchFailed(str(error)) from error


def template_name(launch: Launch) -> str | None:
    """The name of the cluster's PodTemplate that a launch asks for, in the namespace of its pod; None: none.

    Whoever sends the pod fetches it, and gives what it found as `named`. Raises LaunchFailed.
    """
    template = launch.template.pod_template
    if template is None or not template.name:
        return None
    if not is_subdomain(template.name):
        raise LaunchFailed(f"no PodTemplate can be called {template.name!r}, as the task's pod_template is")
    return template.name


def attempt_pod(
    launch: Launch,
    order: Order,
    settings: KubernetesSettings,
    *,
    site: str,
    environment: Mapping[str, str],
    named: Mapping[str, Any] | None = None,
    own: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """The pod of one attempt, `metadata.namespace` included. Raises LaunchFailed.

    `environment` is the executor's own; `named` the PodTemplate that the task names, None when there is none;
    `own` the variable that lets this agent in, None where all are let in as the executor is.
    """
    draft = draft_of(launch.template.pod_template, named)
    fill(draft.spec, _deadline(launch, settings))
    _complete(draft, launch, order, settings, environment, own, interruptible=launch.interruptible)
    run, task = launch.attempt.action.run, {"task": launch.template.name}
    place = {"project": run.project, "domain": run.domain, "site": site}
    who = {"run": run.run, "action": order.action, "attempt": str(order.attempt)}
    version = {"version": launch.requested.task.version} if launch.requested else {}
    told = place | task | version | {identity.ORDER: order.model_dump_json()}
    return _manifest(
        draft,
        name=pod_name(order.key, site),
        namespace=namespace_of(run.project, run.domain, settings),
        labels=identity.labels_of(place | task | who, draft.labels | launch.settings.labels),
        annotations=identity.annotations_of(told, draft.annotations | launch.settings.annotations),
    )


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
    own: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """The pod of a worker of a pool, for which `launch` is the first attempt. Raises LaunchFailed.

    It serves attempts that may be interrupted and such that may not, so it runs where nothing is taken away.
    """
    draft = draft_of(launch.template.pod_template, named)
    _complete(draft, launch, order, settings, environment, own, interruptible=False)
    run = launch.attempt.action.run
    place = {"project": run.project, "domain": run.domain, "site": site}
    place |= {"environment": launch.template.environment, "pool": pool.name}
    if pool.reuse.scope == "run":
        place["run"] = run.run
    told = place | {identity.POOL_ORDER: order.model_dump_json()}
    return _manifest(
        draft,
        name=name,
        namespace=namespace_of(run.project, run.domain, settings),
        labels=identity.labels_of(place, draft.labels),
        annotations=identity.annotations_of(told, draft.annotations),
    )


def _manifest(
    draft: Draft, *, name: str, namespace: str, labels: Mapping[str, str], annotations: Mapping[str, str]
) -> dict[str, Any]:
    primary = {identity.PRIMARY: draft.primary["name"]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": labels,
            "annotations": {**annotations, **primary},
        },
        "spec": draft.spec,
    }


def _complete(
    draft: Draft,
    launch: Launch,
    order: Order | PoolOrder,
    settings: KubernetesSettings,
    environment: Mapping[str, str],
    own: dict[str, Any] | None,
    *,
    interruptible: bool,
) -> None:
    """Fill in all that a pod of ours has. Raises LaunchFailed."""
    image = image_of(launch, str(draft.primary.get("image") or settings.image))
    draft.primary["image"] = image
    draft.primary["command"] = [AGENT]
    draft.primary["args"] = [literal(word) for word in agent_words(order)]
    draft.primary["env"] = variables(launch, draft, settings, environment, image, own)
    _place(draft, launch, settings, interruptible=interruptible)
    _equip(draft, launch, settings)
    _identify(draft, launch, settings)
    confine(draft, settings)
    draft.spec["restartPolicy"] = "Never"  # another attempt is the executor's to decide
    fill(draft.spec, {"enableServiceLinks": False})
    fill(draft.spec, {"terminationGracePeriodSeconds": math.ceil(settings.grace_s)})


def _place(draft: Draft, launch: Launch, settings: KubernetesSettings, *, interruptible: bool) -> None:
    """Where it may run, and what it asks for there."""
    resources = launch.template.resources
    place = place_of(
        device_of(resources),
        settings.nodes,
        interruptible=interruptible,
        places_itself=any(draft.spec.get(word) for word in _PLACES),
    )
    for name, amounts in asked_and_limits(resources, place.devices).items():
        section(section(draft.primary, "resources"), name).update(amounts)
    if "resources" in draft.primary:
        told = section(draft.primary, "resources")
        check_limits(section(told, "requests"), section(told, "limits"))
    if place.node_selector:
        fill(section(draft.spec, "nodeSelector"), place.node_selector)
    if place.tolerations:
        written = items(draft.spec, "tolerations")
        draft.spec["tolerations"] = [*written, *(one for one in place.tolerations if one not in written)]
    if settings.priority_class:
        fill(draft.spec, {"priorityClassName": settings.priority_class})


def _equip(draft: Draft, launch: Launch, settings: KubernetesSettings) -> None:
    """Its volumes: the agent's folder, shared memory, secrets, TLS, and /tmp where all else is read-only."""
    template = launch.template
    mount(draft, "flyte-home", HOME, {"emptyDir": {}})
    if settings.read_only_root:
        mount(draft, "flyte-tmp", "/tmp", {"emptyDir": {}})
    if template.resources.shm:
        mount(draft, "flyte-shm", "/dev/shm", shared_memory(template.resources.shm))
    if settings.pod_secrets and (files := secret_files(template.secrets, settings.secret)):
        mount(draft, "flyte-secrets", FOLDER, files, read_only=True)
    if of_tls := bus_tls.tls_files(settings):
        mount(draft, "flyte-bus-tls", bus_tls.FOLDER, of_tls, read_only=True)


def _identify(draft: Draft, launch: Launch, settings: KubernetesSettings) -> None:
    """Whom it is to the cluster, and by which secrets its images are pulled. Raises LaunchFailed."""
    account = (
        launch.settings.service_account or draft.spec.get("serviceAccountName") or settings.service_account
    )
    if account:
        if not is_subdomain(str(account)):
            raise LaunchFailed(f"no service account can be called {account!r}")
        draft.spec["serviceAccountName"] = account
    fill(draft.spec, {"automountServiceAccountToken": bool(account)})
    spec = launch.template.image_spec
    for secret in (*settings.image_pull_secrets, spec.registry_secret if spec else None):
        if secret:
            if not is_subdomain(secret):
                raise LaunchFailed(f"no Kubernetes Secret can be called {secret!r}, as registry_secret says")
            add(draft.spec, "imagePullSecrets", {"name": secret})


def _deadline(launch: Launch, settings: KubernetesSettings) -> dict[str, int]:
    """When the cluster ends the pod of a task that may not run longer, should nobody else be left to do so.

    The agent ends the task in time and the executor ends a silent agent; this is for the case that both are
    gone. The cluster counts from when the node took the pod, so it gives the time to begin on top.
    """
    longest = launch.template.policies.max_runtime_s
    if longest is None or (seconds := longest + START_ALLOWANCE_S + settings.grace_s) > _FOREVER_S:
        return {}
    return {"activeDeadlineSeconds": math.ceil(seconds)}
