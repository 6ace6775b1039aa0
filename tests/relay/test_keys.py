"""Login by keys: at AUTH, with the user names that go with them, and with the message."""

from __future__ import annotations

from typing import Any

from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.portal import IRealm, Portal
from twisted.internet.defer import Deferred
from zope.interface.verify import verifyObject

from mailrelay.interfaces.counters import login_key
from mailrelay.interfaces.directory import Credential
from mailrelay.interfaces.submission import IConnection, NoLogin, PasswordLogin, Peer
from mailrelay.mail.reply import Refusal
from mailrelay.relay.keys import KeyLogin, LateChecker, LateRealm
from mailrelay.relay.login import LoginGuard

from .fakes import DIALECTS, connection, logged, peer
from .test_login import Avatar, LoginTests

KEY = "k3y-of-at-least-twenty-characters"
SHORT = "a1B2c3D4e5F6g7H8"
TLS = "TLSv1.3"


class KeyTests(LoginTests):
    """Z1 is an agent that goes by a key, E1 a connection whose key comes with the message."""

    def setUp(self) -> None:
        super().setUp()
        self.state.balance["A"] = 1
        self.state.domains["A", "second.test"] = "verified"
        self.state.domains["A", "new.test"] = "unverified"
        self.own("Z1", "zeptomail", "api_key", KEY)
        self.own("E1", "emaildelivery", "api_key", KEY[::-1])

    def own(self, id: str, dialect: str, kind: str, secret: str, **changes: Any) -> None:
        """Give a connection a credential that is looked up by itself."""
        facts = self.state.connections[id] = connection(id, dialect=dialect, **changes)
        digest = self.vault.digest(secret)
        self.state.keys[digest] = (Credential(f"{id}-{kind}", kind, digest, facts),)

    def encrypted(self) -> Peer:
        made = peer()
        return Peer(made.address, made.listener, made.session, made.hello, tls=TLS)


class AtAuthTests(KeyTests):
    def enter(self, username: str, password: str = KEY, dialect: str = "zeptomail") -> str:
        return self.let_in(username, password, self.encrypted(), dialect)

    def turned_away(self, username: str, password: str = KEY, dialect: str = "zeptomail") -> str:
        return self.refused(username, password, self.encrypted(), dialect)

    def test_user_names(self) -> None:
        """A key goes with the names that its dialect has, in any case of letters, or with an address of a domain from
        which the connection may send; with no other."""
        for username in ("emailapikey", "EMAILapikey", "app@acme.test", "Any@ACME.test", "a@second.test"):
            self.assertEqual(self.enter(username), "Z1")
        for username in ("apikey", "a@new.test", "a@other.test", "@acme.test", KEY):
            self.assertEqual(self.turned_away(username), "wrong", username)
            self.successResultOf(self.counters.clear(login_key("192.0.2.1")))
        self.assertEqual(self.turned_away("emailapikey", KEY[:-1]), "wrong")

    def test_short_password(self) -> None:
        """A short password without a user name of its own goes with any address of the connection, no other."""
        self.own("Z2", "zeptomail", "short", SHORT)
        self.assertEqual(self.enter("other@acme.test", SHORT), "Z2")
        self.assertEqual(self.turned_away("emailapikey", SHORT), "wrong")
        digest = self.vault.digest("s" * 16)
        self.state.credentials["own"] = (Credential("s", "short", digest, self.state.connections["Z1"]),)
        self.assertEqual(self.enter("own", "s" * 16), "Z1")
        self.assertEqual(self.turned_away("app@acme.test", "s" * 16), "wrong")

    def test_the_key_as_user_name(self) -> None:
        """Where any name will do, so does the key itself; where passwords only are known, no key lets in."""
        self.own("S1", "standard", "api_key", KEY[:25])
        self.assertEqual(self.enter(KEY[:25], KEY[:25], "standard"), "S1")
        self.own("M1", "emailmassivo", "api_key", KEY[:24])
        self.assertEqual(self.turned_away("emailapikey", KEY[:24], "emailmassivo"), "wrong")

    def test_one_domain_only(self) -> None:
        """Who may send as the connection's own domain only, logs in by an address of it only."""
        options = {**DIALECTS.get("zeptomail").options, "sender": "connection"}
        self.own("Z1", "zeptomail", "api_key", KEY, options=options)
        self.assertEqual(self.enter("a@acme.test"), "Z1")
        self.assertEqual(self.turned_away("a@second.test"), "wrong")

    def test_nothing_left(self) -> None:
        """Where the service says so at AUTH, who has nothing left is turned away, and it is no failed login."""
        self.state.balance["A"] = 0
        with logged() as lines:
            self.assertEqual(self.turned_away("emailapikey"), "auth_failed")
        self.assertIn("nothing is left", "".join(map(str, lines)))
        self.assertEqual(self.failures(), 0)

    def test_no_tls(self) -> None:
        """A dialect without a port in the clear is not spoken in the clear, whatever the listener allows."""
        self.assertEqual(self.refused("emailapikey", KEY, peer(), "zeptomail"), "auth_failed")

    def test_carried(self) -> None:
        """A listener takes the connections of other dialects that promise the same, and of no others."""
        for listener in ("emailmassivo", "devino", "bare", "zeptomail"):
            self.assertEqual(self.enter("emailapikey", KEY, listener), "Z1")
        self.assertEqual(self.turned_away("emailapikey", KEY, "standard"), "auth_failed")

    def test_forms_of_replies(self) -> None:
        """The avatar speaks in the forms that the connection asks for, one value for all who ask for the same."""
        options = {**DIALECTS.get("devino").options, "replies": ("transaction_failed",)}
        self.state.connections["C1"] = connection("C1", dialect="devino", options=options)
        first, second = (self.successResultOf(self.realm.requestAvatar(b"C1", None, IConnection))[1] for _ in "12")
        self.assertIs(first.dialect, second.dialect)
        self.assertTrue(first.dialect.reply("auth_required").text.startswith("Transaction failed: "))
        self.assertNotIn("failed", DIALECTS.get("devino").reply("auth_required").text)


