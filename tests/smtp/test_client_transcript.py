"""What an outcome tells of its attempt: the transcript, the way, what the message was signed by; and never a secret."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from mailrelay.mail.dkim import sign
from mailrelay.mail.envelope import Hop, Outcome
from mailrelay.mail.transcript import MAX_TEXT
from tests.mail.signatures import signers

from ..examples import at_most
from .outward import MESSAGE, OutwardCase
from .scripted import CLOSE, STALL, ScriptedSink


def lines(outcomes: Sequence[Outcome]) -> list[str]:
    """The transcript without its seconds."""
    return [re.sub(r"\A\d+\.\d{3} ", "", line) for line in outcomes[0].transcript.split("\n")]


ENVELOPE = [
    "C: MAIL FROM:<from@y.example> SIZE=24",
    "C: RCPT TO:<to@x.example>",
    "C: DATA",
    "S: 250 2.1.0 Ok",
    "S: 250 2.1.5 Ok",
    "S: 354 go ahead",
    "C: (the message, 24 octets)",
    "S: 250 2.0.0 Ok: queued",
]


class TranscriptTests(OutwardCase):
    """What was said to a hop, by whom, and when."""

    def test_from_the_connection_on(self) -> None:
        """The first message of a connection tells how it was opened, greeting and EHLO included."""
        self.assertEqual(
            lines(self.send()),
            [
                "-: connecting to sink.example port 25",
                "S: 220 sink.example ESMTP",
                "C: EHLO relay.example",
                "S: 250 sink.example",
                "S: PIPELINING",
                "S: 8BITMIME",
                "S: SIZE 0",
                *ENVELOPE,
            ],
        )

    def test_on_a_kept_connection(self) -> None:
        """A later message tells that it came by a connection kept, and nothing of the messages before it."""
        self.send(["other@x.example"])
        self.assertEqual(lines(self.send()), ["-: kept connection, transaction 2", *ENVELOPE])
        self.assertEqual(lines(self.send())[0], "-: kept connection, transaction 3")

    def test_without_the_content(self) -> None:
        """Of the message its size stands there, never its content."""
        outcomes = self.send(message=b"Subject: private\r\n\r\nprivate\r\n")
        self.assertNotIn("private", outcomes[0].transcript)

    def test_the_way(self) -> None:
        """The outcome names the address that was connected to and the route that led there."""
        (outcome,) = self.send(hop=Hop("sink.example", 25, "none", address="192.0.2.7", route="out"))
        self.assertEqual((outcome.address, outcome.route, outcome.signed), ("192.0.2.7", "out", ""))
        self.assertIn("connecting to sink.example (192.0.2.7) port 25", outcome.transcript)

    def test_what_it_was_signed_by(self) -> None:
        """The outcome names selector, domain and algorithm of each signature that left."""
        octets = sign(MESSAGE, signers(), 0)
        (outcome,) = self.send(message=octets)
        self.assertEqual(
            outcome.signed, "s0._domainkey.shop.example (rsa-sha256), s1._domainkey.shop.example (ed25519-sha256)"
        )

    def test_seconds(self) -> None:
        """Each line has the second at which it was said, counted from the begin of the attempt."""
        self.meet(ScriptedSink({"RCPT": STALL}))
        (outcome,) = self.after(self.begin(), 300)
        last = outcome.transcript.split("\n")[-1]
        self.assertEqual(last, "300.000 -: 451 4.4.2 Timed out while waiting for the reply to RCPT")

    def test_a_refusal(self) -> None:
        """A refused recipient's transcript ends with what was said to it."""
        self.meet(ScriptedSink({"RCPT": b"550 5.1.1 no such mailbox\r\n", "DATA": b"554 no recipients\r\n"}))
        self.assertEqual(lines(self.send())[-1], "S: 550 5.1.1 no such mailbox")

    def test_a_host_that_does_not_answer(self) -> None:
        """Where no connection came about the transcript says to which address it was to be, and why not."""
        self.meet(None)
        said = lines(self.send(hop=Hop("sink.example", 25, address="192.0.2.7")))
        self.assertEqual(said[0], "-: connecting to sink.example (192.0.2.7) port 25")
        self.assertIn("-: 451 4.4.1 No connection to sink.example (192.0.2.7) port 25", said[1])

    def test_a_host_that_says_no_at_once(self) -> None:
        """What a host says before the first message stands once, though nothing was asked of it."""
        self.meet(ScriptedSink({"banner": b"554 not for you\r\n"}))
        self.assertEqual(lines(self.send()), ["-: connecting to sink.example port 25", "S: 554 not for you"])

    def test_a_lost_connection(self) -> None:
        """C-13: a connection lost while its message was under way is the last thing told."""
        self.meet(ScriptedSink({"dot": CLOSE}))
        self.assertEqual(
            lines(self.send())[-1], "-: 451 4.4.2 Connection lost while waiting for the reply to the message"
        )

    def test_both_connections_of_one_attempt(self) -> None:
        """A connection that fails over STARTTLS and the one without it are one attempt, and told as one."""
        self.meet(ScriptedSink(extensions=("STARTTLS",), handshake="fail"), ScriptedSink())
        said = lines(self.send(hop=Hop("sink.example", 25, "may")))
        self.assertEqual(said.count("-: connecting to sink.example port 25"), 2)
        self.assertIn("C: STARTTLS", said)
        self.assertEqual(said[-len(ENVELOPE) :], ENVELOPE)

    def test_tls(self) -> None:
        """Where TLS began is told."""
        self.meet(ScriptedSink(extensions=("STARTTLS",), extensions_in_tls=("PIPELINING", "SIZE")))
        said = lines(self.send(hop=Hop("sink.example", 25, "require")))
        begun = said.index("-: TLS is established")
        self.assertEqual(said[begun - 2 : begun], ["C: STARTTLS", "S: 220 2.0.0 go ahead"])
        self.assertEqual(said[begun + 1], "C: EHLO relay.example")

    @given(st.lists(st.binary(max_size=600), max_size=80))
    @at_most(40)
    def test_a_talkative_host(self, words: list[bytes]) -> None:
        """H15: whatever a host says, what is kept of it is bounded and can be shown."""
        self.setUp()
        said = [b"250-" + word.replace(b"\n", b" ").replace(b"\r", b" ") + b"\r\n" for word in words]
        self.meet(ScriptedSink({"EHLO": b"".join([*said, b"250 end\r\n"])}))
        (outcome,) = self.send()
        self.assertLessEqual(len(outcome.transcript), MAX_TEXT)
        self.assertTrue(outcome.transcript.replace("\n", "").isprintable())


