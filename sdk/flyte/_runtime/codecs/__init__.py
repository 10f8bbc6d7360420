"""How values of each type travel: a codec for every annotation, chosen by `codec_of`."""

from flyte._runtime.codecs.choice import codec_of
from flyte._runtime.codecs.codec import Codec, Unfit
from flyte._runtime.codecs.naming import annotation_text

__all__ = ["Codec", "Unfit", "annotation_text", "codec_of"]
