"""What recipients do, on its way to the store: never lost for a moment's trouble, never without bounds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from mailrelay.http import acts
from mailrelay.http.acts import HOLD, RETRY, Acts, judged
from mailrelay.interfaces.engagement import Engagement, IEngagement
from mailrelay.mail.envelope import SECOND
from mailrelay.mail.event import Event
from mailrelay.mail.reply import Refusal
from mailrelay.policy.machines import Burst

START = 1_700_000_000 * SECOND


@implementer(IEngagement)
class Book:
    """A store that keeps what it is told, or fails."""

    def __init__(self) -> None:
        self.kept: list[Engagement] = []
        self.down = False
        self.waiting: Deferred[None] | None = None

    def record(self, engagements: Sequence[Engagement]) -> Deferred[None]:
        if self.down:
            return fail(Refusal("temporary", rule="store_failed"))
        self.kept += engagements
        return self.waiting or succeed(None)

    def unsubscribe(self, account: str, mailbox: str, engagement: Engagement) -> Deferred[bool]:
        raise NotImplementedError

    def delivery(self, recipient: str) -> Deferred[Any]:
        raise NotImplementedError


def act(number: int, recipient: str = "R", kind: Event = Event.CLICKED, after: float = 0, **more: Any) -> Engagement:
    return Engagement(f"E{number}", recipient, kind, START + round(after * SECOND), **{"target": str(number), **more})


class ActsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.book = Book()
        self.acts = Acts(self.book, self.clock, self.now)

    def now(self) -> int:
        return START + round(self.clock.seconds() * SECOND)

    def test_written_later(self) -> None:
        """An act is written a moment later, with those that came meanwhile when they are as old."""
        self.acts.add(act(1))
        self.clock.advance(HOLD / 2)
        self.acts.add(act(2, after=HOLD / 2))
        self.assertEqual(self.book.kept, [])
        self.clock.advance(HOLD / 2)
        self.assertEqual([each.id for each in self.book.kept], ["E1"])
        self.clock.advance(HOLD)
        self.assertEqual([each.id for each in self.book.kept], ["E1", "E2"])
        self.assertEqual((len(self.acts), self.clock.getDelayedCalls()), (0, []))

    def test_store_down(self) -> None:
        """H4: what cannot be written waits until it can; the log says so once."""
        self.book.down = True
        self.acts.add(act(1, kind=Event.OPENED))
        self.clock.advance(HOLD)
        for _ in range(5):
            self.clock.advance(RETRY)
        self.assertEqual(len(self.acts), 1)
        self.book.down = False
        self.clock.advance(RETRY)
        self.assertEqual([each.id for each in self.book.kept], ["E1"])

    def test_bounded(self) -> None:
        """H4, H5: more than there is room for is counted and lost, the oldest are kept."""
        self.patch(acts, "ROOM", 3)
        self.book.down = True
        for number in range(10):
            self.acts.add(act(number, f"R{number}"))
        self.clock.advance(HOLD)
        self.book.down = False
        self.clock.advance(RETRY)
        self.assertEqual([each.id for each in self.book.kept], ["E0", "E1", "E2"])
        for number in range(10):
            self.acts.add(act(number, f"R{number}"))
        self.clock.advance(HOLD)
        self.assertEqual(len(self.book.kept), 6)

    def test_batches(self) -> None:
        """Many acts are written in pieces, in order."""
        self.patch(acts, "BATCH", 4)
        for number in range(10):
            self.acts.add(act(number, f"R{number}"))
        self.clock.advance(HOLD)
        self.assertEqual([each.id for each in self.book.kept], [f"E{number}" for number in range(10)])

    def test_stop(self) -> None:
        """A stop writes what is held, also behind a write that is under way, and says what it could not write."""
        self.acts.add(act(1))
        self.successResultOf(self.acts.stop())
        self.assertEqual([each.id for each in self.book.kept], ["E1"])
        self.book.waiting = waiting = Deferred()
        self.acts.add(act(2))
        self.clock.advance(HOLD)
        self.acts.add(act(3))
        stopped = self.acts.stop()
        self.assertNoResult(stopped)
        self.book.waiting = None
        waiting.callback(None)
        self.successResultOf(stopped)
        self.assertEqual([each.id for each in self.book.kept], ["E1", "E2", "E3"])
        self.book.down = True
        self.acts.add(act(4))
        self.successResultOf(self.acts.stop())
        self.assertEqual((len(self.acts), self.clock.getDelayedCalls()), (1, []))


class BurstTests(SynchronousTestCase):
    BURST = Burst(window=2 * SECOND, targets=3, acts=5, mails=4)

    def machines(self, *done: Engagement) -> list[str]:
        return [each.machine for each in judged(list(done), self.BURST)]

    def test_all_links_at_once(self) -> None:
        """H5: who follows several links of one mail within two seconds is a machine, in all that it did."""
        clicks = [act(number, after=number / 2) for number in range(3)]
        opened = act(9, kind=Event.OPENED)
        other = act(10, "other")
        self.assertEqual(self.machines(opened, *clicks, other), ["burst"] * 4 + [""])

    def test_slowly(self) -> None:
        """The same links followed one by one, and one link twice, are a person's."""
        self.assertEqual(self.machines(*(act(number, after=number * 1.5) for number in range(3))), [""] * 3)
        self.assertEqual(self.machines(*(act(number, target="same") for number in range(3))), [""] * 3)

    def test_one_thing_often(self) -> None:
        """H5: a thousand requests for one link in a second are a machine's."""
        done = [act(number, target="same", after=number / 1000) for number in range(1000)]
        self.assertEqual(set(self.machines(*done)), {"burst"})

    def test_many_mails_from_one_address(self) -> None:
        """H5: links of many mails followed from one address at once are a scanner's; opens may come by one proxy."""
        clicks = [act(number, f"R{number}", address="192.0.2.1") for number in range(4)]
        opens = [act(number, f"R{number}", Event.OPENED, address="192.0.2.1") for number in range(4)]
        elsewhere = act(9, "R9", address="192.0.2.2")
        self.assertEqual(self.machines(*clicks, *opens, elsewhere), ["burst"] * 4 + [""] * 5)

    def test_known_machines_stay(self) -> None:
        """What is known for a machine keeps its name and makes nobody else one."""
        done = [act(number, machine="scanner") for number in range(5)]
        self.assertEqual(self.machines(*done, act(9)), ["scanner"] * 5 + [""])
