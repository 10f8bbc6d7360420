"""Pools as executors name them."""

from flyte_schemas.policies import Reuse
from flyte_schemas.pools import Pool, pool_of
from flyte_schemas.subjects import RunKey
from testkit.tasks import template


def pool_for(run: RunKey, reuse: Reuse) -> Pool:
    """The pool of a task of this policy in the place of a run."""
    pool = pool_of(template("env.fn").model_copy(update={"reuse": reuse}), "1", run, {})
    assert pool is not None
    return pool
