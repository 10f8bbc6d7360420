"""Who only looks runs nobody's code: a pickle stands as it is."""

import base64
import operator
import pickle
from typing import Any, ClassVar

import pandas as pd
import pytest

from flyte._runtime.codecs import codec_of
from flyte._runtime.codecs.pickles import Unopened, unopened
from flyte._runtime.described import described_interface
from flyte_schemas.task import Interface, Parameter, TaskTemplate

pytestmark = pytest.mark.filterwarnings("ignore:.*Data will be pickled")


class Hostile:
    """Whose pickle runs code of its maker's choice."""

    opened: ClassVar[list[str]] = []

    def __reduce__(self) -> tuple[Any, ...]:
        return operator.methodcaller("append", "opened"), (self.opened,)


@pytest.mark.parametrize("annotation", [Any, Hostile, list[Hostile], dict[str, Any], pd.DataFrame])
def test_who_only_looks_opens_no_pickle(annotation: Any) -> None:
    raw = pickle.dumps(Hostile())
    said = {"$pickle": base64.b64encode(raw).decode()}
    data = {list[Hostile]: [said], dict[str, Any]: {"x": said}}.get(annotation, said)
    before = len(Hostile.opened)
    with unopened():
        shown = repr(codec_of(annotation).decode(data))
        assert "a pickle of" in shown and len(Hostile.opened) == before
    assert repr(Unopened(7)) == "<a pickle of 7 bytes>"


def test_what_a_task_takes_is_read_without_running_its_authors_code() -> None:
    said = {"$pickle": base64.b64encode(pickle.dumps(Hostile())).decode()}
    parameter = Parameter(name="x", annotation="Any", json_schema={}, required=False, default=said)
    template = TaskTemplate.model_construct(name="env.f", docs=None, interface=Interface(inputs=(parameter,)))
    before = len(Hostile.opened)
    assert isinstance(described_interface(template).inputs["x"].default, Unopened)
    assert len(Hostile.opened) == before
