"""Tables: pandas in, Parquet between tasks, and a report that shows the result.

flyte run sdk/examples/06_tables.py main --rows 1000
"""

from typing import Annotated

import pandas as pd

import flyte
import flyte.report
from flyte.io import DataFrame, HashFunction

env = flyte.TaskEnvironment(name="tables")

Prices = Annotated[
    pd.DataFrame, HashFunction.from_fn(lambda table: str(pd.util.hash_pandas_object(table).sum()))
]
"""A table that counts by the hash of its rows: the cache need not look at more."""


@env.task
async def generate(rows: int) -> DataFrame:
    table = pd.DataFrame({"item": [f"item{row % 5}" for row in range(rows)], "cents": range(rows)})
    return await DataFrame.from_local(table)


@env.task(cache="auto")
async def total(prices: Prices) -> dict[str, int]:
    return {str(item): int(cents) for item, cents in prices.groupby("item")["cents"].sum().items()}


@env.task
async def largest(prices: DataFrame) -> int:
    """One part of the table is in memory at a time, and of it only one column."""
    found = 0
    async for part in prices.open(pd.DataFrame, columns=["cents"]).iter():
        found = max(found, int(part["cents"].max()))
    return found


@env.task(report=True)
async def main(rows: int) -> tuple[dict[str, int], int]:
    prices = await generate(rows)
    table = await prices.open(pd.DataFrame).all()
    await flyte.report.log.aio(table.describe())
    return await total(table), await largest(prices)


if __name__ == "__main__":
    flyte.init_from_config()
    run = flyte.run(main, rows=1000)
    run.wait()
    print(run.outputs())
