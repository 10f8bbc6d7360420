"""What `flyte get task NAME` says of a task: all that was declared of it, and nothing that was not."""

from flyte._cli.task_facts import task_text
from flyte_schemas.endpoints import TaskRecord
from flyte_schemas.policies import Backoff, PodTemplate, Policies
from flyte_schemas.task import TaskTemplate
from testkit.examples import TEMPLATE
from testkit.tasks import NOON, template


def facts(task: TaskTemplate) -> dict[str, list[str]]:
    """The facts by their labels."""
    record = TaskRecord(
        project="p", domain="d", name=task.name, version="v1", deployed_at=NOON, template=task
    )
    found: dict[str, list[str]] = {}
    for line in task_text(record).splitlines():
        found.setdefault(line[:16].strip(), []).append(line[16:].strip())
    return found


def test_of_a_plain_task_only_what_there_is_is_said() -> None:
    assert set(facts(template("env.fn"))) == {
        *("name", "version", "deployed", "signature", "environment", "source", "image", "retries")
    }


def test_of_a_full_task_everything_is_said() -> None:
    shown = facts(TEMPLATE)
    assert shown["image layer"] == ["pip pandas pre=True", "requirements requirements.txt"]
    assert shown["retries"] == ["3, after 1 s, then 2 times as long, at most 60 s"]
    assert (shown["timeout"], shown["queue timeout"], shown["deadline"]) == (["300 s"], ["60 s"], ["3600 s"])
    assert shown["secret"] == ["key=token, group=team, as_env_var=TEAM_TOKEN"]
    assert shown["trigger nightly"][0].startswith("0 3 * * * (Europe/Berlin)  description=At night.")
    assert shown["trigger often"][0].startswith("every 5 min")
    assert shown["trigger arrival"] == ["artifact table  artifact_inputs=['table']"]
    assert shown["email"] == ["failed  recipients=['a@example.com']"]
    assert shown["named-rule"] == ["name=on-call"]
    assert {
        *("short name", "resources", "env vars", "interruptible", "cache", "pod template", "reuse", "queue"),
        *("inline limit", "report", "entrypoint", "artifacts", "plugin", "resolver", "link", "bundle"),
    } - set(shown) <= {"short name"}


def test_pauses_and_pods_are_said_as_they_are() -> None:
    policies = Policies(retries=1, backoff=Backoff(base_s=2))
    shown = facts(template("env.fn", policies=policies, pod_template=PodTemplate(name="fast")))
    assert (shown["retries"], shown["pod template"]) == (["1, after 2 s"], ["fast"])
