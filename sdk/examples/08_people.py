"""A task that waits for a person, and goes on with the answer.

flyte run sdk/examples/08_people.py release --version 1.2 --patience 2

Nobody answers in two seconds. With more patience on a stack, answer from another terminal:

    flyte get run --paused-only
    flyte get condition RUN
    flyte signal condition RUN approve yes

A local run (`--local`) asks at its own terminal.
"""

import flyte

env = flyte.TaskEnvironment(name="people")


@env.task
async def test(version: str) -> int:
    return len(version) * 100


@env.task
async def release(version: str = "1.0", patience: float = 3600.0) -> str:
    passed = await test(version)
    approval = await flyte.new_condition.aio(
        "approve", prompt=f"{passed} tests have passed: release {version}?", timeout=patience
    )
    try:
        approved = await approval.wait.aio()
    except flyte.errors.ConditionTimedoutError:
        return f"{version} stays where it is: nobody answered"
    return f"{version} is out" if approved else f"{version} stays where it is"
