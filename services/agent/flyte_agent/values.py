"""Large values beside the bus: put into the artifact store on the way out, fetched on the way in."""

from collections.abc import Mapping

import orjson

from flyte._runtime.transfer import Artifacts
from flyte_schemas.literals import INLINE_LIMIT_BYTES, AnyLiteral, InlineLiteral, ReferencedLiteral

FILENAME = "value.json"


class Values:
    """Moves values between inline and referenced."""

    def __init__(self, artifacts: Artifacts) -> None:
        self._artifacts = artifacts

    async def offload(self, values: Mapping[str, AnyLiteral]) -> Mapping[str, AnyLiteral]:
        """Values fit for one event: the largest go by reference until the rest stays within the limit.

        Raises the errors of `Artifacts.put`.
        """
        encoded = {
            name: orjson.dumps(literal.value)
            for name, literal in values.items()
            if isinstance(literal, InlineLiteral)
        }
        total = sum(map(len, encoded.values()))
        moved: dict[str, AnyLiteral] = dict(values)
        for name in sorted(encoded, key=lambda name: len(encoded[name]), reverse=True):
            if total <= INLINE_LIMIT_BYTES:
                break
            total -= len(encoded[name])
            moved[name] = await self._put(encoded[name])
        return moved

    async def resolve(self, values: Mapping[str, AnyLiteral]) -> Mapping[str, AnyLiteral]:
        """The same values, all inline. Raises the errors of `Artifacts.get`."""
        return {name: await self._get(literal) for name, literal in values.items()}

    async def _put(self, data: bytes) -> ReferencedLiteral:
        stored = await self._artifacts.put(data, FILENAME)
        return ReferencedLiteral(uri=stored.uri, sha256=stored.sha256, size_bytes=stored.size_bytes)

    async def _get(self, literal: AnyLiteral) -> AnyLiteral:
        if isinstance(literal, InlineLiteral):
            return literal
        data = await self._artifacts.get(literal.uri, literal.sha256, literal.size_bytes)
        return InlineLiteral(value=orjson.loads(data))
