"""The keys of an installation as manifests of Kubernetes: what each service needs, and no more than that.

Of each service a Secret with `FLYTE_NATS_CREDS`, to be taken as its environment; what the executor makes
agents with, and the registries seal with, are Secrets of their own, whose keys are files. The roots are in
none of them.
"""

from typing import TYPE_CHECKING, Any

import yaml

from flyte_schemas.access import SERVICES

if TYPE_CHECKING:
    from flyte_bus.identity.keyring import Keyring


def manifests(keyring: "Keyring", namespaces: list[str]) -> str:
    """The documents, as YAML, for each namespace. Raises KeyringError."""
    from flyte_bus.identity.keyring import MINTED_BY_SERVICES

    documents: list[dict[str, Any]] = []
    for namespace in namespaces:
        documents.append(_config_map("flyte-nats-accounts", namespace, {"accounts.conf": keyring.accounts()}))
        for role in SERVICES:
            credentials = keyring.credentials(role.name).read_text("ascii")
            documents.append(_secret(f"flyte-nats-{role.name}", namespace, {"FLYTE_NATS_CREDS": credentials}))
        minters = {f"{name}.json": keyring.minter(name).text for name in MINTED_BY_SERVICES}
        documents.append(_secret("flyte-nats-minters", namespace, minters))
        seal = {keyring.seal_key_file.name: keyring.seal_key_file.read_text("ascii")}
        documents.append(_secret("flyte-registry-seal", namespace, seal))
    return yaml.safe_dump_all(documents, sort_keys=False)


def _secret(name: str, namespace: str, values: dict[str, str]) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace},
        "type": "Opaque",
        "stringData": values,
    }


def _config_map(name: str, namespace: str, values: dict[str, str]) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace},
        "data": values,
    }
