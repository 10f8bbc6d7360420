"""The parts of a large object that somebody asks places for: as many as there are, and each once."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import pytest
from pydantic import ValidationError

from flyte_bus.errors import Refusal
from flyte_bus.memory import MemoryBus, MemoryServer
from flyte_dataproxy.core.keys import ArtifactKey, Content
from flyte_dataproxy.endpoints import Endpoints
from flyte_dataproxy.settings import S3Settings
from flyte_dataproxy.store.memory import MemoryStore
from flyte_dataproxy.store.s3 import BREATH, S3Store
from flyte_schemas.artifacts import MAX_PARTS, PART_BYTES, content_name
from flyte_schemas.endpoints import CreateUploadLocation
from testkit.cases.artifact_locations import rooms_of

WHERE = {"project": "robots", "domain": "development"}


def asked(parts: int, wanted: tuple[int, ...]) -> CreateUploadLocation:
    part_md5s = tuple(f"{number:032x}" for number in range(parts))
    return CreateUploadLocation(
        **WHERE,
        content_md5=content_name(part_md5s),
        filename="values",
        size_bytes=parts * PART_BYTES,
        part_md5s=part_md5s,
        wanted=wanted,
    )


class Signer:
    """Signs at once, as S3's client does: nothing is awaited that waits."""

    async def generate_presigned_url(self, method: str, Params: dict[str, Any], ExpiresIn: int) -> str:
        return f"https://s3/{Params['PartNumber']}"


def store() -> S3Store:
    """A bucket's places, without a bucket."""
    made = S3Store(S3Settings(bucket="bucket"), url_ttl_s=60, clock=lambda: 0.0, held=AsyncExitStack())
    made._signer = Signer()
    return made


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        ((1, 2, 1), "more than once"),
        ((1, 4), "part 4 is wanted, and the parts are numbered from 1 to 3"),
        ((2**62,), "numbered from 1 to 3"),
    ],
)
async def test_parts_that_are_none_or_twice_are_refused(wanted: tuple[int, ...], why: str) -> None:
    async with MemoryBus(MemoryServer()) as bus:
        keep = MemoryStore()
        endpoints = Endpoints(
            locations=store_over(keep), rooms=rooms_of(keep, bus), max_object_bytes=10**9, clock=lambda: 0.0
        )
        with pytest.raises(Refusal, match=why) as refused:
            await endpoints.create_upload_location(asked(3, wanted))
    assert refused.value.failure.code == "InvalidQuestion"


def store_over(keep: MemoryStore) -> S3Store:
    made = store()
    made.stat = keep.stat  # type: ignore[method-assign]
    return made


@pytest.mark.parametrize("field", ["wanted", "part_md5s"])
def test_no_question_names_more_parts_than_an_object_has(field: str) -> None:
    question = asked(2, (1,)).model_dump()
    for count in (MAX_PARTS, MAX_PARTS + 1):
        question[field] = list(range(1, count + 1)) if field == "wanted" else ["0" * 32] * count
        if count == MAX_PARTS:
            CreateUploadLocation.model_validate(question)
    with pytest.raises(ValidationError, match=f"at most {MAX_PARTS} items"):
        CreateUploadLocation.model_validate(question)


async def test_others_have_their_turn_while_urls_are_signed() -> None:
    question = asked(MAX_PARTS, ())
    key = ArtifactKey(**WHERE, md5=question.content_md5)
    content = Content(key=key, size_bytes=question.size_bytes, part_md5s=question.part_md5s)
    signing = asyncio.create_task(store().upload(content, "u", ()))
    turns = 0
    while not signing.done():
        await asyncio.sleep(0)
        turns += 1
    assert [part.number for part in signing.result().parts] == list(range(1, MAX_PARTS + 1))
    assert turns > MAX_PARTS // BREATH
