"""One task.

flyte run sdk/examples/01_hello.py hello --name World
flyte run --local sdk/examples/01_hello.py hello --name World
"""

import flyte

env = flyte.TaskEnvironment(name="hello")


@env.task
async def hello(name: str = "World", excited: bool = False) -> str:
    """Greet somebody.

    Args:
        name: Whom to greet.
        excited: Whether to raise the voice.
    """
    print(f"about to greet {name}")
    return f"Hello, {name}{'!' if excited else '.'}"


if __name__ == "__main__":
    flyte.init_from_config()
    run = flyte.run(hello, name="World", excited=True)
    print(run.url)
    run.wait()
    print(run.status, run.outputs().o0)