class SecretTests(OutwardCase):
    """Law 10: what proves who we are stands in no transcript and in no reply that is kept."""

    def setUp(self) -> None:
        super().setUp()
        self.hop = Hop("127.0.0.1", 25, "none", "user", "hunter22")
        self.secrets = ["hunter22", *(b64encode(each).decode() for each in (b"hunter22", b"\0user\0hunter22"))]

    def assert_secret(self, outcome: Outcome) -> None:
        for secret in self.secrets:
            self.assertNotIn(secret, outcome.transcript)
            self.assertNotIn(secret, str(outcome.reply))

    def test_plain(self) -> None:
        """AUTH PLAIN is shown without its response."""
        self.meet(ScriptedSink(extensions=("AUTH PLAIN",)))
        (outcome,) = outcomes = self.send()
        self.assertIn("C: AUTH PLAIN ***", lines(outcomes))
        self.assert_secret(outcome)

    def test_login(self) -> None:
        """AUTH LOGIN is shown with both its answers masked."""
        steps: list[bytes] = [b"334 VXNlcm5hbWU6\r\n", b"334 UGFzc3dvcmQ6\r\n", b"235 welcome\r\n"]
        self.meet(ScriptedSink({"AUTH": list(steps)}, ("AUTH LOGIN",)))
        (outcome,) = outcomes = self.send()
        said = lines(outcomes)
        self.assertEqual(said.count("C: ***"), 2)
        self.assertIn("C: AUTH LOGIN", said)
        self.assert_secret(outcome)

    def test_a_host_that_repeats_it(self) -> None:
        """A host that says aloud what it was told does not make it public."""
        for secret in self.secrets:
            self.setUp()
            refusal = b"535 5.7.8 I do not know " + secret.encode() + b"\r\n"
            self.meet(ScriptedSink({"AUTH": refusal}, ("AUTH PLAIN",)))
            (outcome,) = outcomes = self.send()
            self.assertEqual(str(outcome.reply), "535 5.7.8 I do not know ***")
            self.assertEqual(lines(outcomes)[-1], "S: 535 5.7.8 I do not know ***")
            self.assert_secret(outcome)
