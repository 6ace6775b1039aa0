"""The outbound conversation: what goes on the wire, and that it is free of the faults C-1 to C-13."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import fail, succeed

from mailrelay.mail.envelope import Capabilities, Hop
from mailrelay.mail.reply import Refusal
from mailrelay.smtp.outgoing import body_octets, is_wire_form, wire_path
from mailrelay.smtp.pool import Pool

from ..examples import at_most
from .outward import MESSAGE, NOW, OutwardCase, words
from .scripted import CLOSE, STALL, ScriptedSink


class Delivery(OutwardCase):
    def test_pipelined(self) -> None:
        """C-9: with PIPELINING the envelope is one write and the body another; each recipient has its own verdict."""
        outcomes = self.send(["a@x.example", "b@x.example"])
        self.assertEqual(words(outcomes), ["delivered", "delivered"])
        self.assertEqual(str(outcomes[0].reply), "250 2.0.0 Ok: queued")
        self.assertEqual((outcomes[0].host, outcomes[0].at, outcomes[0].tls), ("sink.example", NOW, ""))
        envelope = b"MAIL FROM:<from@y.example> SIZE=24\r\nRCPT TO:<a@x.example>\r\nRCPT TO:<b@x.example>\r\nDATA\r\n"
        self.assertEqual(self.line.writes, [b"EHLO relay.example\r\n", envelope, MESSAGE + b".\r\n"])
        self.assertEqual(self.sink.messages, [MESSAGE])
        self.assertTrue(self.line.no_delay)

    def test_step_by_step(self) -> None:
        """Without PIPELINING each command waits for the reply before it."""
        self.meet(ScriptedSink(extensions=()))
        self.assertEqual(words(self.send(["a@x.example", "b@x.example"])), ["delivered", "delivered"])
        self.assertEqual(
            self.line.writes[1:],
            [
                b"MAIL FROM:<from@y.example>\r\n",
                b"RCPT TO:<a@x.example>\r\n",
                b"RCPT TO:<b@x.example>\r\n",
                b"DATA\r\n",
                MESSAGE + b".\r\n",
            ],
        )

    def test_parameters(self) -> None:
        """C-9: SIZE, BODY=8BITMIME and SMTPUTF8 are said when offered and needed, and only then."""
        everything = ("SIZE 1000", "8BITMIME", "SMTPUTF8", "PIPELINING")
        eight_bit = b"Subject: x\r\n\r\n\xc3\xbc\r\n"
        for extensions, message, sender, expected in (
            (everything, MESSAGE, "a@b.example", b"MAIL FROM:<a@b.example> SIZE=24"),
            (everything, eight_bit, "a@b.example", b"MAIL FROM:<a@b.example> SIZE=18 BODY=8BITMIME"),
            (everything, b"Subject: \xc3\xbc\r\n\r\nx\r\n", "", b"MAIL FROM:<> SIZE=18 BODY=8BITMIME SMTPUTF8"),
            (everything, MESSAGE, "ü@b.example", "MAIL FROM:<ü@b.example> SIZE=24 SMTPUTF8".encode()),
            ((), eight_bit, "a@b.example", b"MAIL FROM:<a@b.example>"),
            (("SIZE",), MESSAGE, "a@b.example", b"MAIL FROM:<a@b.example> SIZE=24"),
        ):
            self.setUp()
            self.meet(ScriptedSink(extensions=extensions))
            self.assertEqual(words(self.send(message=message, sender=sender)), ["delivered"])
            self.assertEqual(self.sink.heard[1], expected)

    def test_capabilities_reach_compose(self) -> None:
        """O8, O9: compose is told what EHLO offered, in any case of letters, with empty lines and SIZE said twice."""
        seen: list[Capabilities] = []
        lines = b"250-hi\r\n250-\r\n250-size 9000\r\n250-SIZE 0\r\n250-SIZE 5000\r\n250-8bitmime\r\n250 smtputf8\r\n"
        self.meet(ScriptedSink({"EHLO": lines}))

        def compose(offered: Capabilities) -> object:
            seen.append(offered)
            return succeed(MESSAGE)

        result = self.pool.transmit(self.hop, "a@b.example", ["c@d.example"], compose)  # type: ignore[arg-type]
        self.network.flush()
        self.assertEqual(words(self.successResultOf(result)), ["delivered"])
        self.assertEqual(seen, [Capabilities(eight_bit=True, utf8=True, pipelining=False, size=5000)])

    def test_too_big(self) -> None:
        """O8: a message over the SIZE that was named is bounced 5.3.4 without a word, and the connection serves on."""
        self.meet(ScriptedSink(extensions=("SIZE 23",)))
        outcomes = self.send()
        self.assertEqual((words(outcomes), outcomes[0].reply.status), (["bounced"], "5.3.4"))
        self.assertEqual(self.sink.heard, [b"EHLO relay.example"])
        self.assertEqual(words(self.send(message=b"x\r\n")), ["delivered"])
        self.assertEqual(len(self.network.lines), 1)

    def test_eight_bit_address(self) -> None:
        """C-8, P24: an address that needs SMTPUTF8 is bounced 5.6.7 where it is not offered; the others go."""
        outcomes = self.send(["ü@x.example", "a@x.example"])
        self.assertEqual(words(outcomes), ["bounced", "delivered"])
        self.assertEqual(outcomes[0].reply.status, "5.6.7")
        self.assertEqual(words(self.send(["a@x.example"], sender="ü@x.example")), ["bounced"])
        self.assertNotIn("ü".encode(), self.sink.raw)

    def test_unwritable_address(self) -> None:
        """S24, C-8: an address that could act as a command is bounced 5.1.3, and nothing of it reaches the wire."""
        bad = [
            "a\r\nDATA@x.example", "a\nb@x.example", "a\0@x.example", '"a\nb"@x.example', "a@x\r.example",
            "a b@x.example", "a@x.example> SIZE=1", "<a@x.example>", "a\x7f@x.example", "a\x85@x.example",
            "a\u2028@x.example", "\udcff@x.example", "",
        ]  # fmt: skip
        outcomes = self.send([*bad, "good@x.example"])
        self.assertEqual(words(outcomes), ["bounced"] * len(bad) + ["delivered"])
        self.assertEqual({outcome.reply.status for outcome in outcomes[:-1]}, {"5.1.3"})
        self.assertEqual([line for line in self.sink.heard if line.startswith(b"RCPT")], [b"RCPT TO:<good@x.example>"])
        self.setUp()
        self.assertEqual(words(self.send(bad)), ["bounced"] * len(bad))
        self.assertEqual(words(self.send(sender="a\r\nRSET")), ["bounced"])
        self.assertEqual(self.network.asked, [])
        for hello in ("", "a\r\nQUIT", "a b", "ü", "a\0"):
            self.assertRaises(ValueError, Pool, self.network.connect, self.clock, lambda: NOW, hello)

    def test_addresses_unchanged(self) -> None:
        """C-8: an address goes out as it is, quotes, literals and all."""
        for address in (
            '"a b"@x.example',
            '"a\\"@b"@x.example',
            "a@[IPv6:::1]",
            "postmaster",
            "a+b=c@x.example",
            '"x>y"@d.example',
        ):
            self.assertEqual(wire_path(address), address.encode())
        self.send(['"a b"@x.example'], sender="")
        self.assertEqual(self.sink.heard[1:3], [b"MAIL FROM:<> SIZE=24", b'RCPT TO:<"a b"@x.example>'])

    def test_refused_by_compose(self) -> None:
        """A Refusal of compose bounces every recipient without a word about the message."""
        result = self.pool.transmit(
            self.hop, "", ["a@b.example", "c@d.example"], lambda _: fail(Refusal("no_downgrade"))
        )
        self.network.flush()
        outcomes = self.successResultOf(result)
        self.assertEqual(words(outcomes), ["bounced", "bounced"])
        self.assertIn("no_downgrade", outcomes[0].reply.text)
        self.assertEqual(self.sink.heard, [b"EHLO relay.example"])

    def test_compose_fails(self) -> None:
        """A fault inside compose, raised or not, defers and is logged once; the connection serves on."""

        def broken(_: Capabilities) -> object:
            raise RuntimeError("inside")

        for compose in (broken, lambda _: fail(RuntimeError("inside"))):
            result = self.pool.transmit(self.hop, "", ["a@b.example"], compose)  # type: ignore[arg-type]
            self.network.flush()
            outcomes = self.successResultOf(result)
            self.assertEqual((words(outcomes), outcomes[0].reply.status), (["deferred"], "4.3.0"))
            self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.assertEqual(words(self.send()), ["delivered"])
        self.assertEqual(len(self.network.lines), 1)

    def test_not_in_wire_form(self) -> None:
        """S20: a message with a bare CR, a bare LF or a NUL is a fault inside: deferred, and never written."""
        for message in (b"a\nb\r\n", b"a\rb\r\n", b"a\0b\r\n", b"\r\n\n.\r\n", b"a\n\r\n", b"a\r\r\n"):
            outcomes = self.send(message=message)
            self.assertEqual((words(outcomes), outcomes[0].reply.status), (["deferred"], "4.3.0"), message)
        self.assertEqual(self.sink.heard, [b"EHLO relay.example"])


class Stuffing(OutwardCase):
    def test_offsets(self) -> None:
        """C-1, S21: a line that begins with a dot is stuffed wherever it stands, at the borders of blocks too."""
        for border in (0, 16384, 32768, 65536, 131072):
            for shift in range(-3, 4):
                at = border + shift
                if at in (-1, 1) or at < 0:
                    continue
                padding = b"x" * (at - 2) + b"\r\n" if at else b""
                message = padding + b".\r\nMAIL FROM:<evil@x.example>\r\n"
                self.assertEqual(words(self.send(message=message)), ["delivered"], at)
                self.assertEqual(self.sink.messages[-1], message, at)
        self.assertNotIn(b"MAIL FROM:<evil@x.example>", self.sink.heard)

    def test_ends(self) -> None:
        """S23: an empty message, a lone dot, and one without a line end are one message each."""
        for message, received in (
            (b"", b""),
            (b".", b".\r\n"),
            (b"x", b"x\r\n"),
            (b"..\r\n.\r\n.", b"..\r\n.\r\n.\r\n"),
            (b"\r\n.\r\n", b"\r\n.\r\n"),
        ):
            self.assertEqual(words(self.send(message=message)), ["delivered"], message)
            self.assertEqual(self.sink.messages[-1], received, message)
        self.assertEqual(self.sink.heard.count(b"<dot>"), 5)

    @at_most(200)
    @given(st.lists(st.sampled_from([b"\r\n", b".", b"A", b"\r\n.\r\n", b"QUIT"]), max_size=60).map(b"".join))
    def test_one_end(self, message: bytes) -> None:
        """S22: whatever is sent arrives as it was, and its end mark stands at the end and nowhere else."""
        octets = body_octets(message)
        self.assertEqual((b"\r\n" + octets).count(b"\r\n.\r\n"), 1)
        self.assertTrue(octets.endswith(b".\r\n"))
        sink = ScriptedSink()
        sink.receive(b"DATA\r\n")
        sink.receive(octets + b"NOOP")
        self.assertEqual(sink.heard, [b"DATA", b"<dot>"])
        self.assertEqual(sink.messages, [message if message.endswith(b"\r\n") or not message else message + b"\r\n"])

    @at_most(200)
    @given(st.lists(st.sampled_from([b"\r", b"\n", b"\0", b".", b"A", b"\r\n"]), max_size=30).map(b"".join))
    def test_wire_form(self, message: bytes) -> None:
        """I6: what passes has no CR without LF, no LF without CR, no NUL."""
        clean = message.replace(b"\r\n", b"")
        self.assertEqual(is_wire_form(message), not set(clean) & set(b"\r\n\0"))

    def test_large_body(self) -> None:
        """A large body goes out in blocks as the transport empties, stuffed as a whole."""
        message = b"." * 70 + b"\r\n"
        message *= 5000
        self.assertEqual(words(self.send(message=message)), ["delivered"])
        self.assertEqual(self.sink.messages, [message])
        self.assertTrue(all(len(write) <= 65536 for write in self.line.writes))
        self.assertEqual(words(self.send()), ["delivered"])


class Faults(OutwardCase):
    def test_early_reply(self) -> None:
        """C-2, O4: a reply in the middle of the body stops it: nothing more is written, the message is deferred."""
        message = (b"x" * 70 + b"\r\n") * 3000
        for early in (b"552 too big\r\n", b"250 Ok\r\n", b"4", b"junk\r\n"):
            self.setUp()
            self.meet(ScriptedSink(zero_window=True))
            result = self.begin(message=message)
            self.assertNoResult(result)
            self.line.play(early)
            written = len(self.line.writes)
            outcomes = self.successResultOf(result)
            self.assertEqual(words(outcomes), ["deferred"], early)
            self.assertTrue(self.line.aborted)
            self.network.flush()
            self.assertEqual(len(self.line.writes), written)

    def test_reply_before_its_command(self) -> None:
        """C-2: a final reply that comes together with the 354 is none: nothing of the body is written."""
        self.meet(ScriptedSink({"DATA": b"354 go\r\n250 Ok: queued\r\n"}))
        outcomes = self.send()
        self.assertEqual((words(outcomes), outcomes[0].reply.status), (["deferred"], "4.5.0"))
        self.assertEqual(self.sink.messages, [])
        self.assertNotIn(MESSAGE + b".\r\n", self.line.writes)

    def test_no_retry_of_its_own(self) -> None:
        """C-3, O2: a connection lost after the final dot defers as uncertain, and nobody sends again by himself."""
        self.meet(ScriptedSink({"dot": CLOSE}))
        outcomes = self.send()
        self.assertEqual((words(outcomes), outcomes[0].reply.code), (["deferred uncertain"], 451))
        self.assertEqual(len(self.network.lines), 1)
        self.meet(ScriptedSink({"DATA": CLOSE}))
        self.assertEqual(words(self.send()), ["deferred"])
        self.assertEqual(len(self.network.lines), 2)

    def test_late_reply(self) -> None:
        """O3: a reply after our time-out changes nothing any more."""
        self.meet(ScriptedSink({"dot": STALL}))
        result = self.begin()
        self.assertNoResult(result)
        self.clock.advance(600)
        self.assertEqual(words(self.successResultOf(result)), ["deferred uncertain"])
        self.line.play(b"250 Ok\r\n")
        self.network.flush()
        self.assertFalse(self.line.open)

    def test_unsolicited_while_idle(self) -> None:
        """C-11: a reply nobody asked for never shifts those that follow: the next mail takes another connection."""
        self.send()
        self.line.play(b"250 Ok\r\n")
        self.network.flush()
        self.assertFalse(self.line.open)
        self.assertEqual(words(self.send()), ["delivered"])
        self.assertEqual(len(self.network.lines), 2)

    def test_surplus_reply(self) -> None:
        """C-11: with one reply too many the verdict stands, and the connection ends."""
        self.meet(ScriptedSink({"dot": b"250 Ok\r\n250 Ok\r\n"}))
        self.assertEqual(words(self.send()), ["delivered"])
        self.assertFalse(self.line.open)

    def test_session_ends_at_421(self) -> None:
        """C-12: 421 is no verdict on one recipient: who has none yet is deferred, and nothing more is said."""
        self.meet(ScriptedSink({"RCPT": [b"550 5.1.1 no\r\n", b"421 4.3.2 down\r\n"]}, extensions=()))
        outcomes = self.send(["a@x.example", "b@x.example", "c@x.example"])
        self.assertEqual(words(outcomes), ["bounced", "deferred", "deferred"])
        self.assertEqual([outcome.reply.code for outcome in outcomes], [550, 421, 421])
        self.assertEqual(self.sink.heard[-1], b"RCPT TO:<b@x.example>")
        self.assertFalse(self.line.open)

    def test_greeting(self) -> None:
        """C-12: a greeting of 4xx and one of 5xx can be told apart; neither judges a recipient."""
        for greeting in (b"450 4.3.2 later\r\n", b"554 5.7.1 not you\r\n"):
            self.meet(ScriptedSink({"banner": greeting}))
            outcomes = self.send()
            self.assertEqual((words(outcomes), outcomes[0].reply.code), (["deferred"], int(greeting[:3])))
            self.assertEqual(self.sink.heard, [])

    def test_helo(self) -> None:
        """C-12: HELO is tried when EHLO is not known (500, 502), and after no other reply."""
        for code in (500, 502):
            self.meet(ScriptedSink({"EHLO": b"%d what?\r\n" % code}))
            self.assertEqual(words(self.send()), ["delivered"])
            self.assertEqual(
                self.sink.heard[:3], [b"EHLO relay.example", b"HELO relay.example", b"MAIL FROM:<from@y.example>"]
            )
            self.setUp()
        for code in (421, 450, 501, 504, 550, 554):
            self.meet(ScriptedSink({"EHLO": b"%d no\r\n" % code}))
            outcomes = self.send()
            self.assertEqual((words(outcomes), outcomes[0].reply.code), (["deferred"], code))
            self.assertEqual(self.sink.heard, [b"EHLO relay.example"])

    def test_secrets_stay_in(self) -> None:
        """C-6: a login that fails leaves its words in no outcome and no repr."""
        hop = Hop("localhost", 25, "none", "user", "hunter2")
        self.meet(ScriptedSink({"AUTH": b"535 5.7.8 no\r\n"}, extensions=("AUTH PLAIN",)))
        outcomes = self.send(hop=hop)
        self.assertEqual((words(outcomes), outcomes[0].reply.code), (["deferred"], 535))
        for secret in ("hunter2", "AHVzZXIAaHVudGVyMg"):
            self.assertNotIn(secret, repr(outcomes) + repr(hop) + repr(self.pool))

    def test_no_rset_between(self) -> None:
        """C-9, C-10: after a reply to the message the next transaction follows on the same connection, without RSET."""
        self.meet(ScriptedSink({"dot": [b"250 Ok\r\n", b"554 5.6.0 no\r\n", b"451 4.3.0 later\r\n", b"250 Ok\r\n"]}))
        self.assertEqual([words(self.send())[0] for _ in range(4)], ["delivered", "bounced", "deferred", "delivered"])
        self.assertEqual(len(self.network.lines), 1)
        self.assertNotIn(b"RSET", self.sink.heard)

    def test_everyone_refused(self) -> None:
        """P14: when nobody was taken and DATA says 354 all the same, one dot ends it; no message goes out."""
        self.meet(
            ScriptedSink(
                {
                    "RCPT": [b"550 5.1.1 no\r\n", b"450 4.2.0 busy\r\n", b"250 Ok\r\n"],
                    "dot": [b"554 none\r\n", b"250 Ok\r\n"],
                }
            )
        )
        self.assertEqual(words(self.send(["a@x.example", "b@x.example"])), ["bounced", "deferred"])
        self.assertEqual(self.line.writes[-1], b".\r\n")
        self.assertEqual(self.sink.messages, [b""])
        self.assertEqual(words(self.send()), ["delivered"])
        self.assertEqual(len(self.network.lines), 1)

    def test_sender_refused_and_354(self) -> None:
        """O6, P14: after 354 to a DATA whose sender was refused the connection is dropped; the verdict stands."""
        self.meet(ScriptedSink({"MAIL": b"550 5.1.8 no\r\n"}))
        outcomes = self.send(["a@x.example", "b@x.example"])
        self.assertEqual((words(outcomes), outcomes[0].reply.code), (["bounced", "bounced"], 550))
        self.assertEqual(len(self.line.writes), 2)
        self.assertFalse(self.line.open)

    def test_sender_refused(self) -> None:
        """O6: a hop that refuses MAIL and answers all that followed judges everyone once, and serves on."""
        five = b"503 5.5.1 no sender\r\n"
        self.meet(
            ScriptedSink(
                {
                    "MAIL": [b"450 4.7.1 later\r\n", b"250 Ok\r\n"],
                    "RCPT": [five, b"250 Ok\r\n"],
                    "DATA": [five, b"354 go\r\n"],
                }
            )
        )
        outcomes = self.send()
        self.assertEqual((words(outcomes), outcomes[0].reply.code), (["deferred"], 450))
        self.assertEqual(words(self.send()), ["delivered"])
        self.assertEqual(len(self.network.lines), 1)

    def test_mixed_verdicts(self) -> None:
        """O5: verdicts of RCPT stand, and the reply to the message judges the others."""
        for dot, kind in (
            (b"250 Ok\r\n", "delivered"),
            (b"451 4.3.0 later\r\n", "deferred"),
            (b"554 5.6.0 no\r\n", "bounced"),
        ):
            for extensions in (("PIPELINING",), ()):
                self.setUp()
                self.meet(
                    ScriptedSink(
                        {"RCPT": [b"250 Ok\r\n", b"450 4.2.0 x\r\n", b"550 5.1.1 y\r\n", b"251 ok\r\n"], "dot": dot},
                        extensions,
                    )
                )
                outcomes = self.send([f"{name}@x.example" for name in "abcd"])
                self.assertEqual(words(outcomes), [kind, "deferred", "bounced", kind])
                self.assertEqual([outcome.reply.code for outcome in outcomes[1:3]], [450, 550])
