"""The pool: reuse, bounds, order, replacement of dead connections, and a close that drains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, succeed
from zope.interface.verify import verifyObject

from mailrelay.interfaces.transmitter import ITransmitter
from mailrelay.mail.envelope import Capabilities, Outcome
from mailrelay.smtp.client import Timeouts

from ..examples import at_most
from .outward import MESSAGE, OutwardCase, words
from .scripted import CLOSE, RESET, STALL, USUAL, ScriptedSink


class Reuse(OutwardCase):
    def test_interface(self) -> None:
        """The pool is a transmitter."""
        verifyObject(ITransmitter, self.pool)

    def test_one_connection(self) -> None:
        """C-10: messages that follow each other share a connection, and EHLO is said once."""
        for _ in range(5):
            self.assertEqual(words(self.send()), ["delivered"])
        self.assertEqual(len(self.network.lines), 1)
        self.assertEqual(self.sink.heard.count(b"EHLO relay.example"), 1)

    def test_lanes(self) -> None:
        """Hosts, addresses, ports, rules for TLS and user names do not share connections."""
        other = self.hop
        self.send()
        changes = ({"host": "b.example"}, {"address": "192.0.2.1"}, {"port": 26}, {"tls": "may"})
        for change in (*changes, {"username": "u", "password": "p"}):
            self.meet(ScriptedSink(extensions=("AUTH PLAIN",)))
            self.assertEqual(words(self.send(hop=replace(other, **change))), ["delivered"])
        self.assertEqual(len(self.network.lines), 6)

    def test_address(self) -> None:
        """A hop with an address is connected to there, and keeps its name in the outcome and in what is said of it."""
        hop = replace(self.hop, address="192.0.2.1")
        (outcome,) = self.send(hop=hop)
        self.assertEqual((self.network.asked[-1][:2], outcome.host), (("192.0.2.1", 25), "sink.example"))
        self.meet(None)
        (outcome,) = self.send(hop=replace(hop, port=26))
        self.assertIn("No connection to sink.example (192.0.2.1) port 26", outcome.reply.text)

    def test_asked(self) -> None:
        """RFC 5321 5.1: an outcome tells whether its host ever heard of the recipient; if not, another may be tried."""
        for script, asked in (
            ({"banner": b"421 4.3.2 busy\r\n"}, False),
            ({"banner": b"554 5.3.2 no mail here\r\n"}, False),
            ({"banner": CLOSE}, False),
            ({"EHLO": b"421 4.3.2 busy\r\n"}, False),
            ({"EHLO": CLOSE}, False),
            ({"MAIL": b"451 4.3.0 later\r\n"}, True),
            ({"RCPT": b"450 4.2.0 later\r\n"}, True),
            ({"RCPT": b"550 5.1.1 nobody\r\n"}, True),
            ({"RCPT": b"421 4.3.2 busy\r\n"}, True),
            ({"dot": b"451 4.3.0 later\r\n"}, True),
            ({"dot": CLOSE}, True),
            ({}, True),
        ):
            self.setUp()
            self.meet(ScriptedSink(script))
            (outcome,) = self.send()
            self.assertIs(outcome.asked, asked, script)
        self.setUp()
        self.meet(None)
        self.assertFalse(self.send()[0].asked)

    def test_idle(self) -> None:
        """A connection that rested 30 s says QUIT, waits for the answer, and is closed."""
        self.send()
        self.clock.advance(29)
        self.send()
        self.clock.advance(29.9)
        self.network.flush()
        self.assertTrue(self.line.open)
        self.clock.advance(0.1)
        self.network.flush()
        self.assertEqual(self.sink.heard[-1], b"QUIT")
        self.assertFalse(self.line.open)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_no_answer_to_quit(self) -> None:
        """T8: a hop that never answers QUIT, or never closes, is cut off after five seconds."""
        self.meet(ScriptedSink({"QUIT": STALL}))
        self.send()
        self.clock.advance(30)
        self.network.flush()
        self.assertTrue(self.line.open)
        self.clock.advance(5)
        self.network.flush()
        self.assertFalse(self.line.open)

    def test_messages_per_connection(self) -> None:
        """After so many messages a connection says QUIT, and the next message takes a new one."""
        self.pool = self.make_pool(messages=3)
        for _ in range(7):
            self.assertEqual(words(self.send()), ["delivered"])
        self.assertEqual([line.sink.heard.count(b"DATA") for line in self.network.lines], [3, 3, 1])
        self.assertEqual([line.open for line in self.network.lines], [False, False, True])

    def test_rset_before_reuse(self) -> None:
        """A transaction that ended before its message is reset first; a hop that cannot even do that is left."""
        for rset, connections in ((b"250 Ok\r\n", 1), (b"502 what?\r\n", 2), (CLOSE, 2)):
            self.setUp()
            self.meet(ScriptedSink({"DATA": [b"451 4.3.0 no\r\n", b"354 go\r\n"], "RSET": rset}), ScriptedSink())
            self.assertEqual(words(self.send()), ["deferred"])
            self.assertEqual(words(self.send()), ["delivered"])
            self.assertEqual(len(self.network.lines), connections, rset)


class Bounds(OutwardCase):
    def test_concurrency(self) -> None:
        """At most `concurrency` connections stand at a time; what comes beyond waits in line, in its order."""
        self.pool = self.make_pool(concurrency=2)
        self.meet(ScriptedSink({"dot": STALL}), ScriptedSink({"dot": STALL}))
        results = [self.begin([f"{number}@x.example"]) for number in range(5)]
        self.assertEqual(len(self.network.lines), 2)
        first, second = self.network.lines
        order = []
        for line in (first, second, first, second, first):
            line.sink._silent = False
            line.play(b"250 Ok\r\n")
            self.network.flush()
            order.append([number for number, result in enumerate(results) if result.called])
        self.assertEqual(order, [[0], [0, 1], [0, 1, 2], [0, 1, 2, 3], [0, 1, 2, 3, 4]])
        self.assertEqual(len(self.network.lines), 2)
        for result in results:
            self.assertEqual(words(self.successResultOf(result)), ["delivered"])

    def test_each_failure_is_its_own(self) -> None:
        """A connection that cannot be opened fails the message that asked for it; those in line try for themselves."""
        self.pool = self.make_pool(concurrency=1)
        self.meet(ScriptedSink({"banner": STALL}), None, ScriptedSink())
        results = [self.begin() for _ in range(3)]
        self.network.lines[0].play(b"421 4.3.2 busy\r\n")
        self.network.flush()
        self.assertEqual([words(self.successResultOf(r))[0] for r in results], ["deferred", "deferred", "delivered"])

    def test_a_dead_hop_costs_nobody_else(self) -> None:
        """L11: a hop that does not answer holds up only what goes to it."""
        self.meet(STALL)
        stuck = [self.begin() for _ in range(30)]
        self.meet(ScriptedSink())
        self.assertEqual(words(self.send(hop=replace(self.hop, host="alive.example"))), ["delivered"])
        self.assertEqual(len(self.network.asked), 21)
        for result in stuck:
            self.assertNoResult(result)
        self.successResultOf(self.closed_by_force())
        for result in stuck:
            self.assertEqual(words(self.successResultOf(result)), ["deferred"])

    def closed_by_force(self) -> Deferred[None]:
        closed = self.pool.close()
        self.clock.advance(10)
        self.network.flush()
        return closed


class Replacement(OutwardCase):
    def test_closed_between_mails(self) -> None:
        """O16: where the hop closed a kept connection, noticed at once or when it is used, the mail goes by another."""
        for way in (CLOSE, RESET):
            self.setUp()
            self.send()
            self.line.play(way)
            self.assertEqual(words(self.send()), ["delivered"])
            self.meet(ScriptedSink({"MAIL": [b"250 Ok\r\n", way]}), ScriptedSink())
            self.clock.advance(30)
            self.network.flush()
            before = len(self.network.lines)
            self.assertEqual(words(self.send()), ["delivered"])
            self.assertEqual(words(self.send()), ["delivered"])
            self.assertEqual(len(self.network.lines), before + 2)

    def test_closed_on_a_new_connection(self) -> None:
        """O16: a connection that is closed at its first mail is no kept one: the mail is deferred."""
        self.meet(ScriptedSink({"MAIL": CLOSE}))
        self.assertEqual(words(self.send()), ["deferred"])
        self.assertEqual(len(self.network.lines), 1)

    def test_closed_after_an_answer(self) -> None:
        """O6, O16: once anything was answered nothing is repeated by itself."""
        for stage in ("RCPT", "DATA", "dot"):
            for extensions in (("PIPELINING",), ()):
                self.setUp()
                ok = b"354 go\r\n" if stage == "DATA" else b"250 Ok\r\n"
                self.meet(ScriptedSink({stage: [ok, CLOSE]}, extensions), ScriptedSink())
                self.assertEqual(words(self.send()), ["delivered"])
                self.assertEqual(words(self.send())[0].split()[0], "deferred", stage)
                self.assertEqual(len(self.network.lines), 1)

    def test_lost_while_composing(self) -> None:
        """A connection lost while its message is composed is replaced: nothing of the message had been said."""
        composed: list[Deferred[bytes]] = []

        def compose(_: Capabilities) -> Deferred[bytes]:
            composed.append(Deferred())
            return composed[-1]

        result = self.pool.transmit(self.hop, "", ["a@b.example"], compose)
        self.network.flush()
        self.clock.advance(60)
        self.network.flush()
        self.assertTrue(self.line.open)
        self.line.play(CLOSE)
        composed[0].callback(MESSAGE)
        self.network.flush()
        composed[1].callback(MESSAGE)
        self.network.flush()
        self.assertEqual(words(self.successResultOf(result)), ["delivered"])
        self.assertEqual([line.sink.heard.count(b"DATA") for line in self.network.lines], [0, 1])


class Closing(OutwardCase):
    def test_drains(self) -> None:
        """Closing lets what is under way and what stands in line end, says QUIT everywhere, and takes nothing new."""
        self.pool = self.make_pool(concurrency=1)
        self.send(hop=replace(self.hop, host="idle.example"))
        self.meet(ScriptedSink({"dot": [STALL, b"250 Ok\r\n"]}))
        results = [self.begin(), self.begin()]
        closed = self.pool.close()
        self.network.flush()
        late = self.send()
        self.assertEqual((words(late), late[0].reply.status), (["deferred"], "4.3.2"))
        self.assertNoResult(closed)
        self.line.sink._silent = False
        self.line.play(b"250 Ok\r\n")
        self.network.flush()
        self.assertEqual([words(self.successResultOf(result)) for result in results], [["delivered"], ["delivered"]])
        self.successResultOf(closed)
        self.assertEqual([line.sink.heard[-1] for line in self.network.lines], [b"QUIT", b"QUIT"])
        self.assertEqual([line.open for line in self.network.lines], [False, False])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_grace(self) -> None:
        """What does not end within the grace is aborted and deferred, wherever it stands."""
        for script, expected in (
            ({"banner": STALL}, "deferred"),
            ({"MAIL": STALL}, "deferred"),
            ({"dot": STALL}, "deferred uncertain"),
        ):
            self.setUp()
            self.pool = self.make_pool(concurrency=1, grace=7)
            self.meet(ScriptedSink(script))
            result, waiting = self.begin(), self.begin()
            closed = self.pool.close()
            self.assertEqual(words(self.after(result, 7)), [expected])
            self.assertEqual(words(self.successResultOf(waiting)), ["deferred"])
            self.network.flush()
            self.successResultOf(closed)
            self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_nothing_to_close(self) -> None:
        """An empty pool is closed at once, and closing twice is closing once."""
        self.successResultOf(self.pool.close())
        self.successResultOf(self.pool.close())
        self.assertEqual(self.clock.getDelayedCalls(), [])


#: stages that a connection sees once: what goes wrong there goes wrong the first time
ONCE = ("banner", "EHLO")


class AnyCourse(OutwardCase):
    @at_most(60)
    @given(
        st.lists(
            st.tuples(
                st.sampled_from(["banner", "EHLO", "MAIL", "RCPT", "DATA", "dot", "RSET"]),
                st.sampled_from(
                    [b"250 Ok\r\n", b"354 go\r\n", b"450 x\r\n", b"550 x\r\n", b"421 x\r\n", b"?\r\n", CLOSE, STALL]
                ),
                st.booleans(),
            ),
            min_size=1,
            max_size=4,
        ),
        st.lists(st.integers(1, 3), min_size=1, max_size=12),
    )
    def test_one_outcome_each(self, ways: list[tuple[str, bytes, bool]], batches: list[int]) -> None:
        """Whatever hops do: one outcome each, "delivered" only if a sink took the message, and nothing is left over."""
        self.setUp()
        self.pool = self.make_pool(concurrency=2, messages=3, timeouts=Timeouts())
        sinks = [
            ScriptedSink(
                {stage: [way] if stage in ONCE else [USUAL[stage], way]}, ("PIPELINING",) if pipelining else ()
            )
            for stage, way, pipelining in ways
        ]
        self.meet(*sinks)
        results: list[Deferred[Sequence[Outcome]]] = []
        for number, count in enumerate(batches):
            octets = b"message %d\r\n" % number
            compose = lambda _, octets=octets: succeed(octets)  # noqa: E731
            recipients = [f"{n}@x.example" for n in range(count)]
            results.append(self.pool.transmit(self.hop, "", recipients, compose))
            self.network.flush()
        for _ in range(40):
            self.clock.advance(300)
            self.network.flush()
        taken = {message for line in self.network.lines for message in line.sink.messages}
        for number, (result, count) in enumerate(zip(results, batches, strict=True)):
            outcomes = self.successResultOf(result)
            self.assertEqual(len(outcomes), count)
            if "delivered" in words(outcomes):
                self.assertIn(b"message %d\r\n" % number, taken)
        self.assertEqual([line for line in self.network.lines if line.open], [])
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.pool._lanes, {})
