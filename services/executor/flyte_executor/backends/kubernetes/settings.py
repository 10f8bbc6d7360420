"""What an executor is told of its clusters, each thing by one environment variable."""

import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import TypeAdapter, ValidationError

from flyte_executor.backends.kubernetes.names import is_dns_label, is_secret_key, is_subdomain
from flyte_executor.backends.kubernetes.nodes import NodeRule
from flyte_schemas.envelope import one_sentence

PREFIX = "FLYTE_EXECUTOR_K8S_"
NAMESPACE = "{project}-{domain}"
"""The namespace of a project's pods, where nothing else is said."""
SECRET = "flyte-secrets"
"""The Kubernetes Secret of what is in no group, where nothing else is said."""
TLS_KEYS = ("ca.crt", "tls.crt", "tls.key")
"""What the CA, a certificate and its key are called in a Secret, where nothing else is said: as cert-manager
calls them."""
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
    `namespace`: with `{project}` and `{domain}` in it, or one for all. `namespaces`: those in use, each of
    which is watched by itself; none named: that one, or all that the cluster has.
    `image`: that of tasks which name none.
    `nats_url`: the bus, as pods reach it; empty: as the executor does.
    `credentials`: the Secret that has `FLYTE_NATS_USER` and `FLYTE_NATS_PASSWORD`; empty: the executor's own
    stand in the pods.
    `tls_secret`: the Secret of the bus's CA, and of a certificate and its key by which the bus knows pods,
    where it verifies clients; empty: pods trust whom the executor does, and have no certificate. `tls_keys`:
    what these three are called in it; one alone is the CA's.
    `secret`: the Secret of what is in no group. `service_account`: of runs that name none.
    `pod_secrets`: whether secrets are the cluster's, which gives them to pods; else agents ask for them.
    `nodes`: by kind of pod, what it asks for and where it may run (`nodes.py`).
    `run_as_user`: who runs tasks, and to whose group volumes belong; None: whoever the image says.
    `grace_s`: from SIGTERM to SIGKILL. `calls`: requests to an API server at a time.
    """

    contexts: tuple[str, ...] = ()
    namespace: str = NAMESPACE
    namespaces: tuple[str, ...] = ()
    image: str = ""
    nats_url: str = ""
    credentials: str = ""
    tls_secret: str = ""
    tls_keys: tuple[str, ...] = TLS_KEYS
    secret: str = SECRET
    pod_secrets: bool = True
    service_account: str = ""
    image_pull_secrets: tuple[str, ...] = ()
    priority_class: str = ""
    nodes: Mapping[str, NodeRule] = field(default_factory=dict)
    run_as_user: int | None = USER
    read_only_root: bool = False
    grace_s: float = GRACE_S
    calls: int = CALLS


def from_environment(environment: Mapping[str, str] | None = None) -> KubernetesSettings:
    """Settings from `FLYTE_EXECUTOR_K8S_{CONTEXTS,NAMESPACE,NAMESPACES,NATS_URL,CREDENTIALS,TLS_SECRET,
    TLS_KEYS,SECRET,SERVICE_ACCOUNT,IMAGE_PULL_SECRETS,PRIORITY_CLASS,NODES,RUN_AS_USER,READ_ONLY_ROOT,CALLS}`
    and `FLYTE_EXECUTOR_{IMAGE,GRACE_S,SECRETS}`. Raises ValueError.
    """
    given = os.environ if environment is None else environment

    def said(name: str, default: str = "") -> str:
        return given.get(PREFIX + name, "").strip() or default

    return KubernetesSettings(
        contexts=_listed(said("CONTEXTS")),
        namespace=_namespace(said("NAMESPACE", NAMESPACE)),
        namespaces=_named("NAMESPACES", _listed(said("NAMESPACES"))),
        image=given.get("FLYTE_EXECUTOR_IMAGE", ""),
        nats_url=said("NATS_URL"),
        credentials=_one("CREDENTIALS", said("CREDENTIALS")),
        tls_secret=_one("TLS_SECRET", said("TLS_SECRET")),
        tls_keys=_tls_keys(_listed(said("TLS_KEYS", ",".join(TLS_KEYS)))),
        secret=_one("SECRET", said("SECRET", SECRET)),
        pod_secrets=(given.get("FLYTE_EXECUTOR_SECRETS") or "kubernetes") == "kubernetes",
        service_account=_one("SERVICE_ACCOUNT", said("SERVICE_ACCOUNT")),
        image_pull_secrets=_named("IMAGE_PULL_SECRETS", _listed(said("IMAGE_PULL_SECRETS"))),
        priority_class=_one("PRIORITY_CLASS", said("PRIORITY_CLASS")),
        nodes=_nodes(said("NODES", "{}")),
        run_as_user=_user(said("RUN_AS_USER", str(USER))),
        read_only_root=_switch("READ_ONLY_ROOT", said("READ_ONLY_ROOT", "0")),
        grace_s=_grace(given.get("FLYTE_EXECUTOR_GRACE_S") or str(GRACE_S)),
        calls=_number("CALLS", said("CALLS", str(CALLS)), least=1),
    )


def namespace_for(pattern: str, project: str, domain: str) -> str:
    """The namespace of a place. Raises ValueError when that is no name of one, or that of another place too.

    `a-b`/`c` and `a`/`b-c` both give `a-b-c`, and who may mount Secrets of one could those of the other: it
    belongs to the place whose first part is the longest.
    """
    said = {"project": project, "domain": domain}
    namespace = re.sub(r"\{(project|domain)\}", lambda found: said[found[1]], pattern)
    if not is_dns_label(namespace):
        raise ValueError(
            f"no namespace can be called {namespace!r}, as that of {project}/{domain} would be: set "
            f"{PREFIX}NAMESPACE of the executor"
        )
    owner = said | _place_in(pattern, namespace)
    if owner != said:
        raise ValueError(
            f"namespace {namespace!r} is that of {owner['project']}/{owner['domain']}, and cannot be that of "
            f"{project}/{domain} too: set {PREFIX}NAMESPACE of the executor to what tells them apart, like "
            "{project}-in-{domain}"
        )
    return namespace


def _place_in(pattern: str, namespace: str) -> dict[str, str]:
    """The parts that the pattern has, of the place whose first one is the longest."""
    words, seen = "", set[str]()
    for part in re.split(r"(\{project\}|\{domain\})", pattern):
        name = part.strip("{}")
        if part not in ("{project}", "{domain}"):
            words += re.escape(part)
        else:
            words += f"(?P={name})" if name in seen else f"(?P<{name}>.+)"
            seen.add(name)
    found = re.fullmatch(words, namespace)
    return found.groupdict() if found else {}


def _listed(text: str) -> tuple[str, ...]:
    return tuple(name for part in text.split(",") if (name := part.strip()))


def _named(setting: str, names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if not is_subdomain(name):
            raise ValueError(f"{PREFIX}{setting} names {name!r}, and nothing in Kubernetes can be called so")
    return names


def _one(setting: str, name: str) -> str:
    return "".join(_named(setting, (name,) if name else ()))


def _tls_keys(keys: tuple[str, ...]) -> tuple[str, ...]:
    if len(keys) not in (1, len(TLS_KEYS)) or not all(is_secret_key(key) for key in keys):
        raise ValueError(
            f"{PREFIX}TLS_KEYS is {','.join(keys)!r}: give the keys of the CA, the certificate and its key "
            "with commas between them, or that of the CA alone"
        )
    return keys


def _namespace(pattern: str) -> str:
    try:
        namespace_for(pattern, "p", "d")
    except ValueError:
        raise ValueError(
            f"{PREFIX}NAMESPACE={pattern!r} gives no name of a namespace: lower-case letters, digits, "
            "dashes, {project} and {domain}"
        ) from None
    return pattern


def _nodes(text: str) -> dict[str, NodeRule]:
    try:
        return _RULES.validate_json(text)
    except ValidationError as error:
        raise ValueError(f"{PREFIX}NODES is not understood: {one_sentence(error)}") from error


def _switch(name: str, text: str) -> bool:
    if text not in ("0", "1"):
        raise ValueError(f"{PREFIX}{name} is {text!r}: give 0 or 1")
    return text == "1"


def _user(text: str) -> int | None:
    return (
        None if text == IMAGES_USER else _number("RUN_AS_USER", text, least=0, other=f" or {IMAGES_USER!r}")
    )


def _number(name: str, text: str, *, least: int, other: str = "") -> int:
    if not (text.isascii() and text.isdecimal()) or not least <= int(text) < 2**31:
        raise ValueError(f"{PREFIX}{name} is {text!r}: give a whole number from {least}{other}")
    return int(text)


def _grace(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds < 2**31 or math.isnan(seconds):
        raise ValueError(f"FLYTE_EXECUTOR_GRACE_S is {text!r}: give seconds, from 0")
    return seconds
