"""Judging the passwords of people in a pool of threads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from twisted.python.failure import Failure
from twisted.python.threadpool import ThreadPool
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.mail.reply import Refusal
from mailrelay.run.passwords import judge
from mailrelay.vault import Vault, hash_password


class Pool:
    """Keeps what it is given until it is told to do it."""

    def __init__(self) -> None:
        self.waiting: list[Callable[[], None]] = []

    def callInThreadWithCallback(self, tell: Any, function: Callable[..., Any], *given: Any, **named: Any) -> None:
        def do() -> None:
            try:
                result = function(*given, **named)
            except BaseException:
                tell(False, Failure())
            else:
                tell(True, result)

        self.waiting.append(do)

    def callFromThread(self, function: Callable[..., Any], *given: Any) -> None:
        function(*given)

    def work(self) -> None:
        while self.waiting:
            self.waiting.pop(0)()


class PasswordTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.pool = Pool()
        self.judge = judge(self.pool, cast(ThreadPool, self.pool), Vault(b"k" * 32).digest)

    def test_judged(self) -> None:
        """A right password is told from a wrong one, and nobody's is hashed like any other."""
        kept = hash_password("right")
        for digest, password, right in ((kept, "right", True), (kept, "wrong", False), ("", "right", False)):
            asked = self.judge("ann", digest, password, "::1")
            self.assertNoResult(asked)
            self.assertEqual(len(self.pool.waiting), 1)
            self.pool.work()
            self.assertIs(self.successResultOf(asked), right)

    def test_bounded(self) -> None:
        """A6: one is looked at at a time, and who asks for too many at once is put off without one."""
        asked = [self.judge(f"eve{number}", "", "wrong", "192.0.2.1") for number in range(40)]
        self.assertEqual(len(self.pool.waiting), 1)
        refused = [each for each in asked if each.called]
        self.assertGreater(len(refused), 10)
        for each in refused:
            self.failureResultOf(each, Refusal)
        self.assertNoResult(self.judge("ann", "", "wrong", "192.0.2.2"))
