"""What is loaded ahead for runners."""

import subprocess
import sys

SCRIPT = """
import datetime, sys
import flyte._runtime.runner
from flyte._runtime.warm import warm_up
warm_up()
ahead = set(sys.modules)
import flyte
env = flyte.TaskEnvironment(name="ahead")
@env.task
async def square(number: int, when: datetime.datetime, of: list[int]) -> int:
    return number * number
from flyte._runtime import convert
values = {"number": 1, "when": datetime.datetime.now(), "of": [1]}
inputs = convert.inputs_to_wire(square.native_interface, values)
convert.inputs_from_wire(square.native_interface, inputs)
convert.outputs_to_wire(square.native_interface, 1)
late = set(sys.modules) - ahead
print(sorted(late))
print(any(name.startswith(("flyte._client", "nats", "flyte_bus")) for name in sys.modules))
"""


def test_a_module_with_tasks_finds_all_of_the_sdk_loaded_and_no_network_client() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["[]", "False"]
