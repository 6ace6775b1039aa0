"""STARTTLS and login towards a hop: what is sent in the clear, what never is, and what is remembered (T5, T6, T12)."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailrelay.mail.envelope import Hop
from mailrelay.smtp.offer import is_loopback, login_lines
from mailrelay.smtp.trust import Trust

from .outward import OutwardCase, words
from .scripted import CLOSE, STALL, ScriptedSink

TLS = ("PIPELINING", "STARTTLS")
LEVELS = {"may": "opportunistic", "require": "required", "verify": "verified"}
INSIDE = ("PIPELINING", "AUTH PLAIN LOGIN")


def hop(tls: str, username: str = "", host: str = "sink.example") -> Hop:
    return Hop(host, 25, tls, username, "hunter2" if username else "")


class StartTls(OutwardCase):
    def test_offered(self) -> None:
        """T3: where STARTTLS is offered it is used, by every rule but "none"; what was offered before is forgotten."""
        for tls in ("may", "require", "verify"):
            self.setUp()
            self.meet(ScriptedSink(extensions=("STARTTLS", "PIPELINING", "SIZE 1"), extensions_in_tls=()))
            outcomes = self.send(hop=hop(tls))
            self.assertEqual(words(outcomes), ["delivered"])
            self.assertEqual(outcomes[0].tls, f"TLSv1.3 TLS_AES_256_GCM_SHA384 {LEVELS[tls]}")
            self.assertEqual(self.sink.heard[:3], [b"EHLO relay.example", b"STARTTLS", b"EHLO relay.example"])
            self.assertIn(b"MAIL FROM:<from@y.example>", self.sink.heard)
        self.meet(ScriptedSink(extensions=TLS))
        self.assertEqual(words(self.send(hop=hop("none"))), ["delivered"])
        self.assertNotIn(b"STARTTLS", self.sink.heard)

    def test_lower_case(self) -> None:
        """C-7: `starttls` in small letters is an offer."""
        self.meet(ScriptedSink(extensions=("starttls",)))
        self.assertEqual(self.send(hop=hop("require"))[0].tls.split()[0], "TLSv1.3")

    def test_not_offered(self) -> None:
        """T6: without an offer of STARTTLS mail is deferred 4.7.4 where TLS is required; "may" goes on in the clear."""
        for tls in ("require", "verify"):
            for script in ({}, {"EHLO": b"502 what?\r\n"}):
                self.meet(ScriptedSink(script, extensions=("PIPELINING",)))
                outcomes = self.send(hop=hop(tls))
                self.assertEqual((words(outcomes), outcomes[0].reply.status), (["deferred"], "4.7.4"))
                self.assertNotIn(b"MAIL", self.sink.raw)
        outcomes = self.send(hop=hop("may"))
        self.assertEqual((words(outcomes), outcomes[0].tls), (["delivered"], ""))

    def test_refused(self) -> None:
        """T12: STARTTLS refused or broken off: "may" sends in the clear over a new connection, others defer 4.7.x."""
        ways = (
            ({"STARTTLS": b"454 4.7.0 not now\r\n"}, "ok"),
            ({"STARTTLS": b"502 what?\r\n"}, "ok"),
            ({"STARTTLS": b"250 ok\r\n"}, "ok"),
            ({"STARTTLS": CLOSE}, "ok"),
            ({}, "fail"),
        )
        for script, handshake in ways:
            for tls, expected in (("may", "delivered"), ("require", "deferred"), ("verify", "deferred")):
                self.setUp()
                self.meet(ScriptedSink(script, TLS, handshake=handshake), ScriptedSink(extensions=TLS))
                outcomes = self.send(hop=hop(tls))
                where = (script, handshake, tls)
                self.assertEqual((words(outcomes), outcomes[0].tls), ([expected], ""), where)
                self.assertNotIn(b"MAIL", self.network.lines[0].sink.raw, where)
                self.assertEqual(len(self.network.lines), 2 if tls == "may" else 1, where)
                if tls == "may":
                    self.assertNotIn(b"STARTTLS", self.sink.raw, where)
                else:
                    self.assertRegex(str(outcomes[0].reply.status), r"4\.[47]\.", where)

    def test_remembered(self) -> None:
        """A host whose TLS failed is spared the next try for an hour, by "may" only, and then tried again."""
        self.meet(ScriptedSink(extensions=TLS, handshake="fail"), ScriptedSink(extensions=TLS))
        self.assertEqual(words(self.send(hop=hop("may"))), ["delivered"])
        self.clock.advance(30)
        self.network.flush()
        outcomes = self.send(hop=hop("may"))
        self.assertEqual((len(self.network.lines), outcomes[0].tls), (3, ""))
        self.assertEqual(self.send(hop=hop("require"))[0].tls.split()[0], "TLSv1.3")
        self.clock.advance(3600)
        self.network.flush()
        self.assertEqual(self.send(hop=hop("may"))[0].tls.split()[0], "TLSv1.3")

    def test_stalled_handshake(self) -> None:
        """T7: a handshake that goes nowhere is given up in a minute; then as if it had failed."""
        for tls, expected in (("require", "deferred"), ("may", "delivered")):
            self.setUp()
            self.meet(ScriptedSink(extensions=TLS, handshake="stall"), ScriptedSink(extensions=TLS))
            self.assertEqual(words(self.after(self.begin(hop=hop(tls)), 60)), [expected])
            self.assertTrue(self.network.lines[0].aborted)

    def test_injected_replies(self) -> None:
        """T5, C-5: anything behind the 220, be it one octet, ends the session: no TLS, no login, no plaintext."""
        for tls in ("may", "require", "verify"):
            for behind in (b"250 AUTH PLAIN\r\n", b"2", b"250-x\r\n", b"\x16\x03\x01"):
                self.setUp()
                self.meet(ScriptedSink({"STARTTLS": b"220 go\r\n" + behind}, TLS))
                outcomes = self.send(hop=hop(tls, "user"))
                self.assertEqual((words(outcomes), outcomes[0].reply.status), (["deferred"], "4.5.0"), (tls, behind))
                self.assertEqual(len(self.network.lines), 1)
                self.assertIsNone(self.line.context)
                self.assertEqual(self.sink.heard, [b"EHLO relay.example", b"STARTTLS"])

    def test_421_is_no_reason_for_plaintext(self) -> None:
        """T12: 421 to STARTTLS is the end of the session, not of TLS."""
        self.meet(ScriptedSink({"STARTTLS": b"421 4.3.2 down\r\n"}, TLS), ScriptedSink())
        outcomes = self.send(hop=hop("may"))
        self.assertEqual((words(outcomes), outcomes[0].reply.code, len(self.network.lines)), (["deferred"], 421, 1))


class Login(OutwardCase):
    def test_plain_in_tls(self) -> None:
        """Inside TLS the login is PLAIN with its initial response, judged by what is offered there."""
        self.meet(ScriptedSink(extensions=TLS, extensions_in_tls=INSIDE))
        self.assertEqual(words(self.send(hop=hop("require", "user"))), ["delivered"])
        self.assertEqual(self.sink.heard[3], b"AUTH PLAIN AHVzZXIAaHVudGVyMg==")

    def test_login(self) -> None:
        """LOGIN where PLAIN is not offered, by the old spelling AUTH= too."""
        for offered in ("AUTH LOGIN", "auth=login"):
            self.setUp()
            steps = [b"334 VXNlcm5hbWU6\r\n", b"334 UGFzc3dvcmQ6\r\n", b"235 2.7.0 in\r\n"]
            self.meet(ScriptedSink({"AUTH": steps}, (offered,)))
            self.assertEqual(words(self.send(hop=hop("none", "user"))), ["delivered"])
            self.assertEqual(self.sink.heard[1:4], [b"AUTH LOGIN", b"dXNlcg==", b"aHVudGVyMg=="])

    def test_never_in_the_clear(self) -> None:
        """T16: without TLS nothing is logged in to but this machine, unless the hop's rule is "none" explicitly."""
        open_sink = ScriptedSink(extensions=("AUTH PLAIN",))
        self.meet(open_sink)
        outcomes = self.send(hop=hop("may", "user"))
        self.assertEqual((words(outcomes), outcomes[0].reply.status), (["deferred"], "4.7.0"))
        self.assertEqual(open_sink.heard, [b"EHLO relay.example"])
        self.meet(
            ScriptedSink(extensions=(*TLS, "AUTH PLAIN"), handshake="fail"), ScriptedSink(extensions=("AUTH PLAIN",))
        )
        self.assertEqual(words(self.send(hop=hop("may", "user"))), ["deferred"])
        for line in self.network.lines:
            self.assertNotIn(b"AUTH", line.sink.raw)
        for rule, host in (("none", "sink.example"), ("may", "127.0.0.1"), ("may", "::1"), ("may", "localhost")):
            self.meet(ScriptedSink(extensions=("AUTH PLAIN",)))
            self.assertEqual(words(self.send(hop=hop(rule, "user", host))), ["delivered"], (rule, host))

    def test_not_offered(self) -> None:
        """A hop that offers no login that is known here defers: the message is not sent without."""
        for extensions in ((), ("AUTH CRAM-MD5",)):
            self.meet(ScriptedSink(extensions=extensions))
            outcomes = self.send(hop=hop("none", "user"))
            self.assertEqual((words(outcomes), outcomes[0].reply.status), (["deferred"], "4.7.0"))
            self.assertNotIn(b"MAIL", self.sink.raw)

    def test_refused(self) -> None:
        """O18: a login that is refused defers everything and bounces nothing."""
        for reply in (b"535 5.7.8 no\r\n", b"454 4.7.0 later\r\n", b"421 4.7.0 go\r\n", b"334 more?\r\n", STALL):
            self.setUp()
            self.meet(ScriptedSink({"AUTH": reply}, INSIDE))
            result = self.begin(hop=hop("none", "user"))
            outcomes = self.after(result, 120) if reply is STALL else self.successResultOf(result)
            self.assertEqual(words(outcomes), ["deferred"], reply)
            self.assertNotIn(b"MAIL", self.sink.raw)

    def test_lines(self) -> None:
        """A NUL in a secret would shift PLAIN's fields, so there is no login with it; other octets are UTF-8."""
        self.assertEqual(login_lines(frozenset({"PLAIN"}), "a\0b", "c"), ())
        self.assertEqual(login_lines(frozenset({"PLAIN"}), "ü", "ß"), (b"AUTH PLAIN AMO8AMOf\r\n",))

    def test_loopback(self) -> None:
        """Loopback is localhost and the loopback networks, and no name that only looks so."""
        hosts = {"localhost": True, "LOCALHOST.": True, "127.8.9.1": True, "::1": True, "localhost.example": False}
        hosts |= {"127.0.0.1.example": False, "10.0.0.1": False, "": False}
        self.assertEqual({host: is_loopback(host) for host in hosts}, hosts)


class Contexts(SynchronousTestCase):
    def test_kept(self) -> None:
        """A context is made once per host; "may" and "require" share it, "verify" has its own."""
        trust = Trust()
        self.assertIs(trust.context(hop("may")), trust.context(hop("require")))
        self.assertIs(trust.context(hop("verify")), trust.context(hop("verify")))
        self.assertIsNot(trust.context(hop("verify")), trust.context(hop("may")))
