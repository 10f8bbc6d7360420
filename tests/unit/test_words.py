"""What all wire types refuse."""

from typing import Any

import pytest
from pydantic import ValidationError

from flyte_schemas.policies import Policies, Reuse
from flyte_schemas.words import Word


class _Nested(Word):
    numbers: tuple[int, ...] = ()
    named: dict[str, int | None] | None = None


@pytest.mark.parametrize("number", ["9" * 25, str(2**63), f"-{2**63}", 1e25, 10**30])
@pytest.mark.parametrize(
    "field",
    [
        lambda number: Policies(retries=number),
        lambda number: Policies(max_inline_io_bytes=number),
        lambda number: Reuse(min_replicas=number, max_replicas=9, idle_ttl_s=1.0, scaledown_ttl_s=1.0),
        lambda number: _Nested(numbers=(1, number)),
        lambda number: _Nested(named={"a": number}),
    ],
)
def test_no_integer_is_larger_than_what_json_is_written_of(field: Any, number: Any) -> None:
    with pytest.raises(ValidationError):
        field(number)


def test_integers_of_64_bits_are_taken() -> None:
    assert _Nested(numbers=(2**63 - 1, -(2**63) + 1)).numbers == (2**63 - 1, -(2**63) + 1)
