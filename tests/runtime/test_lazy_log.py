"""Lines reach the file in batches, and what is wrong at once."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kanoa_mlops.runtime.lazy_log import LazyLog, Stamped


@pytest.fixture
def log(tmp_path: Path) -> Iterator[logging.Logger]:
    with (tmp_path / "log").open("a") as file:
        handler = LazyLog(file)
        logger = logging.Logger("lazy")
        logger.addHandler(handler)
        yield logger
        handler.close()


def test_what_is_wrong_is_written_at_once_with_all_before_it(log: logging.Logger, tmp_path: Path) -> None:
    log.info("first")
    log.error("second")
    assert (tmp_path / "log").read_text() == "first\nsecond\n"


def test_the_rest_is_written_without_being_asked_for(log: logging.Logger, tmp_path: Path) -> None:
    log.info("alone")
    end = time.monotonic() + 30
    while (tmp_path / "log").read_text() != "alone\n":
        assert time.monotonic() < end
        time.sleep(0.01)


def test_closing_writes_what_is_left(tmp_path: Path) -> None:
    with (tmp_path / "log").open("a") as file:
        handler = LazyLog(file)
        handler.emit(logging.makeLogRecord({"msg": "last"}))
        handler.close()
        assert (tmp_path / "log").read_text() == "last\n"


def failed() -> logging.LogRecord:
    try:
        raise ValueError("why")
    except ValueError:
        return logging.LogRecord("gateway", logging.ERROR, "", 1, "%s went wrong", ("it",), sys.exc_info())


@pytest.mark.parametrize(
    "record",
    [
        logging.LogRecord("gateway", logging.INFO, "", 1, "request id=%s", ("a",), None),
        logging.LogRecord("gateway", logging.WARNING, "", 1, "100%", None, None),
        failed(),
    ],
    ids=["plain", "without values", "with a traceback"],
)
def test_a_line_is_that_of_pythons_own_formatter(record: logging.LogRecord) -> None:
    own, formatter = logging.Formatter("%(asctime)s %(levelname)s %(message)s"), Stamped()
    for seconds in (0.0, 0.25, 3600.5):
        record.created += seconds
        record.msecs = int(record.created % 1 * 1000) + 0.0
        assert formatter.format(record) == own.format(record)
