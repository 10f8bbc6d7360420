"""`flyte-agent`: run one attempt, be a worker of a pool, or the zygote of many agents."""

import argparse
import sys

from pydantic import ValidationError

from flyte_bus import quick_start
from flyte_schemas.envelope import one_sentence
from flyte_schemas.orders import Order, PoolOrder

ORDERS: dict[str, tuple[type[Order] | type[PoolOrder], str]] = {
    "attempt": (Order, "run one attempt of one action"),
    "pool": (PoolOrder, "run the attempts of a pool in one process"),
}


def main() -> int:
    """Parse the command line and do what it says; the exit code says how it went."""
    parser = argparse.ArgumentParser(prog="flyte-agent", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, (order, what) in ORDERS.items():
        command = commands.add_parser(name, help=what)
        for field in order.model_fields:
            given = order.model_fields[field]
            command.add_argument(
                f"--{field.replace('_', '-')}", required=given.is_required(), default=given.default
            )
    commands.add_parser("zygote", help="fork an agent for each order on standard input")
    arguments = vars(parser.parse_args())
    command = arguments.pop("command")
    quick_start.load_as_reached()
    if command == "zygote":
        from flyte_agent.zygote import serve

        return serve()
    try:
        ordered = ORDERS[command][0].model_validate(arguments)
    except ValidationError as error:
        parser.error(one_sentence(error))
    from flyte_agent.run_attempt import run_order

    return run_order(ordered)


if __name__ == "__main__":
    sys.exit(main())
