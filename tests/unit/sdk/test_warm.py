"""What is loaded ahead for runners."""

import subprocess
import sys

SCRIPT = """
import sys
from flyte._runtime.warm import warm_up
warm_up()
ahead = set(sys.modules)
import flyte
env = flyte.TaskEnvironment(name="ahead")
@env.task
async def square(number: int) -> int:
    return number * number
square.native_interface
late = {name for name in set(sys.modules) - ahead if name.startswith("flyte")}
print(sorted(late))
print(any(name.startswith(("flyte._client", "nats", "flyte_bus")) for name in sys.modules))
"""


def test_a_module_with_tasks_finds_all_of_the_sdk_loaded_and_no_network_client() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["[]", "False"]
