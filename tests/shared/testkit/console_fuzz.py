"""Requests to a console that its own OpenAPI document suggests, right ones and wrong ones: schemathesis.

Each operation is asked with names that are there and with names that are nobody's, within the document and
against it. No answer may be a 5xx (but 503 where the document has it), or other than the document says.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from flyte_console.http.server import MAX_URL_BYTES

ANSWER_TIMEOUT_S = 30.0
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
EVENTS = "text/event-stream"


def fuzz_console(
    url: str, new_token: Callable[[], str], known: Mapping[str, str], *, examples: int, derandomize: bool
) -> Counter[str]:
    """Ask `examples` times per operation, mode and kind of names; how often each status was answered.

    `known`: names that are there, by what the paths call them. `new_token` signs in: one operation signs out.
    Raises on the first answer that may not be.
    """
    headers = {"Authorization": f"Bearer {new_token()}"}
    document = requests.get(f"{url}/api/openapi.json", headers=headers, timeout=ANSWER_TIMEOUT_S).json()
    schema = schemathesis.openapi.from_dict(document)
    statuses: Counter[str] = Counter()
    for found in schema.get_all_operations():
        if not isinstance(found, Ok):
            raise AssertionError(f"the document cannot be read: {found.err()}")
        operation = found.ok()
        headers = {"Authorization": f"Bearer {new_token()}"}
        for mode in GenerationMode:
            for names in (dict(known), {}):
                ask = _Asker(url, headers, statuses)
                _tried(operation, mode, names, ask, examples, derandomize)
    return statuses


class _Asker:
    """Asks one request, and checks what is answered."""

    def __init__(self, url: str, headers: dict[str, str], statuses: Counter[str]) -> None:
        self._url = url
        self._headers = headers
        self._statuses = statuses

    def __call__(self, case: Case[Any]) -> None:
        """Raises FailureGroup for an answer that may not be."""
        case.headers.update(self._headers)
        words: dict[str, Any] = case.as_transport_kwargs(base_url=self._url)
        if len(requests.Request(**words).prepare().url or "") > MAX_URL_BYTES:
            return  # that is refused before anybody knows what it asks for
        with requests.request(**words, timeout=ANSWER_TIMEOUT_S, stream=True) as response:
            is_stream = response.headers.get("Content-Type", "").startswith(EVENTS)
            if is_stream:
                next(response.iter_content(1))
                response._content = b""
            self._statuses[str(response.status_code)] += 1
            case.validate_response(response, checks=CHECKS)


def _tried(
    operation: APIOperation[Any, Any, Any, Any],
    mode: GenerationMode,
    names: Mapping[str, str],
    ask: _Asker,
    examples: int,
    derandomize: bool,
) -> None:
    in_path = {name: names[name] for name in names if f"{{{name}}}" in operation.path}
    if names and not in_path:
        return

    @settings(
        max_examples=examples,
        derandomize=derandomize,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode, path_parameters=in_path or None))
    def each(case: Case[Any]) -> None:
        ask(case)

    each()
