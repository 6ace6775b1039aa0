"""The pool of render children over processes that a test plays: who renders what, and what follows a child's end."""

from __future__ import annotations

from typing import Any

from twisted.internet.error import ProcessDone, ProcessTerminated
from twisted.internet.task import Clock
from twisted.logger import LogEvent, formatEvent, globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailrelay.interfaces.renderer import IRenderer
from mailrelay.mail.rendering import (
    MAX_SOURCE,
    MAX_VARIABLES,
    Frames,
    Rendered,
    Rendering,
    Source,
    pack_rendered,
    rendering_of,
)
from mailrelay.mail.reply import Refusal
from mailrelay.relay import render
from mailrelay.relay.render import RenderPool
from mailrelay.relay.render_child import OUT_OF_MEMORY, READY
from mailrelay.relay.render_command import TOO_LONG, TOO_MUCH
from mailrelay.relay.render_once import RenderOnce
from tests.rendering import RenderHere


class Child:
    """A process that renders what the test says."""

    def __init__(self, protocol: Any) -> None:
        self.protocol = protocol
        self.pid: int | None = 1
        self.signals: list[str] = []
        self.asked: list[Rendering] = []
        self._frames = Frames()
        protocol.makeConnection(self)

    def write(self, octets: bytes) -> None:
        self.asked += [rendering_of(*frame) for frame in self._frames.feed(octets)]

    def signalProcess(self, signal: str) -> None:
        self.signals.append(signal)

    def closeStdin(self) -> None:
        self.end()

    def ready(self) -> None:
        for octet in READY:
            self.protocol.outReceived(bytes([octet]))

    def answer(self, fault: str = "", last: bool = False, **texts: str) -> None:
        octets = pack_rendered(Rendered(texts, fault), last=last)
        self.protocol.outReceived(octets[:7])
        self.protocol.outReceived(octets[7:])

    def end(self, signal: int | None = None, status: int = 0) -> None:
        self.pid = None
        well = signal is None and not status
        self.protocol.processEnded(Failure(ProcessDone(0) if well else ProcessTerminated(status, signal)))


ONE = Rendering({"a": Source("x")})
TWO = Rendering({"b": Source("y")})


class PoolTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.children: list[Child] = []
        self.unable = False
        self.clock.spawnProcess = self._spawn  # type: ignore[attr-defined]
        self.pool = RenderPool(self.clock)
        self.said: list[str] = []
        globalLogPublisher.addObserver(self._hear)
        self.addCleanup(globalLogPublisher.removeObserver, self._hear)

    def _hear(self, event: LogEvent) -> None:
        if event.get("log_namespace") == render.__name__:
            self.said.append(formatEvent(event))

    def _spawn(self, protocol: Any, *command: object, **more: object) -> None:
        self.assertEqual(more["env"], {})
        if self.unable:
            raise OSError("no more processes")
        self.children.append(Child(protocol))

    def assert_refused(self, answer: Any, key: str, reason: str) -> None:
        refusal = self.failureResultOf(answer, Refusal).value
        self.assertEqual(refusal.key, key)
        self.assertIn(reason, refusal.fields.get("reason", refusal.facts.get("error")))

    def test_interface(self) -> None:
        """The pool, the one for commands and the twin are what those who use one ask for."""
        verifyObject(IRenderer, self.pool)
        verifyObject(IRenderer, RenderOnce())
        verifyObject(IRenderer, RenderHere())

    def test_in_turn(self) -> None:
        """Children start with the first rendering; each renders one thing at a time, what waits is taken in turn."""
        self.assertEqual(self.children, [])
        answers = [self.pool.render(each) for each in (ONE, TWO, ONE)]
        self.assertEqual(len(self.children), 2)
        first, second = self.children
        first.ready()
        self.assertEqual((first.asked, second.asked), ([ONE], []))
        first.answer(a="1")
        self.assertEqual((self.successResultOf(answers[0]), first.asked), ({"a": "1"}, [ONE, TWO]))
        second.ready()
        second.answer(a="3")
        first.answer(b="2")
        self.assertEqual([self.successResultOf(each) for each in answers[1:]], [{"b": "2"}, {"a": "3"}])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_too_large(self) -> None:
        """What is too large is refused before any child sees it."""
        for rendering in (
            Rendering({"a": Source("x" * (MAX_SOURCE + 1))}),
            Rendering(dict.fromkeys("abc", Source("x" * MAX_SOURCE))),
            Rendering({"a": Source("x")}, "x" * (MAX_VARIABLES + 1)),
        ):
            self.assert_refused(self.pool.render(rendering), "template_failed", "more than")
            self.assert_refused(RenderOnce().render(rendering), "template_failed", "more than")
        self.assertEqual(self.children, [])

    def test_fault(self) -> None:
        """What the child says against the template is what the refusal says; the child goes on."""
        answer = self.pool.render(ONE)
        self.children[0].ready()
        self.children[0].answer("a, line 1: wrong")
        self.assert_refused(answer, "template_failed", "a, line 1: wrong")
        again = self.pool.render(ONE)
        self.children[0].answer(a="x")
        self.assertEqual(self.successResultOf(again), {"a": "x"})
        self.assertEqual(self.said, [])

    def test_killed_by_its_bounds(self) -> None:
        """A child that ends by its own bounds is the template's fault; it is said once, and another stands ready."""
        for ended, reason in (({"signal": 27}, TOO_LONG), ({"status": OUT_OF_MEMORY}, TOO_MUCH)):
            answer = self.pool.render(ONE)
            child = next(each for each in self.children if each.pid)
            child.ready()
            child.end(**ended)  # type: ignore[arg-type]
            self.assert_refused(answer, "template_failed", reason)
            self.assertEqual(sum(each.pid is not None for each in self.children), 2)
            (said,) = self.said
            self.assertIn(reason, said)
            self.said.clear()
            child = next(each for each in self.children if each.pid)

    def test_last_answer(self) -> None:
        """A child that says that it ends is given nothing more, and its end is told once."""
        answers = [self.pool.render(each) for each in (ONE, TWO)]
        child, spare = self.children
        child.ready()
        child.answer(TOO_MUCH, last=True)
        self.assert_refused(answers[0], "template_failed", TOO_MUCH)
        self.assertEqual(child.asked, [ONE])
        child.end(status=OUT_OF_MEMORY)
        self.assertEqual(len(self.said), 1)
        spare.ready()
        spare.answer(b="2")
        self.assertEqual(self.successResultOf(answers[1]), {"b": "2"})

    def test_killed_by_others(self) -> None:
        """A child that somebody else ended is a failure inside, with what it said last in the log only."""
        answer = self.pool.render(ONE)
        self.children[0].ready()
        self.children[0].protocol.errReceived(b"out of luck")
        self.children[0].end(signal=9)
        self.assert_refused(answer, "temporary", "signal 9")
        self.assertIn("out of luck", self.said[0])

    def test_silent(self) -> None:
        """A child that says nothing for long is killed: that is nobody's fault, since a machine may be busy."""
        answer = self.pool.render(ONE)
        child = self.children[0]
        child.ready()
        self.clock.advance(render.SILENCE)
        self.assertEqual(child.signals, ["KILL"])
        self.assertNoResult(answer)
        child.end(signal=9)
        self.assert_refused(answer, "temporary", "said nothing")

    def test_nonsense(self) -> None:
        """A child that answers what nobody asked, or no frame, or other texts, is not believed."""
        self.pool.render(ONE).addErrback(lambda _: None)
        first, second = self.children
        second.protocol.outReceived(b"other words")
        first.ready()
        first.answer(other="x")
        first.answer(a="x")
        self.assertEqual((first.signals, second.signals), (["KILL"], ["KILL"]))
        answer = self.pool.render(ONE)
        for child in (first, second):
            child.end(signal=9)
        third = self.children[2]
        third.ready()
        third.answer(other="x")
        self.assert_refused(answer, "temporary", "other texts")

    def test_cannot_start(self) -> None:
        """Where no child can be started it is tried again, ever more slowly; what waits is told to come back."""
        self.unable = True
        answer = self.pool.render(ONE)
        self.clock.pump([1.0] * 14)
        self.assertNoResult(answer)
        self.clock.advance(1.0)
        self.assert_refused(answer, "temporary", "no child was free")
        self.assertLess(len(self.said), 7)
        self.unable = False
        again = self.pool.render(ONE)
        self.clock.advance(render.LONGEST_PAUSE)
        self.children[0].ready()
        self.children[0].answer(a="x")
        self.assertEqual(self.successResultOf(again), {"a": "x"})

    def test_start_takes_too_long(self) -> None:
        """A child that is never ready is killed, too."""
        self.pool.render(ONE).addErrback(lambda _: None)
        self.clock.advance(render.STARTING)
        self.assertEqual([child.signals for child in self.children], [["KILL"], ["KILL"]])

    def test_fair(self) -> None:
        """Whoever asks for one rendering waits for one of each other account, however many others asked for before."""
        many = [Rendering({"a": Source(str(n))}, owner="many") for n in range(9)]
        few = Rendering({"a": Source("few")}, owner="few")
        answers = [self.pool.render(each) for each in (*many, few)]
        child = self.children[0]
        child.ready()
        for _ in answers:
            child.answer(a="x")
        order = [each.sources["a"].text for each in child.asked]
        self.assertEqual(order, ["0", "few", *map(str, range(1, 9))])
        self.assertEqual([self.successResultOf(each) for each in answers], [{"a": "x"}] * 10)

    def test_queue(self) -> None:
        """So much may wait and no more: who comes then is told at once to come back."""
        answers = [self.pool.render(ONE) for _ in range(render.QUEUE + 1)]
        self.assert_refused(answers[-1], "temporary", "wait already")
        self.assert_refused(self.pool.render(ONE), "temporary", "wait already")
        self.assertEqual(len(self.said), 1, "which is said once")
        another = self.pool.render(Rendering({"a": Source("x")}, owner="another"))
        self.assertNoResult(another)
        another.addErrback(lambda _: None)
        for each in answers[:-1]:
            each.addErrback(lambda _: None)
        self.successResultOf_stop()

    def successResultOf_stop(self) -> None:
        stopped = self.pool.stop()
        for child in self.children:
            if child.pid:
                child.end(signal=9)
        self.successResultOf(stopped)

    def test_stop(self) -> None:
        """A stop ends all children, and fires when they are gone; what waits is told to come back; none is started."""
        answers = [self.pool.render(each) for each in (ONE, TWO, ONE)]
        idle, busy = self.children
        for child in self.children:
            child.ready()
        idle.answer(a="x")
        idle.answer(a="x")
        stopped = self.pool.stop()
        self.assertEqual((idle.pid, busy.signals), (None, ["KILL"]))
        self.assertNoResult(stopped)
        busy.end(signal=9)
        self.successResultOf(stopped)
        self.assert_refused(answers[1], "temporary", "stopped")
        self.assert_refused(self.pool.render(ONE), "temporary", "stopped")
        self.assertEqual((len(self.children), self.clock.getDelayedCalls(), self.said), (2, [], []))

    def test_stop_while_it_rests(self) -> None:
        """A stop leaves no timer behind."""
        self.unable = True
        answer = self.pool.render(ONE)
        self.successResultOf(self.pool.stop())
        self.assert_refused(answer, "temporary", "stopped")
        self.assertEqual(self.clock.getDelayedCalls(), [])
