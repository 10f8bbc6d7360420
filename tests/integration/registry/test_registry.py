"""The whole registry, on a real nats-server."""

from testkit.cases.registry import DeploymentCases, QuestionCases, ReadModelCases


class TestDeployments(DeploymentCases): ...


class TestQuestions(QuestionCases): ...


class TestReadModel(ReadModelCases): ...
