"""The tests' own safety net: a failure that only shows in the log fails the test that caused it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

TESTS = """
import gc

from twisted.internet.defer import Deferred, fail
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase


def log_a_failure():
    Logger().failure("oh", Failure(ValueError("logged")))


def test_lost():
    fail(ValueError("lost"))


def test_logged():
    log_a_failure()


def test_expected(logged_errors):
    log_a_failure()
    assert [failure.type for failure in logged_errors.take(ValueError)] == [ValueError]


def test_other_than_expected(logged_errors):
    log_a_failure()
    logged_errors.take(KeyError)


class InTrialsCase(SynchronousTestCase):
    def test_lost_in_a_cycle(self):
        deferred = fail(ValueError("lost"))
        deferred.itself = deferred

    def test_flushed(self):
        log_a_failure()
        self.flushLoggedErrors(ValueError)

    def test_logged(self):
        log_a_failure()

    def test_handled(self):
        fail(ValueError("handled")).addErrback(lambda failure: None)
"""


def test_failures_do_not_pass(tmp_path: Path) -> None:
    """Lost in a Deferred, in a cycle too, or logged and not taken: the test fails; taken or handled: it passes."""
    shutil.copy(Path(__file__).parent / "conftest.py", tmp_path)
    (tmp_path / "test_it.py").write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "-rA", "--tb=no", "-p", "no:cacheprovider", "--rootdir=.", "."]
    # what passes in there is no test of ours
    environment = {name: value for name, value in os.environ.items() if name != "MAILRELAY_RAN"}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    bad = {
        line.split("::", 1)[1].split(" - ")[0] for line in done.stdout.splitlines() if line[:5] in ("FAILE", "ERROR")
    }
    assert bad == {
        "test_lost",
        "test_logged",
        "test_other_than_expected",
        "InTrialsCase::test_lost_in_a_cycle",
        "InTrialsCase::test_logged",
    }, done.stdout + done.stderr
    assert done.stdout.count("PASSED") > 2
