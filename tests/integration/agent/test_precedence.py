"""A task gives way to its agent, so that somebody is left to tell: in processor time and in memory."""

from flyte_agent.settings import TASK_NICENESS
from testkit.agents import Agents


async def test_of_a_task_and_its_agent_the_kernel_takes_the_task_when_memory_runs_out(agents: Agents) -> None:
    order = await agents.open(
        "@env.task\ndef main() -> list[int]:\n"
        "    scores = [Path(f'/proc/{pid}/oom_score_adj') for pid in (os.getppid(), os.getpid())]\n"
        "    return [int(score.read_text()) for score in scores]\n"
    )
    found = await agents.output(await agents.run(order))
    assert isinstance(found, list)
    of_agent, of_task = found
    assert of_task > of_agent


async def test_a_task_gives_way_to_its_agent(agents: Agents) -> None:
    order = await agents.open(
        "@env.task\ndef main() -> list[int]:\n"
        "    return [os.getpriority(os.PRIO_PROCESS, pid) for pid in (os.getppid(), os.getpid())]\n"
    )
    found = await agents.output(await agents.run(order))
    assert isinstance(found, list)
    of_agent, of_task = found
    assert of_task == min(19, of_agent + TASK_NICENESS)
