"""Unions: a value comes back as the member that it was, even where members look alike as JSON.

A value goes untagged when its JSON alone says which member it is: of the members that give this kind of
JSON it is the first. Others are tagged, `{"$case": "datetime", "value": "2024-01-02T00:00:00"}`. What people
and other programs write untagged is read as well.
"""

from collections.abc import Mapping
from typing import Any

from flyte._runtime.codecs.codec import Codec, Definitions, Unfit, Whole, kind_of
from flyte._runtime.codecs.naming import annotation_text
from flyte._runtime.codecs.pickles import PickleCodec
from flyte._runtime.codecs.schemas import CASE

TAG, VALUE = "$case", "value"


class UnionCodec(Whole):
    """One of several types."""

    def __init__(self, members: list[tuple[Any, Codec]]) -> None:
        texts = [annotation_text(annotation) for annotation, _ in members]
        self._names = [
            text if texts.count(text) == 1 else f"{text}#{index}" for index, text in enumerate(texts)
        ]
        self._codecs = [codec for _, codec in members]
        self.kinds = frozenset().union(*(codec.kinds for codec in self._codecs))
        self.is_inline = all(codec.is_inline for codec in self._codecs)

    def encode(self, value: Any) -> Any:
        complaints: dict[int, Unfit] = {}
        for index in self._candidates(value):
            try:
                data = self._codecs[index].encode(value)
            except Unfit as error:
                complaints[index] = error
                continue
            return self._tagged(index, data)
        raise self._none_fits(complaints)

    def decode(self, data: Any) -> Any:
        if isinstance(data, Mapping) and data.keys() == {TAG, VALUE} and data[TAG] in self._names:
            return self._codecs[self._names.index(data[TAG])].decode(data[VALUE])
        kind = kind_of(data)
        likely = sorted(enumerate(self._codecs), key=lambda item: kind not in item[1].kinds)
        complaints: dict[int, Unfit] = {}
        for index, codec in likely:
            try:
                return codec.decode(data)
            except Unfit as error:
                complaints[index] = error
        raise self._none_fits(complaints)

    def schema(self, definitions: Definitions) -> dict[str, Any]:
        parts = []
        for index, (name, codec) in enumerate(zip(self._names, self._codecs, strict=True)):
            mark = {CASE: name} if self._may_be_tagged(index) else {}
            parts.append({**codec.schema(definitions), **mark})
        return {"anyOf": parts}

    def _candidates(self, value: Any) -> list[int]:
        """Members by how well they suit: of exactly this class, then in order, pickled ones last."""

        def rank(index: int) -> int:
            codec = self._codecs[index]
            if codec.python_type is type(value):
                return 0
            return 2 if isinstance(codec, PickleCodec) else 1

        return sorted(range(len(self._codecs)), key=rank)

    def _tagged(self, index: int, data: Any) -> Any:
        kind = kind_of(data)
        first = next(place for place, codec in enumerate(self._codecs) if kind in codec.kinds)
        looks_tagged = isinstance(data, dict) and data.keys() == {TAG, VALUE}
        return {TAG: self._names[index], VALUE: data} if first != index or looks_tagged else data

    def _may_be_tagged(self, index: int) -> bool:
        return any(self._codecs[index].kinds & codec.kinds for codec in self._codecs[:index])

    def _none_fits(self, complaints: dict[int, Unfit]) -> Unfit:
        """What each member says; of an Optional only what its one type says."""
        told = {index: error for index, error in complaints.items() if self._names[index] != "None"}
        if len(told) == 1:
            return next(iter(told.values()))
        return Unfit(
            *(
                (place, f"{message} (as {self._names[index]})")
                for index, error in sorted(told.items())
                for place, message in error.complaints[:1]
            )
        )
