"""Login: who is let in, what is counted against whom, and what is never told."""

from __future__ import annotations

from typing import Any

from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.error import UnauthorizedLogin
from twisted.cred.portal import IRealm, Portal
from twisted.internet.defer import Deferred, execute
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyClass, verifyObject

from mailrelay.interfaces.counters import login_key
from mailrelay.interfaces.directory import ConnectionFacts, Credential
from mailrelay.interfaces.submission import AddressLogin, IConnection, ISubmission, PasswordLogin, Peer
from mailrelay.mail.reply import Refusal
from mailrelay.relay.hashing import SlowHash
from mailrelay.relay.login import AddressChecker, LoginGuard, PasswordChecker, Realm
from mailrelay.store.counters import MemoryCounters
from mailrelay.store.memory import MemoryDirectory, MemoryState
from mailrelay.vault import Vault

from .fakes import DIALECTS, connection, logged, peer, told

SECRET = "correct horse battery staple"
GENERATED = "a1B2c3D4e5F6g7H8i9J0k1L2m3N4"
NOTHING = "fits nothing"


@implementer(IConnection)
class Avatar:
    """A connection that was let in."""

    def __init__(self, facts: ConnectionFacts, dialect: Any) -> None:
        self.facts = facts
        self.name = facts.id
        self.dialect = dialect
        self.logged_out = 0

    def submission(self, peer: Peer) -> ISubmission:
        raise NotImplementedError

    def logout(self) -> None:
        self.logged_out += 1


