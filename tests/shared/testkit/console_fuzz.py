"""Requests to a console that its own OpenAPI document suggests, right ones and wrong ones: schemathesis.

Each operation is asked with names that are there and with names that are nobody's, within the document and
against it. No answer may be a 5xx, or other than the document says. 503 says to come again, which is done: on
a busy machine the registry may take longer than the console waits for it.
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
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

ANSWER_TIMEOUT_S = 120.0
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
AWAY = 503
AGAIN = 30
"""So often a request is made until what it needs is there."""
EVENTS = "text/event-stream"


class Interface:
    """What a console at `url` answers, by its own document; `statuses` counts how often each was answered.

    `known`: names that are there, by what the paths call them.
    """

    def __init__(self, url: str, token: str, known: Mapping[str, str]) -> None:
        self.statuses: Counter[str] = Counter()
        self._url = url
        self._known = known
        headers = {"Authorization": f"Bearer {token}"}
        document = requests.get(f"{url}/api/openapi.json", headers=headers, timeout=ANSWER_TIMEOUT_S).json()
        self.operations: list[APIOperation[Any, Any, Any, Any]] = []
        for found in schemathesis.openapi.from_dict(document).get_all_operations():
            if not isinstance(found, Ok):
                raise AssertionError(f"the document cannot be read: {found.err()}")
            self.operations.append(found.ok())

    def names_for(self, operation: APIOperation[Any, Any, Any, Any]) -> dict[str, str]:
        """The known names that stand in an operation's path."""
        return {name: text for name, text in self._known.items() if f"{{{name}}}" in operation.path}

    def ask(
        self,
        operation: APIOperation[Any, Any, Any, Any],
        mode: GenerationMode,
        names: Mapping[str, str],
        token: str,
        like: settings,
        chance: int | None = None,
    ) -> None:
        """Ask as often as `like` says, with these names in the path, else any; `chance` chooses what.

        Raises on the first answer that may not be.
        """

        @like
        @given(case=operation.as_strategy(generation_mode=mode, path_parameters=dict(names) or None))
        def each(case: Case[Any]) -> None:
            self._ask_once(case, token)

        (each if chance is None else seed(chance)(each))()

    def _ask_once(self, case: Case[Any], token: str) -> None:
        """Raises FailureGroup for an answer that may not be; one that says to come again is done so."""
        case.headers.update({"Authorization": f"Bearer {token}"})
        words: dict[str, Any] = case.as_transport_kwargs(base_url=self._url)
        if len(requests.Request(**words).prepare().url or "") > MAX_URL_BYTES:
            return  # that is refused before anybody knows what it asks for
        for left in reversed(range(AGAIN)):
            with requests.request(**words, timeout=ANSWER_TIMEOUT_S, stream=True) as response:
                if response.status_code == AWAY and left:
                    time.sleep(float(response.headers["Retry-After"]))
                    continue
                if response.headers.get("Content-Type", "").startswith(EVENTS):
                    next(response.iter_content(1))
                    response._content = b""
                self.statuses[str(response.status_code)] += 1
                case.validate_response(response, checks=CHECKS)
                return


def unhurried(examples: int, *, derandomize: bool = False, shrinks: bool = True) -> settings:
    """Settings of hypothesis for so many examples."""
    return settings(
        max_examples=examples,
        derandomize=derandomize,
        phases=[Phase.generate, *([Phase.shrink] if shrinks else [])],
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


def fuzz_console(
    url: str, new_token: Callable[[], str], known: Mapping[str, str], *, examples: int, derandomize: bool
) -> Counter[str]:
    """Ask `examples` times per operation, mode and kind of names; how often each status was answered.

    `new_token` signs in: one operation signs out. Raises on the first answer that may not be.
    """
    interface, like = Interface(url, new_token(), known), unhurried(examples, derandomize=derandomize)
    for operation in interface.operations:
        token, named = new_token(), interface.names_for(operation)
        for mode in GenerationMode:
            for names in [named, {}] if named else [{}]:
                interface.ask(operation, mode, names, token, like)
    return interface.statuses
