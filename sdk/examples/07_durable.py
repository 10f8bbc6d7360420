"""What a task keeps when it is tried again: traced steps, times, and checkpoints.

flyte run sdk/examples/07_durable.py order
flyte run sdk/examples/07_durable.py train --epochs 5
"""

import uuid
from collections.abc import Iterator

import flyte

env = flyte.TaskEnvironment(name="durable")


@flyte.trace
def pay(amount: float) -> str:
    """A step that must not happen twice: its receipt is in the log before the task goes on."""
    receipt = uuid.uuid4().hex[:8]
    print(f"paid {amount}: receipt {receipt}")
    return receipt


@flyte.trace
def parcels(count: int) -> Iterator[int]:
    for number in range(count):
        print(f"packed parcel {number}")
        yield number


@env.task(retries=1)
def order() -> str:
    """Fails once after its steps: the second attempt runs none of them, and sees the same times."""
    ordered = flyte.durable.now()
    receipt = pay(9.5)
    packed = list(parcels(3))
    flyte.durable.sleep(0.5)
    if flyte.ctx().attempt_number == 0:
        raise ConnectionError("the line is dead")
    return f"{len(packed)} parcels, ordered at {ordered:%H:%M:%S}, receipt {receipt}"


@env.task(retries=3)
async def train(epochs: int) -> int:
    """Loses its process twice on the way, and goes on from the last checkpoint."""
    checkpoint = flyte.ctx().checkpoint
    assert checkpoint is not None  # every task has one
    saved = await checkpoint.load()
    done = int(saved.read_text()) if saved else 0
    print(f"from epoch {done}")
    while done < epochs:
        done += 1
        await checkpoint.save(str(done).encode())
        if done % 2 == 0:
            raise MemoryError(f"after epoch {done}")
    return done


if __name__ == "__main__":
    run = flyte.run(order)
    run.wait()
    print(run.outputs()[0])
