"""What is wrong with a manifest, by the models of Kubernetes' Python client and the rules of its API server.

The models (made from Kubernetes' OpenAPI document) know every field, its type, and whether it must be there;
what only the server knows is in `kubernetes_rules`. A complaint begins with its place: `spec.nodeName`.
"""

import datetime
import re
from collections.abc import Iterator, Mapping
from functools import cache
from types import SimpleNamespace
from typing import Any

import kubernetes_asyncio.client.models as models

from testkit.kubernetes_rules import RULES, across

_CONTAINER_OF = re.compile(r"(list|dict)(?:\[|\(str, )(.+)[\])]")
_PLAIN: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "int": (int,),
    "float": (int, float),
    "bool": (bool,),
    "datetime": (str, datetime.datetime),
}


def complaints(document: Mapping[str, Any], model: str | None = None) -> list[str]:
    """All that is wrong with a manifest; its model is told by its `kind`, where it is not named."""
    model = model or f"V1{document.get('kind')}"
    if not hasattr(models, model):
        return [f"kind: there is no model {model}"]
    return [*_object(document, model, ""), *across(document, model)]


def _object(value: object, model: str, place: str) -> Iterator[str]:
    """What is wrong with one object of a model."""
    if not isinstance(value, Mapping):
        yield f"{place}: {value!r} is no {model}"
        return
    kind = getattr(models, model)
    attributes = {name: attribute for attribute, name in kind.attribute_map.items()}
    for name, item in value.items():
        at = f"{place}.{name}" if place else str(name)
        if name not in attributes:
            yield f"{at}: is no field of {model}"
        elif item is not None:
            yield from _value(item, kind.openapi_types[attributes[name]], at, (model, name))
    for name in _required(model):
        if value.get(name) is None:
            yield f"{place or model}: lacks {name}"


def _value(value: object, kind: str, place: str, field: tuple[str, str]) -> Iterator[str]:
    """What is wrong with the value of a field; its rule is asked when its type is right."""
    rule = RULES.get(field)
    wrong = list(_typed(value, kind, place, is_of_quantities=rule is not None and rule.is_of_quantities))
    yield from wrong
    if rule is not None and not wrong:
        yield from (f"{place}: {word}" for word in rule.complaints(value))


def _typed(value: object, kind: str, place: str, *, is_of_quantities: bool) -> Iterator[str]:
    found = _CONTAINER_OF.fullmatch(kind)
    if found is None:
        yield from _single(value, kind, place)
    elif not isinstance(value, list if found[1] == "list" else Mapping):
        yield f"{place}: {value!r} is no {kind}"
    elif isinstance(value, list):
        for at, item in enumerate(value):
            yield from _typed(item, found[2], f"{place}[{at}]", is_of_quantities=False)
    elif isinstance(value, Mapping) and not is_of_quantities:
        for key, item in value.items():
            yield from _typed(item, found[2], f"{place}[{key}]", is_of_quantities=False)


def _single(value: object, kind: str, place: str) -> Iterator[str]:
    if kind == "object":
        return
    types = _PLAIN.get(kind)
    if types is None:
        yield from _object(value, kind, place)
    elif not isinstance(value, types) or (isinstance(value, bool) and kind != "bool"):
        yield f"{place}: {value!r} is no {kind}"


@cache
def _required(model: str) -> tuple[str, ...]:
    """The fields that a model refuses to be without."""
    kind = getattr(models, model)
    empty = object.__new__(kind)
    empty.local_vars_configuration = SimpleNamespace(client_side_validation=True)
    return tuple(name for attribute, name in kind.attribute_map.items() if not _may_lack(empty, attribute))


def _may_lack(empty: object, attribute: str) -> bool:
    try:
        setattr(empty, attribute, None)
    except ValueError:
        return False
    return True
