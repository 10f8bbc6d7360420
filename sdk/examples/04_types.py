"""Values of many types, from the command line and between tasks.

flyte run sdk/examples/04_types.py bill --order '{"items": [{"name": "tea", "cents": 350}]}'
flyte run sdk/examples/04_types.py bill --help
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from pydantic import BaseModel

import flyte

env = flyte.TaskEnvironment(name="types")


class Currency(Enum):
    EURO = "eur"
    DOLLAR = "usd"


@dataclass
class Item:
    name: str
    cents: int
    amount: int = 1


@dataclass
class Order:
    items: list[Item] = field(default_factory=list)


class Bill(BaseModel):
    total_cents: int
    currency: Currency
    due: datetime | None
    lines: dict[str, int]


@env.task
async def price(item: Item) -> tuple[str, int]:
    """Two outputs: the caller gets a tuple."""
    return item.name, item.cents * item.amount


@env.task
async def bill(order: Order, currency: Currency = Currency.EURO, due: datetime | None = None) -> Bill:
    """Add up an order.

    Args:
        order: What was ordered, as JSON.
        currency: By name or value.
        due: When to pay; without a zone it is UTC.
    """
    lines = dict([await price(item) for item in order.items])
    return Bill(total_cents=sum(lines.values()), currency=currency, due=due, lines=lines)
