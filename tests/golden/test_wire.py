"""What every word looks like on the wire: what was written yesterday is read tomorrow."""

from pathlib import Path

import orjson
import pytest

from flyte_schemas.envelope import AnyEvent, decode, encode
from flyte_schemas.vocabulary import DATA_TYPES
from testkit.examples import EXAMPLES
from testkit.golden import is_golden

FOLDER = Path(__file__).parent / "wire"
every_type = pytest.mark.parametrize("event", EXAMPLES, ids=lambda event: event.type)


def path_of(event: AnyEvent) -> Path:
    return FOLDER / f"{event.type}.json"


@every_type
def test_a_word_is_written_as_it_always_was(event: AnyEvent) -> None:
    document = orjson.loads(encode(event))
    text = orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()
    assert is_golden(path_of(event), text), "the wire changes only on purpose, with FLYTE_GOLDEN=write"


@every_type
def test_a_word_is_read_as_it_was_meant(event: AnyEvent) -> None:
    assert decode(path_of(event).read_bytes()) == event


def test_every_type_has_an_example() -> None:
    assert sorted(event.type for event in EXAMPLES) == sorted(data.TYPE for data in DATA_TYPES)


def test_no_file_is_left_of_a_type_that_is_gone() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {path_of(event).name for event in EXAMPLES}
