"""The texts that people get: what a failure says is text there, and never a link, a mention or formatting."""

from typing import Any

from flyte_notifier.core.messages import slack_body, teams_body

RUN = {"name": "r_1", "action": "a0", "task": "env.task", "project": "p", "domain": "d", "phase": "failed"}
TOLD = {
    "run": RUN | {"failure": {"code": "E", "message": "<!channel> & <http://x|y> [z](http://x) *b* `c` \\\\"}}
}
OWN = "<!here> & [a](http://b)"


def _teams_text(settings: dict[str, Any]) -> str:
    text = teams_body(settings, TOLD)["attachments"][0]["content"]["body"][0]["text"]
    assert isinstance(text, str)
    return text


def test_a_failure_mentions_nobody_in_slack_and_hides_no_address() -> None:
    said = "&lt;!channel&gt; &amp; &lt;http://x|y&gt; [z](http://x) *b* `c` \\\\"
    assert slack_body({}, TOLD) == {"text": f"run r_1 of task env.task (p/d): FAILED: E: {said}"}


def test_a_failure_is_no_markdown_in_teams() -> None:
    said = r"<!channel> & <http://x|y> \[z\]\(http://x\) \*b\* \`c\` \\\\"
    assert _teams_text({}) == rf"run r\_1 of task env.task \(p/d\): FAILED: E: {said}"


def test_ones_own_message_is_sent_as_it_stands() -> None:
    assert slack_body({"message": OWN}, TOLD) == {"text": OWN}
    assert _teams_text({"message": OWN}) == OWN
