"""The gate before a receiver: limits that hosts of one provider share, and what refusals lead to."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from twisted.internet.defer import Deferred

from mailrelay.mail.envelope import Hop, Outcome
from mailrelay.policy.pace import FIRST_REST, ROUND
from mailrelay.policy.shaping import load, shaping_of
from mailrelay.smtp.gate import LOGIN_BUSY, LOGIN_REFUSED, REMEMBERED

from .outward import OutwardCase, words
from .scripted import CLOSE, STALL, ScriptedSink

RULES = """
[default]
connections = 8
start = 2
messages = 100
rate = ""
replies = []

[big]
mx = ["big.example"]
connections = 4
start = 4
messages = 3
rate = "120/min"
replies = [
    { codes = [451], text = "too fast", action = "slow", factor = 0.5, seconds = 600 },
    { codes = [451], text = "go away", action = "pause", seconds = 600 },
    { codes = [452], action = "drop" },
    { codes = [554], text = "blocked", action = "elsewhere" },
]

[free]
mx = ["free.example"]
connections = 2
start = 2
"""


class GateCase(OutwardCase):
    def setUp(self) -> None:
        super().setUp()
        self.hop = self.at("mx1.free.example")

    def make_pool(self, **options: Any) -> Any:
        return super().make_pool(shaping=shaping_of(load(RULES, "rules.toml")), **options)

    def at(self, host: str, **options: Any) -> Hop:
        return Hop(host, 25, tls="none", **options)

    def outcome(self, result: Deferred[Any]) -> Outcome:
        (outcome,) = self.successResultOf(result)
        found: Outcome = outcome
        return found

    def say(self, number: int, reply: bytes = b"250 Ok\r\n") -> None:
        """The sink of one connection, which stalled, goes on."""
        line = self.network.lines[number]
        line.sink._silent = False
        line.play(reply)
        self.network.flush()


class Sharing(GateCase):
    def test_hosts_of_a_provider(self) -> None:
        """All hosts of a provider share its connections, whatever domain a message is for; who waits for one gets the
        next that is free, whichever host it was at."""
        self.meet(ScriptedSink({"dot": STALL}))
        first, other = self.at("mx1.free.example"), self.at("mx2.free.example")
        begun = [self.begin([f"{n}@x{n}.example"], hop=hop) for n, hop in enumerate([first, first, other, other])]
        self.assertEqual(len(self.network.lines), 2)
        self.say(0)
        self.assertEqual([asked[0] for asked in self.network.asked], ["mx1.free.example"] * 2 + ["mx2.free.example"])
        self.say(2)
        self.say(1)
        self.assertEqual([result.called for result in begun], [True, True, True, False])

    def test_domains_share_a_connection(self) -> None:
        """Messages for different domains with the same host share its connection."""
        for domain in ("a.example", "b.example"):
            self.assertEqual(words(self.send([f"to@{domain}"])), ["delivered"])
        self.assertEqual(len(self.network.lines), 1)

    def test_an_idle_connection_makes_room(self) -> None:
        """A connection that rests at one host is closed when another host of the provider needs its place."""
        for _ in range(2):
            self.begin(hop=self.at("mx1.free.example"))
        self.meet(ScriptedSink({"dot": STALL}))
        begun = [self.begin(hop=self.at("mx2.free.example")) for _ in range(2)]
        self.network.flush()
        self.assertEqual(len(self.network.lines), 3)
        for number in (1, 2):
            self.say(number)
        for result in begun:
            self.assertEqual(words(self.successResultOf(result)), ["delivered"])

    def test_each_address_of_ours(self) -> None:
        """Limits hold for each of our own addresses by itself."""
        self.meet(ScriptedSink({"dot": STALL}))
        for source in ("192.0.2.1", "192.0.2.2"):
            for _ in range(3):
                self.begin(hop=self.at(f"mx{source[-1]}.free.example", source=source))
        self.assertEqual(len(self.network.lines), 4)

    def test_messages_of_a_connection(self) -> None:
        """A rule bounds the messages of one connection, and the configuration what a rule may allow."""
        hop = self.at("mx.big.example")
        for number in range(4):
            self.clock.advance(1)
            self.send(hop=hop)
            self.assertEqual(len(self.network.lines), 1 + number // 3)
        self.pool = self.make_pool(messages=1, concurrency=1)
        self.network.lines.clear()
        for _ in range(2):
            self.clock.advance(1)
            self.send(hop=hop)
        self.assertEqual(len(self.network.lines), 2)

    def test_slow_start(self) -> None:
        """A receiver that nothing is known of gets two connections, and one more for each message that it takes."""
        self.meet(ScriptedSink({"dot": STALL}))
        hop = self.at("new.example")
        for _ in range(8):
            self.begin(hop=hop)
        self.assertEqual(len(self.network.lines), 2)
        self.say(0)
        self.assertEqual(len(self.network.lines), 3)

    def test_memory_is_bounded(self) -> None:
        """Receivers that nothing goes to are forgotten after a while."""
        for number in range(REMEMBERED + 1):
            self.send(hop=self.at(f"h{number}.example"))
        for seconds in (30, 6, 600):
            self.clock.advance(seconds)
            self.network.flush()
        self.send(hop=self.at("last.example"))
        self.assertEqual(len(self.pool._gates._gates), 1)


class Rates(GateCase):
    def test_rate(self) -> None:
        """No more messages pass than the rate allows, in their order; what one second allows goes at once."""
        begun = [self.begin(hop=self.at(f"mx{n}.big.example")) for n in range(5)]
        self.assertEqual([result.called for result in begun], [True, True, False, False, False])
        for done in (3, 4, 5):
            self.clock.advance(0.5)
            self.network.flush()
            self.assertEqual(sum(result.called for result in begun), done)

    def test_too_long(self) -> None:
        """Who would wait more than a minute is put off for that time, and no attempt is counted; closing puts off the
        others."""
        begun = [self.begin(hop=self.at("mx.big.example")) for _ in range(150)]
        late = [self.outcome(result) for result in begun if result.called][2:]
        self.assertEqual({(outcome.asked, outcome.held > 55) for outcome in late}, {(True, True)})
        self.assertIn("No more than 120/min go to big", late[0].reply.text)
        waiting = [result for result in begun if not result.called]
        self.assertGreater(len(waiting), 100)
        closed = self.pool.close()
        self.network.flush()
        self.successResultOf(closed)
        self.assertEqual({self.outcome(result).reply.text for result in waiting}, {"Shutting down"})
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_slowed(self) -> None:
        """O17: words that mean "too fast" slow the whole provider, all its hosts, for their time."""
        self.meet(ScriptedSink({"dot": b"451 4.7.0 Too fast\r\n"}), ScriptedSink())
        self.assertEqual(words(self.send(hop=self.at("mx1.big.example"))), ["deferred"])
        self.clock.advance(10)
        begun = [self.begin(hop=self.at("mx2.big.example")) for _ in range(3)]
        self.assertEqual([result.called for result in begun], [True, True, False])
        self.clock.advance(0.9)
        self.network.flush()
        self.assertFalse(begun[2].called)
        self.clock.advance(0.1)
        self.network.flush()
        self.assertTrue(begun[2].called)


class Trouble(GateCase):
    def test_pause(self) -> None:
        """O17: words that ask for a pause stop the whole provider: what waits and what comes is put off without an
        attempt, until the time is over."""
        stalled = ScriptedSink({"dot": STALL})
        self.meet(stalled)
        begun = [self.begin(hop=self.at("mx1.big.example")) for _ in range(2)]
        waiting = [self.begin(hop=self.at("mx1.big.example")) for _ in range(2)]
        self.say(0, b"451 4.7.1 go away\r\n")
        (said,) = self.successResultOf(begun[0])
        self.assertEqual((said.reply.text, said.held), ("go away", 0))
        for result in (*waiting, self.begin(hop=self.at("mx2.big.example"))):
            outcome = self.outcome(result)
            self.assertEqual((words([outcome]), outcome.held, outcome.asked), (["deferred"], 600, True))
            self.assertIn("big is left alone for 600 s: 451 4.7.1 go away", outcome.reply.text)
        self.say(1)
        self.assertEqual(words(self.successResultOf(begun[1])), ["delivered"])
        self.meet(ScriptedSink())
        self.clock.advance(600)
        self.assertEqual(words(self.send(hop=self.at("mx2.big.example"))), ["delivered"])

    def test_halved(self) -> None:
        """O17: a 421 halves the connections of the receiver."""
        self.meet(ScriptedSink({"MAIL": STALL}))
        hop = self.at("mx.free.example")
        begun = [self.begin(hop=hop) for _ in range(4)]
        self.say(0, b"421 4.3.2 busy\r\n")
        self.assertEqual([result.called for result in begun], [True, False, False, False])
        self.assertEqual(len(self.network.lines), 2)
        self.say(1, b"421 4.3.2 busy\r\n")
        self.assertEqual(len(self.network.lines), 3)

    def test_a_dead_receiver_rests(self) -> None:
        """A receiver with which nothing works is left alone for a little while: what comes counts as tried there, so
        that other hosts are asked; then one connection tries whether it is well."""
        self.meet(None)
        for _ in range(3):
            self.send()
            self.clock.advance(ROUND)
        asked = len(self.network.asked)
        (outcome,) = self.send()
        self.assertEqual((len(self.network.asked), outcome.asked, outcome.held), (asked, False, 0))
        self.assertIn("mx1.free.example port 25", outcome.reply.text)
        self.clock.advance(FIRST_REST)
        self.meet(ScriptedSink())
        self.assertEqual(words(self.send()), ["delivered"])

    def test_what_waits_when_it_rests(self) -> None:
        """Nobody waits for a connection to a receiver that is left alone."""
        self.meet(ScriptedSink({"banner": STALL}))
        begun = [self.begin() for _ in range(6)]
        for number in range(3):
            self.say(number, b"421 4.3.2 busy\r\n")
            self.clock.advance(ROUND)
        self.assertEqual([words(self.successResultOf(result)) for result in begun], [["deferred"]] * 6)
        self.assertEqual(len(self.network.lines), 3)

    def test_drop(self) -> None:
        """A reply that says so ends the connection, and the next message takes another."""
        hop = self.at("mx.big.example")
        for stage in ("dot", "RCPT"):
            self.setUp()
            self.meet(ScriptedSink({stage: b"452 4.5.3 enough\r\n"}), ScriptedSink())
            self.assertEqual(words(self.send(hop=hop)), ["deferred"])
            self.assertEqual(words(self.send(hop=hop)), ["delivered"])
            self.assertEqual((len(self.network.lines), self.network.lines[0].open), (2, False), stage)

    def test_elsewhere(self) -> None:
        """A reply that says so tells the outcome that another route may take over, in a session or in its greeting."""
        for stage in ("dot", "banner"):
            self.setUp()
            self.meet(ScriptedSink({stage: b"554 5.7.1 blocked\r\n"}))
            (outcome,) = self.send(hop=self.at("mx.big.example"))
            self.assertTrue(outcome.elsewhere, stage)
        self.assertFalse(self.send(hop=self.at("mx.free.example"))[0].elsewhere)


class Logins(GateCase):
    def setUp(self) -> None:
        super().setUp()
        self.hop = Hop("mx.big.example", 587, tls="none", username="u", password="p")
        self.hop = replace(self.hop, host="127.0.0.1")

    def refuse(self, reply: bytes) -> None:
        self.meet(ScriptedSink({"AUTH": reply}, extensions=("AUTH PLAIN",)), ScriptedSink(extensions=("AUTH PLAIN",)))

    def test_refused(self) -> None:
        """O18: a smart host that refuses our login is left alone, told once in the log; mail to it is put off and no
        attempt is counted, neither is any bounced. Another login there is not concerned."""
        for reply, seconds in ((b"535 5.7.8 no\r\n", LOGIN_REFUSED), (b"454 4.7.0 busy\r\n", LOGIN_BUSY),
                               (b"421 4.7.0 not now\r\n", LOGIN_BUSY)):  # fmt: skip
            self.setUp()
            self.refuse(reply)
            (outcome,) = self.send()
            self.assertEqual((words([outcome]), outcome.asked, outcome.held), (["deferred"], False, 0))
            self.assertEqual(len(self.flushLoggedErrors()), 0)
            for _ in range(50):
                (outcome,) = self.send()
                self.assertEqual((words([outcome]), outcome.asked, outcome.held), (["deferred"], False, seconds))
            self.assertIn("refused our login", outcome.reply.text)
            self.assertEqual(len(self.network.lines), 1)
            self.assertEqual(words(self.send(hop=replace(self.hop, username="other"))), ["delivered"])
            self.clock.advance(seconds)
            self.assertEqual(words(self.send()), ["delivered"])

    def test_lost(self) -> None:
        """A connection that is lost while we log in is trouble like any other."""
        self.refuse(CLOSE)  # type: ignore[arg-type]
        self.send()
        self.assertEqual(words(self.send()), ["delivered"])