class WithTheMessageTests(KeyTests):
    def setUp(self) -> None:
        super().setUp()
        spoken = DIALECTS.get("emaildelivery")
        self.log_in = KeyLogin(self.directory, self.counters, self.vault.digest, LoginGuard(), DIALECTS, spoken)

    def refusal(self, secret: str, who: Peer | None = None) -> str:
        error = self.failureResultOf(self.log_in(who or peer(), secret), Refusal).value
        self.assertNotIn(secret or "-", repr((error.facts, error.fields)))
        return str(error.key)

    def test_whose(self) -> None:
        """A key tells whose it is, whatever the user name; no password is hashed for it."""
        self.assertEqual(self.successResultOf(self.log_in(peer(), KEY[::-1])).id, "E1")
        self.assertEqual(self.refusal(""), "api_key_missing")
        self.assertEqual(self.refusal("wrong"), "api_key_refused")
        self.assertEqual(self.hashed, [])

    def test_only_keys(self) -> None:
        """Neither a password nor a short one serves, nor the key of a dialect that the listener cannot carry."""
        self.own("E2", "emaildelivery", "short", SHORT)
        for secret in (SHORT, KEY):
            self.assertEqual(self.refusal(secret), "api_key_refused")

    def test_every_wrong_key_counts(self) -> None:
        """Five wrong keys of one address and user name, of one session or many, hold back the sixth attempt; another
        user name is not held back until there were fifty; a missing key counts for nothing."""
        who = peer()
        for _ in range(5):
            self.assertEqual(self.refusal("wrong", who), "api_key_refused")
            self.assertEqual(self.refusal("", who), "api_key_missing")
        self.assertEqual(self.refusal(KEY[::-1], who), "auth_throttled")
        other = Peer(who.address, who.listener, who.session, login="other")
        self.assertEqual(self.successResultOf(self.log_in(other, KEY[::-1])).id, "E1")
        for number in range(45):
            self.refusal("wrong", Peer(who.address, who.listener, who.session, login=f"u{number}"))
        self.assertEqual(self.refusal(KEY[::-1], other), "auth_throttled")
        self.clock.advance(600)
        self.assertEqual(self.successResultOf(self.log_in(who, KEY[::-1])).id, "E1")

    def test_turned_down(self) -> None:
        """A blocked connection, or one that comes from elsewhere, is told as a wrong key and counts for nothing."""
        for changes in ({"status": "blocked"}, {"networks": ("10.0.0.0/8",)}):
            self.own("E1", "emaildelivery", "api_key", KEY[::-1], **changes)
            self.assertEqual(self.refusal(KEY[::-1]), "api_key_refused")
        self.assertEqual(self.failures(), 0)

    def test_nobody_yet(self) -> None:
        """Until the message comes everybody is let in as nobody, with the secret that AUTH gave, or none."""
        given: list[str] = []

        def avatar(secret: str) -> IConnection:
            given.append(secret)
            made: IConnection = Avatar(connection(), None)
            return made

        realm, checker = LateRealm(avatar), LateChecker()
        verifyObject(IRealm, realm)
        verifyObject(ICredentialsChecker, checker)
        portal = Portal(realm, (checker,))
        for login in (PasswordLogin(peer(), "d", "", "sécret\udcff"), NoLogin(peer(), "d")):
            entered: Deferred[Any] = portal.login(login, None, IConnection)
            self.successResultOf(entered)
        self.assertEqual(given, ["sécret\udcff", ""])
        self.assertRaises(NotImplementedError, realm.requestAvatar, b"", None)
