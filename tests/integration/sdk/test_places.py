"""Places behind a server: the stack's artifact store over signed URLs, and S3."""

import uuid

import pytest

from testkit.artifact_store import RunningStore
from testkit.cases.places import GivingUpCases
from testkit.seaweed import BUCKET, SeaweedServer


class TestArtifacts(GivingUpCases):
    @pytest.fixture
    def root(self, artifact_store: RunningStore) -> str:
        return f"flyte://raw/run/action/{uuid.uuid4().hex}"


class TestS3(GivingUpCases):
    @pytest.fixture
    def root(self, seaweed: SeaweedServer, monkeypatch: pytest.MonkeyPatch) -> str:
        for name, value in seaweed.variables.items():
            monkeypatch.setenv(name, value)
        return f"s3://{BUCKET}/{uuid.uuid4().hex}"
