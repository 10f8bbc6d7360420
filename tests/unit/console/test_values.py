"""Values as the page gets them."""

from flyte_console.answers.parts import InlineValue, ReferencedValue
from flyte_console.core.values import shown
from flyte_schemas.literals import InlineLiteral, Literals, ReferencedLiteral
from flyte_schemas.subjects import RunKey

ACTION = RunKey("p", "d", "r").action("a0")
URI = "flyte://artifacts/p/d/x"
HREF = "/api/v1/projects/p/domains/d/runs/r/actions/a0/object?uri=flyte%3A%2F%2Fartifacts%2Fp%2Fd%2Fx"


def test_what_is_large_is_a_link_be_it_json_or_bytes() -> None:
    place = {"uri": URI, "sha256": "0" * 64, "size_bytes": 7}
    values: Literals = {
        "json": ReferencedLiteral(uri=URI, sha256="0" * 64, size_bytes=7),
        "bytes": InlineLiteral(value={"$payload": place}),
        "small": InlineLiteral(value={"$dict": {"$payload": place}}),
    }
    assert shown(values, ACTION) == {
        "json": ReferencedValue(uri=URI, size_bytes=7, href=HREF, is_json=True),
        "bytes": ReferencedValue(uri=URI, size_bytes=7, href=HREF, is_json=False),
        "small": InlineValue(value={"$dict": {"$payload": place}}),
    }
