"""Dask distributed: a scheduler and two worker processes of one thread, in memory only.

The parent is the program that has the client.
"""

import os

from dask.distributed import Client, LocalCluster
from measuring import Measuring


def square(number: int) -> int:
    """The child."""
    return number * number


def main() -> None:
    """Start the cluster and submit from here; `pure=False`, so no result is taken from an earlier call."""
    measuring = Measuring()
    with (
        LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address=None,
            worker_dashboard_address=None,
            local_directory=str(measuring.folder),
        ) as cluster,
        Client(cluster) as client,
    ):
        measuring.idle(os.getpid())
        measuring.in_turn("child", lambda number: client.submit(square, number, pure=False).result())
        measuring.at_once(lambda numbers: client.gather(client.map(square, numbers, pure=False)))


if __name__ == "__main__":
    main()
