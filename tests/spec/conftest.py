"""What the specification's readers have: a folder of their own, with a stack on the machine or without."""

from collections.abc import Callable

import pytest

from testkit.cli import Cli, outputs_of
from testkit.stacks import cli, lonely_cli, stack_home

__all__ = ["cli", "lonely_cli", "run_alike", "stack_home"]


@pytest.fixture
def run_alike(cli: Cli, lonely_cli: Cli) -> Callable[..., str]:
    """Types `flyte run …` on the stack and, without one, with `--local`: the outputs, which are the same."""

    def run(*words: str) -> str:
        on_the_stack = outputs_of(cli.ok("run", *words))
        locally = outputs_of(lonely_cli.ok("run", "--local", *words))
        assert on_the_stack == locally
        return on_the_stack

    return run
