"""What people change of their own way to sign in, as they and somebody at their open browser see it."""

from __future__ import annotations

from dataclasses import replace

import pyotp
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock

from mailrelay.interfaces.changes import Wanted
from mailrelay.mail.envelope import SECOND
from mailrelay.manage import Invalid, Unknown, changes, own, sessions, users
from mailrelay.manage.sessions import CodeNeeded, Denied
from mailrelay.store.counters import MemoryCounters

from .place import InstallationTestCase

OLD, NEW = "correct horse battery", "staple of a better kind"


class OwnTests(InstallationTestCase):
    """A member of an account, signed in twice, and an administrator who acts for it."""

    def setUp(self) -> None:
        super().setUp()

        def verify(name: str, digest: str, password: str, address: str) -> Deferred[bool]:
            return succeed(digest == f"hashed {password}")

        self.place = replace(
            self.place,
            hash_password=lambda password: succeed(f"hashed {password}"),
            verify_password=verify,
            counters=MemoryCounters(Clock()),
        )
        self.account()
        self.done(users.add(self.place, "ann", "shop", OLD))
        self.here, self.there = self.sign_in(), self.sign_in()

    def sign_in(self, password: str = OLD, code: str = "", name: str = "ann") -> str:
        return self.done(sessions.sign_in(self.place, name, password, code, "::1", "Firefox")).token

    def lasts(self, token: str) -> bool:
        return self.done(sessions.find(self.place, token)) is not None

    def test_password(self) -> None:
        """A14: a new password needs the old one; every session ends, and this one goes on under another token."""
        for old, new, about in (
            ("wrong", NEW, "old"),
            (OLD, "short", "new"),
            (OLD, OLD, "new"),
            ("x" * 999, NEW, "old"),
        ):
            refused = self.failed(own.change_password(self.place, self.here, old, new))
            self.assertEqual(refused.field, about)
        self.assertTrue(self.lasts(self.there))
        signed = self.done(own.change_password(self.place, self.here, OLD, NEW))
        self.assertEqual([self.lasts(each) for each in (signed.token, self.here, self.there)], [True, False, False])
        self.assertEqual(signed.caller.name, "ann")
        self.refused(sessions.sign_in(self.place, "ann", OLD), Denied)
        self.sign_in(NEW)
        self.refused(own.change_password(self.place, self.here, NEW, OLD), Denied)
        noted = self.done(changes.page(self.place, Wanted(action="user.set-password")))
        self.assertEqual([(each.who, each.kind) for each in noted], [("ann", "user")])

    def test_guessing(self) -> None:
        """The password cannot be guessed at an open browser any faster than at the door."""
        for _ in range(sessions.TRIES):
            last = self.failed(own.change_password(self.place, self.here, "wrong", NEW))
        self.assertEqual(last.reason, "too many tries; wait a little")
        self.assertIn("wait", self.failed(own.remove_totp(self.place, self.here, OLD)).reason)

    def test_codes(self) -> None:
        """A second factor is begun with the password, holds once a code of it is given, and goes with the password; the
        other sessions end each time."""
        self.refused(own.begin_totp(self.place, self.here, "wrong"), Invalid)
        self.assertIsNone(self.done(own.offered(self.place, self.here)))
        made = self.done(own.begin_totp(self.place, self.here, OLD))
        self.assertEqual(self.done(own.offered(self.place, self.here)), made)
        self.refused(own.confirm_totp(self.place, self.here, "000000"), Invalid)
        self.assertTrue(self.lasts(self.there))
        code = pyotp.TOTP(made.secret).at(self.at // SECOND)
        confirmed = self.done(own.confirm_totp(self.place, self.here, code))
        self.assertEqual(len(set(confirmed.codes)), 10)
        self.assertNotIn(confirmed.codes[0], repr(confirmed))
        self.assertFalse(self.lasts(self.there))
        self.refused(sessions.sign_in(self.place, "ann", OLD), CodeNeeded)
        other = self.sign_in(code=confirmed.codes[0])
        here = confirmed.signed.token
        self.assertTrue(self.done(own.show(self.place, here)).totp)
        self.refused(own.remove_totp(self.place, here, "wrong"), Invalid)
        here = self.done(own.remove_totp(self.place, here, OLD)).token
        self.assertFalse(self.lasts(other))
        self.assertFalse(self.done(own.show(self.place, here)).totp)
        self.sign_in()

    def test_sessions(self) -> None:
        """One's sessions are told newest first, and ended one by one or all but this; nobody ends another's."""
        self.done(users.add(self.place, "bob", "shop", OLD))
        bob = self.sign_in(name="bob")
        found = self.done(own.every_session(self.place, self.here))
        self.assertEqual(sorted(this for _, _, this in found), [False, True])
        theirs = self.done(own.every_session(self.place, bob))[0][0]
        self.refused(own.end_session(self.place, self.here, theirs), Unknown)
        other = next(named for named, _, this in found if not this)
        self.done(own.end_session(self.place, self.here, other))
        self.assertEqual([self.lasts(each) for each in (self.here, self.there, bob)], [True, False, True])
        again = self.sign_in()
        self.assertEqual(self.done(own.end_other_sessions(self.place, self.here)), 1)
        self.assertEqual(self.done(own.end_other_sessions(self.place, self.here)), 0)
        self.assertEqual([self.lasts(each) for each in (self.here, again, bob)], [True, False, True])

    def test_acting(self) -> None:
        """An administrator who acts for an account goes on to, and changes nobody else's password by that."""
        self.done(users.add(self.place, "root", "", OLD))
        token = self.sign_in(name="root")
        self.done(sessions.act_for(self.place, token, "shop"))
        signed = self.done(own.change_password(self.place, token, OLD, NEW))
        self.assertTrue(signed.caller.acting)
        self.assertEqual(self.done(own.show(self.place, signed.token)).name, "root")
        self.assertTrue(self.lasts(self.here))

    def failed(self, found: Deferred[object]) -> Invalid:
        fault = self.failureResultOf(found).value
        assert isinstance(fault, Invalid)
        return fault
