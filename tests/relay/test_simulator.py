"""The simulator: what becomes of mail of connections marked sandbox, with nothing on any wire."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from mailrelay.interfaces.engagement import Engagement
from mailrelay.interfaces.transmitter import ITransmitter
from mailrelay.mail.address import verp
from mailrelay.mail.envelope import Bounced, Capabilities, Delivered, Hop, Outcome, Return, ulid
from mailrelay.mail.envelope import Deferred as Postponed
from mailrelay.mail.event import Event
from mailrelay.mail.reply import Refusal
from mailrelay.mail.token import Purpose, Token, make
from mailrelay.policy.simulation import LOCAL_PARTS, SIMULATOR
from mailrelay.relay.personal import Site
from mailrelay.relay.simulator import HOP, LATER, Simulator

from .fakes import START, delivery

ANN = ulid(START, b"0123456789")
KEY = b"k" * 32
SENDER = verp(ANN, "bounces.relay.example", KEY)
SITE = Site("https://links.example", lambda number: b"s" * 32)


def link(purpose: Purpose, target: bytes = b"") -> str:
    letter = {Purpose.OPEN: "o", Purpose.CLICK: "c"}[purpose]
    return f"{SITE.url}/{letter}/{make(Token(purpose, ANN, target), 1, SITE.secret(1))}"


TRACKED = (f'<a href="{link(Purpose.CLICK, b"https://shop.example/a")}">a</a><img src="{link(Purpose.OPEN)}">').encode()
LETTER = b"Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"


@implementer(ITransmitter)
class Wire:
    """Must not be spoken to by mail of a sandbox."""

    def __init__(self) -> None:
        self.hops: list[Hop] = []

    def transmit(
        self, hop: Hop, sender: str, recipients: Sequence[str], compose: Callable[[Capabilities], Deferred[bytes]]
    ) -> Deferred[Sequence[Outcome]]:
        self.hops.append(hop)
        return succeed([])

    def close(self) -> Deferred[None]:
        return succeed(None)


class World:
    """The ledger and what readers do, as far as a simulator tells them."""

    def __init__(self) -> None:
        self.done: list[Engagement] = []
        self.returned: list[Return] = []
        self.unsubscribed: list[tuple[str, str]] = []

    def bounce_later(self, given: Return) -> Deferred[bool]:
        self.returned.append(given)
        return succeed(True)

    def record(self, acts: Sequence[Engagement]) -> Deferred[None]:
        self.done += acts
        return succeed(None)

    def complain(self, act: Engagement) -> Deferred[bool]:
        self.done.append(act)
        return succeed(True)

    def unsubscribe(self, account: str, mailbox: str, act: Engagement) -> Deferred[bool]:
        self.unsubscribed.append((account, mailbox))
        self.done.append(act)
        return succeed(True)

    def delivery(self, recipient: str) -> Deferred[object]:
        return succeed(delivery(recipient))


class SimulatorTests(SynchronousTestCase):
    """One message for one recipient."""

    def setUp(self) -> None:
        self.clock, self.wire, self.world = Clock(), Wire(), World()
        self.simulator = self.make(SITE)

    def make(self, site: Site | None) -> Simulator:
        ids = iter(range(1000))
        made = Simulator(
            self.wire, self.world, self.world, KEY, site, self.clock, lambda: START, lambda: str(next(ids))  # type: ignore[arg-type]
        )  # fmt: skip
        verifyObject(ITransmitter, made)
        return made

    def send(self, to: str, body: bytes = TRACKED, sender: str = SENDER) -> Outcome:
        sending = self.simulator.transmit(HOP, sender, [to], lambda offered: succeed(LETTER + body))
        if to.startswith("slow"):
            self.clock.advance(5)
        (outcome,) = self.successResultOf(sending)
        return outcome

    def acts(self) -> list[Event]:
        self.clock.advance(LATER)
        return [each.act for each in self.world.done]

    def test_every_end(self) -> None:
        """Each local part, in any case and with anything behind a plus, has its end; all else is delivered."""
        for part, kind in (
            ("ann", Delivered),
            ("Hard-Bounce", Bounced),
            ("hard-bounce+7", Bounced),
            ("mailbox-full", Postponed),
            ("soft-bounce", Postponed),
            ("spam", Bounced),
            ("blocked", Bounced),
            ("slow", Delivered),
            ("late-bounce", Delivered),
            ("open", Delivered),
            ("complain", Delivered),
        ):
            outcome = self.send(f"{part}@b.test")
            self.assertIs(type(outcome), kind, part)
            self.assertEqual((outcome.host, outcome.route), (SIMULATOR, SIMULATOR))
        self.assertEqual(self.wire.hops, [])

    def test_soft_bounce(self) -> None:
        """Put off twice, each message for itself, then taken."""
        kinds = [type(self.send("soft-bounce@b.test")) for _ in range(4)]
        self.assertEqual(kinds, [Postponed, Postponed, Delivered, Delivered])
        self.assertIs(type(self.send("soft-bounce@b.test", sender=f"x{SENDER}")), Postponed)

    def test_slow(self) -> None:
        """A slow host takes its time."""
        sending = self.simulator.transmit(HOP, SENDER, ["slow@b.test"], lambda offered: succeed(LETTER))
        self.clock.advance(4.9)
        self.assertNoResult(sending)
        self.clock.advance(0.1)
        self.successResultOf(sending)

    def test_reader(self) -> None:
        """A reader opens, follows the first link, unsubscribes, complains: what the message has for it."""
        self.send("click@b.test")
        self.assertEqual(self.world.done, [])
        self.assertEqual(self.acts(), [Event.OPENED, Event.CLICKED])
        self.assertEqual(self.world.done[1].target, "https://shop.example/a")
        self.assertEqual({each.recipient for each in self.world.done}, {ANN})
        self.world.done.clear()
        self.send("unsubscribe+1@B.test")
        self.assertEqual(self.acts(), [Event.UNSUBSCRIBED])
        self.assertEqual(self.world.unsubscribed, [(delivery("R").account, "unsubscribe+1@b.test")])
        self.world.done.clear()
        self.send("complain@b.test")
        self.assertEqual(self.acts(), [Event.COMPLAINED])

    def test_untracked(self) -> None:
        """What has neither pixel nor tracked link is neither opened nor clicked; nor where there are no pages."""
        self.send("click@b.test", b"<p>hi</p>")
        self.send("click@b.test", TRACKED.replace(b"/c/", b"/c/A"))
        self.assertEqual(self.acts(), [Event.OPENED])
        self.world.done.clear()
        self.simulator = self.make(None)
        self.send("click@b.test")
        self.assertEqual(self.acts(), [])

    def test_returned_later(self) -> None:
        """Taken, and refused by mail afterwards."""
        self.assertIs(type(self.send("late-bounce@b.test")), Delivered)
        self.assertEqual(self.world.returned, [])
        self.clock.advance(LATER)
        (given,) = self.world.returned
        self.assertEqual((given.recipient, given.reply.status), (ANN, "5.1.1"))

    def test_no_return_path(self) -> None:
        """Mail of the null sender, or with a forged return path, is nobody's: nothing is done with it."""
        self.send("complain@b.test", sender="")
        self.send("complain@b.test", sender=SENDER.replace("@", "x@"))
        self.assertEqual(self.acts(), [])

    def test_not_composed(self) -> None:
        """What cannot be composed ends as on a wire."""
        for error, kind in ((Refusal("expired"), Bounced), (OSError(), Postponed)):
            sending = self.simulator.transmit(HOP, SENDER, ["ann@b.test"], lambda offered, error=error: fail(error))  # type: ignore[misc]
            (outcome,) = self.successResultOf(sending)
            self.assertIs(type(outcome), kind)
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)

    def test_failing_store(self) -> None:
        """What cannot be kept is told in the log, once."""
        self.world.record = lambda acts: fail(OSError())  # type: ignore[method-assign]
        self.send("open@b.test")
        self.acts()
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)

    def test_stop(self) -> None:
        """Nothing is done after the end."""
        self.send("open@b.test")
        self.successResultOf(self.simulator.close())
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_others(self) -> None:
        """All other mail goes by the wire."""
        hop = Hop("mx.example", 25)
        self.simulator.transmit(hop, SENDER, ["hard-bounce@b.test"], lambda offered: succeed(LETTER))
        self.assertEqual(self.wire.hops, [hop])

    def test_documented(self) -> None:
        """The documentation has every local part with its meaning."""
        text = (Path(__file__).parents[2] / "docs" / "simulator.md").read_text("utf-8")
        for part, plan in LOCAL_PARTS.items():
            self.assertIn(f"| `{part}` | {plan.meaning}", text)
