"""AUTH: what is taken, what is refused, and that the session outlives it."""

from __future__ import annotations

import base64
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mailrelay.mail.reply import Refusal
from mailrelay.smtp.auth import Credentials, Exchange
from mailrelay.smtp.listener import Limits
from mailrelay.smtp.patience import Patience

from .inward import PLAIN, Line, codes, line, refusal


def b64(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


def fresh(**more: Any) -> Line:
    client = Line(**more)
    client.send("EHLO x\r\n")
    return client


class FormTests(SynchronousTestCase):
    """Every form in which clients say it."""

    def test_plain(self) -> None:
        """PLAIN with and without initial response, with the user as authorization identity, in any case."""
        for text, said in (
            (f"AUTH PLAIN {PLAIN}\r\n", [235]),
            (f"auth plain {PLAIN}\r\n", [235]),
            (f"AUTH PLAIN\r\n{PLAIN}\r\n", [334, 235]),
            (f"AUTH PLAIN {b64(b'user' + bytes(1) + b'user' + bytes(1) + b'secret')}\r\n", [235]),
        ):
            self.assertEqual(fresh().codes(text), said, text)
        self.assertEqual(fresh().send("AUTH PLAIN\r\n"), "334 \r\n")

    def test_login(self) -> None:
        """LOGIN with and without initial response; its prompts are those that old clients match."""
        user, secret = b64(b"user"), b64(b"secret")
        client = fresh()
        self.assertEqual(client.send("AUTH LOGIN\r\n"), "334 VXNlcm5hbWU6\r\n")
        self.assertEqual(client.send(f"{user}\r\n"), "334 UGFzc3dvcmQ6\r\n")
        self.assertEqual(client.codes(f"{secret}\r\n"), [235])
        self.assertEqual(fresh().codes(f"AUTH login {user}\r\n{secret}\r\n"), [334, 235])

    def test_malformed(self) -> None:
        """What is no PLAIN or LOGIN message is told by 501, and the session lives (A1, A2, S-12)."""
        for text in (
            "AUTH", "AUTH PLAIN AA==", "AUTH PLAIN AAAA", "AUTH PLAIN =", "AUTH PLAIN ===", "AUTH PLAIN *",
            "AUTH PLAIN AHVzZXIAc2VjcmV0=", "AUTH PLAIN AHVzZ\u00e9", "AUTH PLAIN " + b64(b"\0" * 4),
            "AUTH PLAIN " + b64(b"\0\xff\0x"), "AUTH PLAIN " + b64(b"user"), "AUTH PLAIN " + b64(b"\0\0secret"),
            "AUTH PLAIN AHVz ZXIA", "AUTH PLAIN " + "!" * 400,
        ):  # fmt: skip
            client = fresh()
            self.assertEqual(client.codes(text + "\r\n"), [501], text)
            self.assertEqual(client.codes("NOOP\r\n"), [250])
            self.assertEqual(client.backend.logins, [])

    def test_login_without_a_user(self) -> None:
        """An empty user name, or one with a NUL, is malformed once the exchange is over (A2, A8)."""
        for user in ("=", b64(b"us\0er")):
            client = fresh()
            self.assertEqual(client.codes(f"AUTH LOGIN {user}\r\n{b64(b'secret')}\r\nNOOP\r\n"), [334, 501, 250])
            self.assertEqual(client.backend.logins, [])

    def test_long_responses(self) -> None:
        """12288 octets are read, more are told by 500 and thrown away; the session lives (P9, A2)."""
        client = fresh()
        fits = "AUTH PLAIN " + "A" * (12288 - 13 - 3) + "\r\n"
        self.assertEqual(client.codes(fits), [501])
        self.assertEqual(client.codes("AUTH PLAIN " + "A" * 12288 + "\r\nNOOP\r\n"), [500, 250])
        self.assertEqual(client.codes("AUTH PLAIN\r\n" + "A" * 100_000 + "\r\nNOOP\r\n"), [334, 500, 250])

    def test_cancelled(self) -> None:
        """`*` ends the exchange at each step (A3)."""
        for text in ("AUTH PLAIN\r\n*\r\n", "AUTH LOGIN\r\n*\r\n"):
            self.assertEqual(fresh().codes(text + "NOOP\r\n"), [334, 501, 250])
        self.assertEqual(fresh().codes(f"AUTH LOGIN {b64(b'user')}\r\n*\r\nNOOP\r\n"), [334, 501, 250])

    def test_mechanism(self) -> None:
        """A mechanism that is not offered: 504."""
        self.assertEqual(fresh().codes("AUTH CRAM-MD5\r\nAUTH XOAUTH2 abc\r\n"), [504, 504])

    def test_for_another(self) -> None:
        """One user cannot log in for another, and nobody is asked."""
        client = fresh()
        self.assertEqual(client.codes(f"AUTH PLAIN {b64(b'other' + bytes(1) + b'user' + bytes(1) + b'x')}\r\n"), [535])
        self.assertEqual(client.backend.logins, [])


class PlaceTests(SynchronousTestCase):
    """When AUTH is taken."""

    def test_after_helo(self) -> None:
        """AUTH needs EHLO (S-13)."""
        client = Line()
        client.said()
        self.assertEqual(client.codes(f"HELO x\r\nAUTH PLAIN {PLAIN}\r\n"), [250, 503])

    def test_twice_and_in_a_transaction(self) -> None:
        """Not twice, and not within a transaction (A4)."""
        self.assertEqual(line().codes(f"AUTH PLAIN {PLAIN}\r\nNOOP\r\n"), [503, 250])
        client = line()
        self.assertEqual(client.codes(f"MAIL FROM:<a@b.example>\r\nAUTH PLAIN {PLAIN}\r\n"), [250, 503])

    def test_mail_without_login(self) -> None:
        """Without a login MAIL is refused by the dialect's text."""
        self.assertEqual(fresh().send("MAIL FROM:<a@b.example>\r\n"), "530 5.7.0 Authentication required\r\n")

    def test_before_tls(self) -> None:
        """Where TLS is required neither AUTH nor MAIL comes before it, and AUTH is not offered (T16)."""
        client = Line(tls="starttls", tls_required=True, context=object())
        offered = client.send("EHLO x\r\n")
        self.assertIn("STARTTLS", offered)
        self.assertNotIn("AUTH", offered)
        self.assertEqual(client.codes(f"AUTH PLAIN {PLAIN}\r\nMAIL FROM:<a@b.example>\r\n"), [530, 530])
        self.assertEqual(client.backend.logins, [])

    def test_listener_that_trusts_addresses(self) -> None:
        """A listener with login by address offers no AUTH and needs none."""
        client = Line(login="address")
        self.assertNotIn("AUTH", client.send("EHLO x\r\n"))
        self.assertEqual(client.codes(f"AUTH PLAIN {PLAIN}\r\nMAIL FROM:<a@b.example>\r\n"), [502, 250])


class FailureTests(SynchronousTestCase):
    """Logins that fail."""

    WRONG = b64(b"\0user\0wrong")

    def test_wrong_password(self) -> None:
        """Three wrong passwords do not close the session, the right one then works, the fifth failure is 421 (A6)."""
        client = fresh()
        client.send(f"AUTH PLAIN {self.WRONG}\r\n" * 3 + f"AUTH PLAIN {PLAIN}\r\n")
        client.clock.pump([1, 2])
        self.assertEqual(codes(client.said()), [535] * 2 + [235])
        client = fresh()
        client.send(f"AUTH PLAIN {self.WRONG}\r\n" * 9)
        client.clock.pump([1, 2, 4, 8])
        self.assertEqual(codes(client.said()), [535] * 3 + [421])
        self.assertTrue(client.transport.disconnecting)

    def test_growing_delay(self) -> None:
        """The first wrong password is told at once; each further one takes twice as long, and what comes behind it
        waits (A6)."""
        client = fresh()
        self.assertEqual(client.codes(f"AUTH PLAIN {self.WRONG}\r\n"), [535])
        for seconds in (1, 2, 4):
            self.assertEqual(client.codes(f"AUTH PLAIN {self.WRONG}\r\nNOOP\r\n"), [])
            client.clock.advance(seconds - 0.01)
            self.assertEqual(client.said(), "")
            client.clock.advance(0.01)
            self.assertEqual(codes(client.said()), [535, 250])
        client = fresh(limits=Limits(login_delay=0, login_failures=99))
        self.assertEqual(client.codes(f"AUTH PLAIN {self.WRONG}\r\n" * 9), [535] * 9)

    def test_delay_has_an_end(self) -> None:
        """However many guesses a session is allowed, none waits for more than half a minute."""
        patience = Patience(Limits(login_failures=10_000))
        for _ in range(5000):
            patience.login()
        self.assertEqual(patience.delay, 30)

    def test_gone_while_waiting(self) -> None:
        """Who does not wait for the answer leaves nothing behind (A6)."""
        client = fresh()
        client.send(f"AUTH PLAIN {self.WRONG}\r\n" * 2)
        client.lose()
        self.assertEqual(client.clock.getDelayedCalls(), [])

    def test_inside_failures_are_not_delayed(self) -> None:
        """Only guesses are made to wait, not a client that meets our own trouble."""
        client = fresh()
        client.codes(f"AUTH PLAIN {self.WRONG}\r\n")
        client.backend.refusals["login"] = RuntimeError("disk")
        self.assertEqual(client.codes(f"AUTH PLAIN {PLAIN}\r\n" * 2), [451] * 2)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 2)

    def test_refusals_speak_the_dialect(self) -> None:
        """A refusal at login is told by its key."""
        client = fresh()
        client.backend.refusals["login"] = refusal("auth_throttled")
        self.assertEqual(client.send(f"AUTH PLAIN {PLAIN}\r\n"), "454 4.7.0 Too many login attempts\r\n")

    def test_inside_failure(self) -> None:
        """A back end that breaks is answered 4xx, and logged once (S-6)."""
        client = fresh()
        client.backend.refusals["login"] = RuntimeError("disk")
        self.assertEqual(client.codes(f"AUTH PLAIN {PLAIN}\r\n"), [451])
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_secrets_do_not_show(self) -> None:
        """Neither credentials nor a login print the password (law 10)."""
        client = fresh()
        client.send(f"AUTH PLAIN {PLAIN}\r\n")
        outcome = Exchange("PLAIN").begin(PLAIN)
        self.assertIsInstance(outcome, Credentials)
        self.assertNotIn("secret", repr(client.backend.logins) + repr(outcome))
        with self.assertRaises(Refusal) as caught:
            Exchange("PLAIN").begin(b64(b"secret"))
        self.assertNotIn("secret", str(caught.exception) + repr(caught.exception.facts))
