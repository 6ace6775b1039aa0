"""What holds for every test under pytest: no failure goes unseen, and nothing is left in the source tree.

A failure that is lost in a Deferred, or that is only logged, fails the test in which it came to light. Trial's own test
cases look after errors logged while they run (`flushLoggedErrors`); other tests take what they expect from
`logged_errors`.

With MAILRELAY_RAN, the path of a file, each test that passed leaves a line there: `tests.ran` tells by them whether a
full run has left out anything that the documentation counts on.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from twisted.logger import ILogObserver, LogEvent, formatEvent, globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

#: Where those that passed are told, before any test changes the folder.
RAN = Path(os.environ["MAILRELAY_RAN"]).absolute() if os.environ.get("MAILRELAY_RAN") else None


@implementer(ILogObserver)
class LoggedErrors:
    """Remembers the failures that were logged."""

    def __init__(self) -> None:
        self.events: list[LogEvent] = []

    def __call__(self, event: LogEvent) -> None:
        if "log_failure" in event:
            self.events.append(event)

    def take(self, kind: type[BaseException] = BaseException) -> list[Failure]:
        """The failures of a kind logged so far, which are thereby expected."""
        found = [event for event in self.events if isinstance(event["log_failure"].value, kind)]
        self.events = [event for event in self.events if event not in found]
        return [event["log_failure"] for event in found]

    def __str__(self) -> str:
        return "\n".join(f"{formatEvent(event)}\n{event['log_failure'].getTraceback()}" for event in self.events)


@pytest.fixture(autouse=True)
def logged_errors(request: pytest.FixtureRequest) -> Iterator[LoggedErrors]:
    """Fails the test at its end if an error was logged that nobody took."""
    errors = LoggedErrors()
    globalLogPublisher.addObserver(errors)
    try:
        yield errors
        if request.cls is not None and issubclass(request.cls, SynchronousTestCase):
            errors.take()
        gc.collect()
        # what outlives a test is looked at once: without this each collection costs more than the one before
        gc.freeze()
    finally:
        globalLogPublisher.removeObserver(errors)
    if errors.events:
        pytest.fail(f"unexpected errors were logged:\n{errors}", pytrace=False)


@pytest.fixture(autouse=True, scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Tests run in a folder of their own, as under trial, so that `mktemp` leaves nothing in the source tree."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("run"))
        yield


def pytest_collection_finish() -> None:
    """What is loaded by now stays loaded: the collector need not look at it after each test."""
    gc.collect()
    gc.freeze()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Several processes write to one file: a line at a time."""
    if RAN is not None and report.when == "call" and report.passed:
        with RAN.open("a") as file:
            file.write(f"{report.nodeid}\n")