class LoginTests(SynchronousTestCase):
    """One installation with the connections C1 (password) and C2 (generated)."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.state = MemoryState()
        self.vault = Vault(b"k" * 32)
        self.counters = MemoryCounters(self.clock)
        self.directory = MemoryDirectory(self.state)
        self.hashed: list[str] = []
        self.listeners = {"mx": (("10.0.0.0/8", "2001:db8::/32"), "C1")}
        self.checker = PasswordChecker(
            self.directory,
            self.counters,
            self.vault.digest,
            SlowHash(self.verify, execute, self.vault.digest, NOTHING),
            LoginGuard(),
            DIALECTS,
        )
        trusting = AddressChecker(self.directory, self.listeners, DIALECTS)
        self.realm = Realm(self.directory, Avatar, DIALECTS)
        self.portal = Portal(self.realm, (self.checker, trusting))
        for id, username, kind, digest in (
            ("C1", "ann", "password", f"argon2:{SECRET}"),
            ("C2", "bob", "generated", self.vault.digest(GENERATED)),
        ):
            self.state.connections[id] = connection(id)
            self.give(username, (kind, digest, id))

    def verify(self, digest: str, secret: str) -> bool:
        self.hashed.append(digest)
        return digest == f"argon2:{secret}"

    def give(self, username: str, *ways: tuple[str, str, str]) -> None:
        """Let a user name have these ways in: kind, digest, connection."""
        self.state.credentials[username] = tuple(
            Credential(f"{username}{number}", kind, digest, self.state.connections[id])
            for number, (kind, digest, id) in enumerate(ways)
        )

    def change(self, id: str, **changes: Any) -> None:
        """A connection is changed by the command line."""
        facts = self.state.connections[id] = connection(id, **changes)
        for name, ways in self.state.credentials.items():
            self.state.credentials[name] = tuple(
                Credential(way.id, way.kind, way.digest, facts) if way.connection.id == id else way for way in ways
            )

    def login(self, username: str, password: str, who: Peer | None = None, dialect: str = "standard") -> Deferred[Any]:
        return self.portal.login(PasswordLogin(who or peer(), dialect, username, password), None, IConnection)

    def let_in(self, username: str, password: str, who: Peer | None = None, dialect: str = "standard") -> str:
        """The id of the connection that logs in."""
        interface, avatar, logout = self.successResultOf(self.login(username, password, who, dialect))
        self.assertIs(interface, IConnection)
        logout()
        self.assertEqual(avatar.logged_out, 1)
        return str(avatar.name)

    def refused(self, username: str, password: str, who: Peer | None = None, dialect: str = "standard") -> str:
        """The reply key of a login that fails; a wrong secret has none of its own."""
        error = self.failureResultOf(self.login(username, password, who, dialect)).value
        if isinstance(error, UnauthorizedLogin):
            return "wrong"
        self.assertIsInstance(error, Refusal)
        return str(error.key)

    def failures(self, address: str = "192.0.2.1", username: str = "") -> int:
        return self.successResultOf(self.counters.failures(login_key(address, username), 600))


class PasswordTests(LoginTests):
    def test_interfaces(self) -> None:
        """Checkers, realm and avatar are what cred and the server ask for."""
        verifyObject(ICredentialsChecker, self.checker)
        verifyObject(ICredentialsChecker, AddressChecker(self.directory, {}, DIALECTS))
        verifyObject(IRealm, self.realm)
        verifyClass(IConnection, Avatar)

    def test_right_and_wrong(self) -> None:
        """The secret lets in, in any case of the user name; anything else does not."""
        self.assertEqual(self.let_in("ann", SECRET), "C1")
        self.assertEqual(self.let_in("ANN", SECRET), "C1")
        self.assertEqual(self.let_in("Bob", GENERATED), "C2")
        for username, secret in (("ann", GENERATED), ("bob", SECRET), ("ann", ""), ("ann", SECRET.upper())):
            self.assertEqual(self.refused(username, secret), "wrong")

    def test_hostile_names(self) -> None:
        """Whatever stands for a user name or a secret is only wrong (A8)."""
        for text in ("*)(uid=*", "' OR 1=1 --", "a\0b", "x" * 1_000_000, "\u202eresu", "\udcff\udcfe", "login:"):
            self.assertEqual(self.refused(text, text), "wrong")
            self.assertEqual(self.refused("bob", text, peer("192.0.2.2")), "wrong")
            self.successResultOf(self.counters.forget(login_key()))

    def test_two_credentials(self) -> None:
        """A user name may have several ways in; each leads to its own connection."""
        self.give(
            "both",
            ("password", f"argon2:{SECRET}", "C1"),
            ("password", "argon2:other", "C1"),
            ("generated", self.vault.digest(GENERATED), "C2"),
        )
        self.assertEqual(self.let_in("both", "other"), "C1")
        self.assertEqual(self.let_in("both", SECRET), "C1")
        del self.hashed[:]
        self.assertEqual(self.let_in("both", GENERATED), "C2")
        self.assertEqual(self.hashed, [])
        self.assertEqual(self.refused("both", "neither"), "wrong")

    def test_unknown_names_cost_the_same(self) -> None:
        """A failed login costs one slow hash, whether the name is unknown or has a secret of either kind (A7)."""
        for username in ("nobody", "ann", "bob"):
            del self.hashed[:]
            self.assertEqual(self.refused(username, "guess"), "wrong")
            self.assertEqual(len(self.hashed), 1, username)

    def test_generated_secrets_are_never_hashed_slowly(self) -> None:
        """A generated secret is compared by its keyed digest alone, and its digest is no secret to log in with."""
        self.assertEqual(self.let_in("bob", GENERATED), "C2")
        self.assertEqual(self.hashed, [])
        self.assertEqual(self.refused("bob", self.vault.digest(GENERATED)), "wrong")
        self.assertEqual(self.refused("ann", f"argon2:{SECRET}"), "wrong")

    def test_turned_down_without_counting(self) -> None:
        """Who has the secret but may not enter looks like one who has not, and is not counted as a guesser."""
        for changes in (
            {"status": "blocked"},
            {"status": "not_activated"},
            {"networks": ("198.51.100.0/24",)},
            {"dialect": "emailmassivo"},
        ):
            self.change("C1", **changes)
            with logged() as events:
                self.assertEqual(self.refused("ann", SECRET), "auth_failed")
            self.assertIn("C1", told(events))
            self.change("C1")
        self.assertEqual((self.failures(), self.failures(username="ann")), (0, 0))
        self.assertEqual(self.let_in("ann", SECRET), "C1")

    def test_the_reason_is_for_us(self) -> None:
        """Why a good login is turned down stands in the facts and in the log, never in a field of the reply."""
        self.change("C1", status="blocked")
        with logged() as events:
            error = self.failureResultOf(self.login("ann", SECRET), Refusal).value
        self.assertEqual(error.fields, {})
        self.assertEqual(error.facts, {"connection": "C1", "reason": "connection is blocked"})
        self.assertIn("connection is blocked", told(events))

    def test_allowed_addresses(self) -> None:
        """A connection with a list is taken from its networks, IPv4 written as IPv6 included."""
        self.change("C1", networks=("192.0.2.0/24", "2001:db8::/32"))
        for address in ("192.0.2.77", "2001:db8::5", "::ffff:192.0.2.9"):
            self.assertEqual(self.let_in("ann", SECRET, peer(address)), "C1")
        for address in ("192.0.3.1", "2001:db9::5", "::1", "", "no address"):
            self.assertEqual(self.refused("ann", SECRET, peer(address)), "auth_failed")

    def test_dialects(self) -> None:
        """A connection is taken where EHLO promised what its own dialect would, under any of its names."""
        self.change("C1", dialect="emailmassivo")
        self.assertEqual(self.let_in("ann", SECRET, dialect="emailmassivo"), "C1")
        self.assertEqual(self.let_in("ann", SECRET, dialect="rusender"), "C1")
        self.assertEqual(self.refused("ann", SECRET, dialect="standard"), "auth_failed")

    def test_nothing_secret_is_logged(self) -> None:
        """No event of any level holds a secret, given or kept, nor does the login itself say it (A13)."""
        with logged() as events:
            self.let_in("ann", SECRET)
            self.let_in("bob", GENERATED)
            for number in range(7):
                self.refused("ann", f"wrong-guess-{number}", peer())
            self.refused("bob", "wrong-guess-x")
            self.change("C2", status="blocked")
            self.refused("bob", GENERATED)
        everything = told(events) + repr(PasswordLogin(peer(), "standard", "ann", SECRET))
        for secret in (SECRET, GENERATED, self.vault.digest(GENERATED), "wrong-guess"):
            self.assertNotIn(secret, everything)
        self.assertIn("192.0.2.1", everything)


class GuardTests(LoginTests):
    def guess(self, times: int, username: str = "ann", address: str = "192.0.2.1") -> list[str]:
        """That many sessions with a wrong secret each."""
        return [self.refused(username, "guess", peer(address)) for _ in range(times)]

    def test_the_last_session_tries_its_mechanisms(self) -> None:
        """A client that tries three mechanisms is told three times that it is wrong, in the fifth session too."""
        for session in ("s1", "s2", "s3", "s4", "s5"):
            for _ in range(3):
                self.assertEqual(self.refused("ann", "guess", peer(session=session)), "wrong")
        self.assertEqual(self.refused("ann", "guess", peer(session="s6")), "auth_throttled")

    def test_user_name_from_an_address(self) -> None:
        """After five failed sessions the user name must wait at that address, with the right secret too; not elsewhere,
        and no other name does (A6)."""
        self.assertEqual(self.guess(6), ["wrong"] * 5 + ["auth_throttled"])
        self.assertEqual(self.refused("ANN", SECRET), "auth_throttled")
        self.assertEqual(self.let_in("ann", SECRET, peer("192.0.2.2")), "C1")
        self.assertEqual(self.let_in("bob", GENERATED), "C2")

    def test_held_back_costs_nothing(self) -> None:
        """Who must wait is neither hashed nor counted, so waiting ends however often one tries (A6)."""
        self.guess(5)
        del self.hashed[:]
        self.assertEqual(self.guess(20), ["auth_throttled"] * 20)
        self.assertEqual(self.hashed, [])
        self.clock.advance(600)
        self.assertEqual(self.let_in("ann", SECRET), "C1")

    def test_window(self) -> None:
        """Failures count for ten minutes, each from its own instant on."""
        self.guess(4)
        self.clock.advance(599)
        self.guess(1)
        self.assertEqual(self.refused("ann", SECRET), "auth_throttled")
        self.clock.advance(1)
        self.assertEqual(self.let_in("ann", SECRET), "C1")

    def test_address(self) -> None:
        """Fifty failed sessions for whatever names make an address wait altogether; its neighbours do not (A6)."""
        for number in range(50):
            self.assertEqual(self.guess(1, f"user{number}"), ["wrong"])
        self.assertEqual(self.refused("bob", GENERATED), "auth_throttled")
        self.assertEqual(self.let_in("bob", GENERATED, peer("192.0.2.10")), "C2")

    def test_once_per_session(self) -> None:
        """A client that tries every mechanism with the same wrong secret has failed once, not two or three times."""
        for _ in range(4):
            session = peer()
            self.assertEqual([self.refused("ann", "guess", session) for _ in range(3)], ["wrong"] * 3)
        self.assertEqual((self.failures(username="ann"), self.failures()), (4, 4))
        self.assertEqual(self.let_in("ann", SECRET), "C1")

    def test_success_clears_its_own(self) -> None:
        """A login that succeeds takes its own failures back: not the address's, nor those of names that begin alike."""
        for username in ("ann", "ann:x", "anna"):
            self.guess(3, username)
        self.let_in("Ann", SECRET)
        self.assertEqual([self.failures(username=name) for name in ("ann", "ann:x", "anna")], [0, 3, 3])
        self.assertEqual(self.failures(), 9)

    def test_cleared_by_hand(self) -> None:
        """What the command line clears is forgotten at once, and nothing else."""
        for address in ("192.0.2.1", "192.0.2.10"):
            self.guess(5, address=address)
        self.successResultOf(self.counters.forget(login_key("192.0.2.1")))
        self.assertEqual(self.let_in("ann", SECRET), "C1")
        self.assertEqual(self.refused("ann", SECRET, peer("192.0.2.10")), "auth_throttled")

    def test_sessions_are_not_remembered_for_ever(self) -> None:
        """However many sessions fail, only the latest are remembered as counted."""
        for number in range(10_050):
            self.refused("nobody", "guess", peer(f"10.1.{number // 250}.{number % 250}"))
        self.assertEqual(len(self.checker._counted), 10_000)


