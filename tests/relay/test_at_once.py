"""Coroutines as Deferreds: what needs no waiting is there at once, and all else is as Twisted has it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.relay.at_once import at_once


class AtOnceTests(SynchronousTestCase):
    async def told(self, waited_for: Sequence[Deferred[Any]]) -> list[Any]:
        """What each of some Deferreds gave, or which error it failed with."""
        told: list[Any] = []
        for each in waited_for:
            try:
                told.append(await each)
            except (ZeroDivisionError, CancelledError) as error:
                told.append(type(error))
        return told

    def test_nothing_to_wait_for(self) -> None:
        """What awaits nothing, or only what has fired, has its result before the call returns."""
        fired: list[Deferred[Any]] = [succeed(1), fail(ZeroDivisionError()), succeed(2)]
        self.assertEqual(self.successResultOf(at_once(self.told(fired))), [1, ZeroDivisionError, 2])

    def test_fails(self) -> None:
        """A failure is the Deferred's, at once or later, and is never raised by the call."""

        async def divide(by: Deferred[int]) -> float:
            return 1 / await by

        later: Deferred[int] = Deferred()
        failing = at_once(divide(later))
        self.assertNoResult(failing)
        later.callback(0)
        for each in (failing, at_once(divide(succeed(0)))):
            self.failureResultOf(each, ZeroDivisionError)

    def test_waits(self) -> None:
        """Each wait is waited out, in order, whether it ends well or not."""
        late: list[Deferred[Any]] = [Deferred() for _ in range(3)]
        telling = at_once(self.told([succeed(0), *late]))
        late[0].errback(ZeroDivisionError())
        late[1].callback("one")
        self.assertNoResult(telling)
        late[2].errback(ZeroDivisionError())
        self.assertEqual(self.successResultOf(telling), [0, ZeroDivisionError, "one", ZeroDivisionError])

    def test_cancelled(self) -> None:
        """Whoever gives up on it cancels what it waits for."""
        never: Deferred[Any] = Deferred()
        telling = at_once(self.told([never, succeed(1)]))
        telling.cancel()
        self.assertEqual(self.successResultOf(telling), [CancelledError, 1])
