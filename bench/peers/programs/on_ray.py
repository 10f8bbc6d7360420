"""Ray: one node of two cores, tasks in its pool of worker processes, in memory only.

The parent is the program that has called `ray.init`.
"""

import os

import ray
from measuring import Measuring


@ray.remote
def square(number: int) -> int:
    """The child."""
    return number * number


def main() -> None:
    """Start the node and call from here."""
    measuring = Measuring()
    ray.init(
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        object_store_memory=200 * 2**20,
        _node_ip_address="127.0.0.1",
        _temp_dir=str(measuring.folder / "ray"),
    )
    try:
        measuring.idle(os.getpid())
        measuring.in_turn("child", lambda number: ray.get(square.remote(number)))
        measuring.at_once(lambda numbers: ray.get([square.remote(number) for number in numbers]))
    finally:
        ray.shutdown()


if __name__ == "__main__":
    main()
