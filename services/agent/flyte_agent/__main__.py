"""`flyte-agent`: run one attempt, or be the zygote of many."""

import argparse
import sys

from pydantic import ValidationError

from flyte_agent.order import Order
from flyte_schemas.envelope import one_sentence


def main() -> int:
    """Parse the command line and do what it says; the exit code says how it went."""
    parser = argparse.ArgumentParser(prog="flyte-agent", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    attempt = commands.add_parser("attempt", help="run one attempt of one action")
    for name in Order.model_fields:
        attempt.add_argument(f"--{name}", required=True)
    commands.add_parser("zygote", help="fork an agent for each order on standard input")
    arguments = vars(parser.parse_args())
    if arguments.pop("command") == "zygote":
        from flyte_agent.zygote import serve

        return serve()
    try:
        order = Order.model_validate(arguments)
    except ValidationError as error:
        parser.error(one_sentence(error))
    from flyte_agent.run_attempt import run_attempt

    return run_attempt(order)


if __name__ == "__main__":
    sys.exit(main())
