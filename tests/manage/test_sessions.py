"""Signing in, as a person and as an attacker see it."""

from __future__ import annotations

from dataclasses import replace

import pyotp
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock

from mailrelay.mail.envelope import SECOND
from mailrelay.manage import Forbidden, Invalid, installation, sessions, users
from mailrelay.manage.caller import Caller
from mailrelay.manage.sessions import CodeNeeded, Denied, SignedIn, Throttled
from mailrelay.store.counters import MemoryCounters

from .place import InstallationTestCase

PASSWORD = "correct horse battery"


class SessionTests(InstallationTestCase):
    """With a user "ann" of the account "shop" and an administrator "root"."""

    def setUp(self) -> None:
        super().setUp()
        self.looked: list[tuple[str, bool]] = []

        def verify(name: str, digest: str, password: str, address: str) -> Deferred[bool]:
            self.looked.append((name, bool(digest)))
            return succeed(digest == f"hashed {password}")

        self.place = replace(
            self.place,
            hash_password=lambda password: succeed(f"hashed {password}"),
            verify_password=verify,
            counters=MemoryCounters(Clock()),
        )
        self.shop = self.account()
        self.done(users.add(self.place, "ann", "shop", PASSWORD))
        self.done(users.add(self.place, "root", "", PASSWORD))

    def sign_in(self, name: str = "ann", code: str = "", password: str = PASSWORD, address: str = "::1") -> SignedIn:
        return self.done(sessions.sign_in(self.place, name, password, code, address, "Firefox\x07 1"))

    def who(self, token: str) -> Caller | None:
        return self.done(sessions.find(self.place, token))

    def test_signed_in(self) -> None:
        """A14: who signs in gets a new token each time, by which they are known until they sign out; the token is kept
        nowhere as it is."""
        first, second = self.sign_in(), self.sign_in("ANN")
        self.assertNotEqual(first.token, second.token)
        self.assertNotIn(first.token, repr(first))
        self.assertEqual(first.caller, self.who(first.token))
        self.assertEqual((first.caller.name, first.caller.account, first.caller.address), ("ann", self.shop.id, "::1"))
        self.assertFalse(first.caller.administrator)
        kept = self.done(sessions.every(self.place, "ann"))
        self.assertEqual([each.agent for each in kept], ["Firefox 1"] * 2)
        self.assertNotIn(first.token, [each.digest for each in kept])
        self.done(sessions.sign_out(self.place, first.token))
        self.assertIsNone(self.who(first.token))
        self.assertIsNotNone(self.who(second.token))

    def test_unknown_tokens(self) -> None:
        """A14: a token that the relay did not draw is nobody's, whatever it looks like."""
        for token in ("", "x" * 28, "é", "\0"):
            self.assertIsNone(self.who(token))

    def test_denied(self) -> None:
        """A wrong password, an unknown name and a blocked user look the same, and each costs a look at a password."""
        self.done(users.block(self.place, "ann"))
        told = {
            self.refused(sessions.sign_in(self.place, name, password), Denied)
            for name, password in (("root", "wrong"), ("eve", PASSWORD), ("ann", PASSWORD), ("root", "x" * 9999))
        }
        self.assertEqual(len(told), 1)
        self.assertEqual(self.looked, [("root", True), ("eve", False), ("ann", False), ("root", False)])

    def test_throttled(self) -> None:
        """A6: after so many tries a name waits at one address, and is looked at no more; others do not wait."""
        for _ in range(sessions.TRIES):
            self.refused(sessions.sign_in(self.place, "ann", "wrong", "", "192.0.2.1"), Denied)
        self.refused(sessions.sign_in(self.place, "ann", PASSWORD, "", "192.0.2.1"), Throttled)
        self.assertEqual(len(self.looked), sessions.TRIES)
        self.assertEqual(self.sign_in(address="192.0.2.2").caller.name, "ann")
        self.assertEqual(self.sign_in("root", address="192.0.2.1").caller.name, "root")
        for number in range(sessions.TRIES_OF_ADDRESS - sessions.TRIES - 2):
            self.refused(sessions.sign_in(self.place, f"eve{number}", "wrong", "", "192.0.2.1"), Denied)
        self.refused(sessions.sign_in(self.place, "root", PASSWORD, "", "192.0.2.1"), Throttled)

    def test_password_ends_sessions(self) -> None:
        """A9: another password, a block, another role and another second factor end every session at once."""
        deeds = (
            lambda: users.set_password(self.place, "ann", PASSWORD),
            lambda: users.set_role(self.place, "ann", "shop"),
            lambda: users.remove_totp(self.place, "ann"),
            lambda: sessions.end_all(self.place, "ann"),
            lambda: users.block(self.place, "ann"),
        )
        for deed in deeds:
            token = self.sign_in().token
            self.done(deed())
            self.assertIsNone(self.who(token))

    def test_ends_by_itself(self) -> None:
        """A session ends when it is not used for twelve hours, and after two weeks however much it is used."""
        token = self.sign_in().token
        self.at += sessions.IDLE
        self.assertIsNotNone(self.who(token))
        self.at += sessions.IDLE
        self.assertIsNotNone(self.who(token))
        self.at += sessions.IDLE + 1
        self.assertEqual(list(self.done(sessions.every(self.place, "ann"))), [])
        self.assertIsNone(self.who(token))
        token, end = self.sign_in().token, self.at + sessions.LONGEST
        while self.at + sessions.IDLE <= end:
            self.at += sessions.IDLE
            self.assertIsNotNone(self.who(token))
        self.at = end + 1
        self.assertEqual(self.done(sessions.sweep(self.place)), 1)
        self.assertIsNone(self.who(token))

    def test_second_factor(self) -> None:
        """With one-time codes a right password is not enough; each code serves once, a recovery code too."""
        early = self.sign_in().token
        offered = self.done(users.begin_totp(self.place, "ann"))
        self.assertIn("secret=" + offered.secret, offered.uri)
        self.assertTrue(offered.picture.startswith("<svg"))
        self.assertNotIn(offered.secret, repr(offered))
        self.sign_in()
        totp = pyotp.TOTP(offered.secret)
        self.refused(users.confirm_totp(self.place, "ann", "12345"), Invalid)
        recovery = self.done(users.confirm_totp(self.place, "ann", totp.at(self.at // SECOND)))
        self.assertIsNone(self.who(early), "sessions that began without a code end")
        self.refused(users.confirm_totp(self.place, "ann", totp.at(self.at // SECOND)), Invalid)
        self.refused(sessions.sign_in(self.place, "ann", PASSWORD), CodeNeeded)
        self.refused(sessions.sign_in(self.place, "ann", "wrong"), Denied)
        self.refused(sessions.sign_in(self.place, "ann", PASSWORD, totp.at(self.at // SECOND)), Denied)
        self.at += 60 * SECOND
        code = totp.at(self.at // SECOND)
        self.assertEqual(self.sign_in(code=f"{code[:3]} {code[3:]}").caller.name, "ann")
        self.refused(sessions.sign_in(self.place, "ann", PASSWORD, code), Denied)
        self.assertEqual(len(set(recovery)), 10)
        self.assertEqual(self.sign_in(code=recovery[0].replace("-", "")).caller.name, "ann")
        self.refused(sessions.sign_in(self.place, "ann", PASSWORD, recovery[0]), Denied)
        self.done(users.remove_totp(self.place, "ann"))
        self.sign_in()

    def test_guessed_codes(self) -> None:
        """A6: who has the password may guess few codes, from however many addresses."""
        offered = self.done(users.begin_totp(self.place, "ann"))
        self.done(users.confirm_totp(self.place, "ann", pyotp.TOTP(offered.secret).at(self.at // SECOND)))
        for number in range(sessions.CODES):
            self.refused(sessions.sign_in(self.place, "ann", PASSWORD, "wrong", f"192.0.2.{number}"), Denied)
        self.refused(sessions.sign_in(self.place, "ann", PASSWORD, "wrong", "192.0.2.99"), Throttled)

    def test_acting(self) -> None:
        """An administrator may act for an account, sees that one alone then, and no secret; a member may not."""
        token = self.sign_in("root").token
        acting = self.done(sessions.act_for(self.place, token, "shop"))
        self.assertEqual(self.who(token), acting)
        self.assertEqual((acting.name, acting.bound, acting.sees_secrets), ("root", self.shop.id, False))
        self.assertFalse(acting.sees("another"))
        self.done(sessions.act_for(self.place, token, ""))
        found = self.who(token)
        assert found is not None
        self.assertTrue(found.sees_secrets and found.sees("another") and found.may("anything"))
        self.refused(sessions.act_for(self.place, self.sign_in().token, "shop"), Forbidden)
        self.refused(sessions.act_for(self.place, "nobody's", "shop"), Denied)

    def test_without_a_daemon(self) -> None:
        """With the real Argon2: the right password is taken, another is not, and nobody's takes as much work."""
        real = replace(
            self.place, hash_password=installation._hash_here, verify_password=installation._verify_here, counters=None
        )
        made = self.done(users.add(real, "zoe"))
        self.assertEqual(self.done(sessions.sign_in(real, "zoe", made.password)).caller.name, "zoe")
        self.refused(sessions.sign_in(real, "zoe", "wrong"), Denied)
        self.refused(sessions.sign_in(real, "nobody", "wrong"), Denied)
