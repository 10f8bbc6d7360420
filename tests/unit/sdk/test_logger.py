"""`flyte.logger` and `flyte.durable`."""

import datetime
import json
import logging
import pickle
import time

import pytest

import flyte


@pytest.fixture(autouse=True)
def no_levels(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOG_LEVEL", "USER_LOG_LEVEL"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("variables", "written"),
    [
        ({}, ["INFO", "ERROR"]),
        ({"LOG_LEVEL": "ERROR"}, ["ERROR"]),
        ({"LOG_LEVEL": "ERROR", "USER_LOG_LEVEL": "debug"}, ["DEBUG", "INFO", "ERROR"]),
        ({"USER_LOG_LEVEL": "40"}, ["ERROR"]),
        ({"USER_LOG_LEVEL": "nonsense"}, ["INFO", "ERROR"]),
    ],
)
def test_a_tasks_variables_set_the_level_and_standard_error_is_the_place(
    capsys: pytest.CaptureFixture[str], variables: dict[str, str], written: list[str]
) -> None:
    env = flyte.TaskEnvironment(name="env", env_vars=variables)

    @env.task
    def work() -> None:
        flyte.logger.debug("said %s", "DEBUG")
        flyte.logger.info("said INFO")
        flyte.logger.error("said ERROR")

    flyte.run(work)
    captured = capsys.readouterr()
    assert [line.rpartition(" ")[2] for line in captured.err.splitlines() if "said" in line] == written
    assert captured.out == ""


def test_a_level_that_was_set_holds(capsys: pytest.CaptureFixture[str]) -> None:
    flyte.logger.setLevel(logging.ERROR)
    try:
        flyte.logger.warning("quiet")
        assert not flyte.logger.isEnabledFor(logging.WARNING)
    finally:
        flyte.logger.setLevel(logging.NOTSET)
    flyte.logger.warning("loud")
    assert "quiet" not in (errors := capsys.readouterr().err)
    assert "loud" in errors


def test_the_systems_logger_is_quieter_and_both_can_be_pickled() -> None:
    assert flyte.system_logger.getEffectiveLevel() == logging.WARNING
    for logger in (flyte.logger, flyte.system_logger):
        assert pickle.loads(pickle.dumps(logger)) is logger


async def test_durable_time_is_the_clock() -> None:
    before = time.time()
    flyte.durable.sleep(0)
    await flyte.durable.sleep.aio(0)
    assert before <= flyte.durable.time() <= await flyte.durable.time.aio() <= time.time()
    now: datetime.datetime = flyte.durable.now()
    assert now <= await flyte.durable.now.aio()
    assert now.tzinfo is not None


def test_what_init_says_of_levels_holds_where_no_variable_does(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    try:
        flyte.init(log_level="ERROR", user_log_level=logging.DEBUG)
        assert flyte.system_logger.getEffectiveLevel() == logging.ERROR
        assert flyte.logger.getEffectiveLevel() == logging.DEBUG
        monkeypatch.setenv("LOG_LEVEL", "INFO")
        assert flyte.system_logger.getEffectiveLevel() == logging.INFO
    finally:
        flyte.init(log_level=logging.WARNING, user_log_level=logging.INFO)


def test_a_line_may_be_json(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOG_FORMAT", "json")
    try:
        raise KeyError("k")
    except KeyError:
        flyte.logger.exception("it %s", "broke")
    said = json.loads(capsys.readouterr().err)
    assert (said["level"], said["logger"], said["message"]) == ("ERROR", "flyte.user", "it broke")
    assert "KeyError: 'k'" in said["traceback"]
