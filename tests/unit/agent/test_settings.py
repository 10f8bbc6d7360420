"""What the agent's variables may say, and how it is told when they say something else."""

import pytest

from flyte_agent.settings import from_environment


@pytest.mark.parametrize("name", ["FLYTE_AGENT_OUTPUT_BYTES_PER_S", "FLYTE_AGENT_TASK_NICENESS"])
@pytest.mark.parametrize("text", ["-1", "1.5", "20x", " ", "²"])
def test_a_number_that_is_none_is_told_with_its_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str
) -> None:
    monkeypatch.setenv(name, text)
    with pytest.raises(ValueError, match=name):
        from_environment()


def test_tasks_may_be_as_important_as_all_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLYTE_AGENT_TASK_NICENESS", "0")
    assert from_environment().task_niceness == 0
