"""What can go wrong with an artifact, each with a stable code and a sentence of what to do."""

from flyte_schemas.failure import Failure


class ArtifactError(Exception):
    """An artifact could not be put or got; `code` is stable, `hint` says what to do."""

    code = "ArtifactError"
    hint = ""


class ArtifactUnavailable(ArtifactError):
    """The artifact store could not be reached, or did not do what was asked, within the patience."""

    code = "ArtifactUnavailable"
    hint = "Look whether the dataproxy is running and its URL can be reached from here, then try again."


class ArtifactCorrupted(ArtifactError):
    """The bytes in the store are not the bytes that were put: another digest, or another size."""

    code = "ArtifactCorrupted"
    hint = "Have the damaged object removed from the artifact store, then deploy or run once more."

    def __init__(self, uri: str, *, expected: str, actual: str) -> None:
        super().__init__(f"{uri} is corrupted: expected {expected}, got {actual}")
        self.uri = uri
        self.expected = expected
        self.actual = actual


class ArtifactRefused(ArtifactError):
    """The dataproxy said no, and would say so again; `code` is its failure's (`ArtifactNotFound` …)."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.code = failure.code
        self.hint = failure.hint
        self.failure = failure
