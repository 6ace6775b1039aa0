"""The daemon's reactor: who has something to read is told, whatever goes wrong with others."""

from __future__ import annotations

import os
from collections.abc import Callable

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IReadDescriptor
from twisted.internet.main import CONNECTION_DONE
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from mailrelay.run.reactor import Reactor


@implementer(IReadDescriptor)
class Pipe:
    """The reading end of a pipe into which something was written."""

    def __init__(self, reactor: Reactor, read: Callable[[], object]) -> None:
        self._ends = os.pipe()
        os.write(self._ends[1], b"x")
        self._reactor = reactor
        self._read = read
        self.reads = 0
        self.lost: list[type[BaseException]] = []
        reactor.addReader(self)

    def fileno(self) -> int:
        return self._ends[0]

    def logPrefix(self) -> str:
        return "pipe"

    def doRead(self) -> object:
        self.reads += 1
        os.read(self._ends[0], 1)
        return self._read()

    def connectionLost(self, reason: Failure) -> None:
        self.lost.append(type(reason.value))

    def close(self) -> None:
        self._reactor.removeReader(self)
        for end in self._ends:
            os.close(end)


class ReactorTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = Reactor()
        self.addCleanup(self.reactor.removeAll)

    def pipe(self, read: Callable[[], object]) -> Pipe:
        pipe = Pipe(self.reactor, read)
        self.addCleanup(pipe.close)
        return pipe

    def test_read(self) -> None:
        """Each that has something to read is told so, once for what came."""
        pipes = [self.pipe(lambda: None) for _ in range(3)]
        self.reactor.doIteration(0)
        self.reactor.doIteration(0)
        self.assertEqual([(pipe.reads, pipe.lost) for pipe in pipes], [(1, [])] * 3)

    def test_end(self) -> None:
        """Whoever reads the end of its input is told that the connection is lost, and is not asked again."""
        pipe = self.pipe(lambda: CONNECTION_DONE)
        self.reactor.doIteration(0)
        self.assertEqual(pipe.lost, [ConnectionDone])
        self.assertNotIn(pipe, self.reactor.getReaders())

    def test_failure(self) -> None:
        """A reader that fails is cut off and told why, the log has it once, and the others are read all the same."""
        failing, sound = self.pipe(lambda: 1 // 0), self.pipe(lambda: None)
        self.reactor.doIteration(0)
        self.assertEqual((failing.lost, sound.reads), ([ZeroDivisionError], 1))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_removed(self) -> None:
        """Who was taken off in the same turn by one before it is not read any more."""
        pipes: list[Pipe] = []

        def take_off_the_others() -> None:
            for pipe in pipes:
                self.reactor.removeReader(pipe)

        pipes += [self.pipe(take_off_the_others) for _ in range(2)]
        self.reactor.doIteration(0)
        self.assertEqual(sorted(pipe.reads for pipe in pipes), [0, 1])
