"""Where a pod may run: which nodes have what it asks for, told by rules of whoever runs the cluster."""

from pydantic import Field

from flyte_schemas.words import Word


class NodeRule(Word):
    """What a pod of some kind is told beside its template, in the words of Kubernetes."""

    resource: str | None = None
    node_selector: dict[str, str] = Field(default={}, alias="nodeSelector")