class AddressTests(LoginTests):
    def trusted(self, address: str, listener: str = "mx", dialect: str = "standard") -> Deferred[Any]:
        return self.portal.login(AddressLogin(peer(address, listener=listener), dialect), None, IConnection)

    def test_trusted_networks(self) -> None:
        """Who comes from a trusted network of the listener is its connection, without a word."""
        for address in ("10.1.2.3", "2001:db8::9", "::ffff:10.1.2.3"):
            _, avatar, _ = self.successResultOf(self.trusted(address))
            self.assertEqual(avatar.name, "C1")

    def test_strangers(self) -> None:
        """Anybody else is a stranger."""
        for address in ("192.0.2.1", "11.0.0.1", "2001:db9::9", "", "10.1.2.3.4"):
            self.failureResultOf(self.trusted(address), UnauthorizedLogin)

    def test_connection_counts(self) -> None:
        """The connection's own status, list and dialect hold here too."""
        for changes in ({"status": "blocked"}, {"networks": ("10.9.0.0/16",)}, {"dialect": "emailmassivo"}):
            self.change("C1", **changes)
            self.assertEqual(self.failureResultOf(self.trusted("10.1.2.3"), Refusal).value.key, "auth_failed")

    def test_gone(self) -> None:
        """A connection that is no longer there is an inside failure, not an open door."""
        del self.state.connections["C1"]
        self.failureResultOf(self.trusted("10.1.2.3"), KeyError)


class RealmTests(LoginTests):
    def test_avatar(self) -> None:
        """The avatar knows the connection as it is now, and speaks its own dialect."""
        self.change("C1", dialect="emailmassivo", rate=7)
        _, avatar, _ = self.successResultOf(self.realm.requestAvatar(b"C1", None, IConnection))
        self.assertEqual((avatar.facts.rate, avatar.dialect.name), (7, "emailmassivo"))

    def test_only_connections(self) -> None:
        """There is no other avatar."""
        self.assertRaises(NotImplementedError, self.realm.requestAvatar, b"C1", None, ISubmission)
