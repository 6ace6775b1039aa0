"""Connections: made, shown, activated, blocked and bounded."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.manage import Invalid, Taken, Unknown, accounts, connections, domains, plain
from mailrelay.manage.connections import Wanted
from mailrelay.manage.credentials import free_username, slug
from mailrelay.vault import verify_password

from .place import InstallationTestCase


class Creating(InstallationTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.account()

    def test_a_login_is_generated(self) -> None:
        """The user name follows the dialect's pattern, the password has 128 bits or more and is kept as a digest."""
        issued = self.connection(name="Web Shop", active=False)
        self.assertEqual(issued.username, "web-shop@shop.example")
        self.assertGreaterEqual(len(issued.password), 22)
        self.assertNotIn(issued.password, repr(issued))
        (credential,) = issued.connection.credentials
        self.assertEqual((credential.kind, credential.digest), ("generated", self.place.vault.digest(issued.password)))
        self.assertNotIn(issued.password, credential.sealed)
        self.assertEqual(issued.connection.status, "not_activated")

    def test_the_sender_is_made_on_the_way(self) -> None:
        """The sender of a connection is listed among the account's, once."""
        self.connection()
        self.connection(name="second")
        self.assertEqual(
            [each.address for each in self.done(domains.senders(self.place, "shop"))], ["news@shop.example"]
        )

    def test_an_existing_login_is_taken_over(self) -> None:
        """User name and password stay as they are; even a password that looks generated is hashed slowly."""
        for number, password in enumerate(("x", "Ünïcödé pass", "A" * 28)):
            issued = self.connection(name=f"old{number}", username=f"Old-{number}", password=password)
            self.assertEqual((issued.username, issued.password), (f"Old-{number}", password))
            (credential,) = issued.connection.credentials
            self.assertEqual(credential.kind, "password")
            self.assertTrue(verify_password(credential.digest, password))

    def test_user_names_are_one_connections_only(self) -> None:
        """A given user name that is taken is refused in any case; a generated one is numbered."""
        self.connection(username="shared")
        wanted = Wanted("shop", "other", "emailmassivo", "news@shop.example", username="SHARED")
        self.assertEqual(
            self.refused(connections.create(self.place, wanted), Taken), "username: 'SHARED' exists already"
        )
        self.connection(name="a b")
        self.assertEqual(self.connection(name="a-b").username, "a-b-2@shop.example")
        self.assertEqual(self.connection(name="A.B").username, "a-b-3@shop.example")

    def test_what_cannot_be_is_refused_and_nothing_is_made(self) -> None:
        """Unknown accounts and dialects, foreign senders, bad networks, taken names: one line each, no trace."""
        self.connection()
        good = {"account": "shop", "name": "other", "dialect": "standard", "sender": "a@shop.example"}
        cases: list[tuple[dict[str, object], type[Exception], str]] = [
            ({"account": "nobody"}, Unknown, "account: there is no 'nobody'"),
            ({"dialect": "latin"}, Unknown, "dialect: there is no 'latin'"),
            ({"name": "web"}, Taken, "connection: 'web' exists already"),
            ({"name": ""}, Invalid, "connection: must not be empty"),
            (
                {"sender": "a@b.example"},
                Invalid,
                "sender: the domain 'b.example' is not a domain of the account 'shop'; add it first",
            ),
            ({"sender": "nonsense"}, Invalid, "sender: 'nonsense' is not an address"),
            ({"networks": ("10.0.0.1/8",)}, Invalid, "ip-list: '10.0.0.1/8' is not a network: it has host bits set"),
            ({"networks": ("ten",)}, Invalid, "ip-list: 'ten' is not a network"),
            ({"username": "a\0b"}, Invalid, "username: holds a character that cannot be printed"),
            ({"password": "a\0b"}, Invalid, "password: holds a control character"),
            ({"password": "x" * 1001}, Invalid, "password: is longer than 1000 octets"),
        ]
        for changes, kind, reason in cases:
            text = self.refused(connections.create(self.place, Wanted(**(good | changes))), kind)  # type: ignore[arg-type]
            self.assertTrue(text.startswith(reason), text)
        self.assertEqual(len(self.done(connections.every(self.place))), 1)
        self.assertEqual(len(self.done(domains.senders(self.place))), 1)

    def test_an_alias_names_the_dialect(self) -> None:
        """A connection has the dialect's own name, whatever it was called by."""
        self.assertEqual(self.connection(dialect="rusender").connection.dialect, "emailmassivo")

    def test_an_unverified_domain_will_do(self) -> None:
        """Verification is judged when mail comes, not when a connection is made."""
        self.done(domains.add(self.place, "shop", "later.example"))
        self.assertEqual(self.connection(sender="a@later.example").connection.sender, "a@later.example")


class Secrets(InstallationTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.account()

    def test_a_login_can_be_seen_again(self) -> None:
        """Generated or taken over, the login is shown as it was given."""
        for issued in (self.connection(), self.connection(name="old", username="u", password="p")):
            again = self.done(connections.reveal(self.place, issued.connection.name))
            self.assertEqual((again.username, again.password), (issued.username, issued.password))

    def test_an_installation_may_keep_no_secrets(self) -> None:
        """Then nothing is sealed, and nothing is shown again even if it was sealed before."""
        before = self.connection(name="before")
        self.keep_no_secrets()
        after = self.connection(name="after")
        self.assertEqual(after.connection.credentials[0].sealed, "")
        for issued in (before, after):
            self.assertIn("reveal_secrets", self.refused(connections.reveal(self.place, issued.connection.id), Invalid))

    def test_a_new_password_takes_the_old_ones_place(self) -> None:
        """The user name stays; there is still one credential, and only the new password is kept."""
        issued = self.connection()
        renewed = self.done(connections.new_password(self.place, "web"))
        self.assertEqual(renewed.username, issued.username)
        self.assertNotEqual(renewed.password, issued.password)
        (credential,) = self.done(connections.find(self.place, "web")).credentials
        self.assertEqual(credential.digest, self.place.vault.digest(renewed.password))
        chosen = self.done(connections.new_password(self.place, "web", "chosen"))
        self.assertEqual(self.done(connections.reveal(self.place, "web")).password, "chosen")
        self.assertEqual(chosen.connection.credentials[0].kind, "password")

    def test_no_secret_stands_in_the_plain_form(self) -> None:
        """What the command line and the API show of a connection has neither password, digest nor sealed text."""
        issued = self.connection()
        (credential,) = issued.connection.credentials
        text = repr(plain.connection(issued.connection, {}))
        for secret in (issued.password, credential.digest, credential.sealed):
            self.assertNotIn(secret, text)


class Changing(InstallationTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.account()
        self.id = self.connection(active=False).connection.id

    def test_status(self) -> None:
        """Not Activated, Active, Blocked with its reason, and Active again without it."""
        self.assertEqual(self.done(connections.activate(self.place, "web")).status, "active")
        blocked = self.done(connections.block(self.place, "web", "too many bounces"))
        self.assertEqual((blocked.status, blocked.status_reason), ("blocked", "too many bounces"))
        active = self.done(connections.activate(self.place, self.id))
        self.assertEqual((active.status, active.status_reason), ("active", ""))

    def test_rate(self) -> None:
        """Units, period and burst are kept; 0 units lift the limit; what makes no sense is refused."""
        changed = self.done(connections.set_rate(self.place, "web", 5, 10, 2))
        self.assertEqual((changed.rate, changed.rate_period, changed.rate_burst), (5, 10, 2))
        for units, period, burst in ((-1, 1, 1), (1, 0, 1), (1, 86_401, 1), (1, 1, 0)):
            self.refused(connections.set_rate(self.place, "web", units, period, burst), Invalid)
        self.assertEqual(self.done(connections.set_rate(self.place, "web", 0)).rate, 0)

    def test_source_addresses(self) -> None:
        """Set, added, removed and cleared, each network once and in its canonical form."""
        self.done(connections.set_networks(self.place, "web", ["192.0.2.7", "2001:DB8::/32", "192.0.2.7/32"]))
        self.done(connections.add_networks(self.place, "web", ["10.0.0.0/8", "192.0.2.7"]))
        self.assertEqual(
            self.done(connections.find(self.place, "web")).networks, ("192.0.2.7/32", "2001:db8::/32", "10.0.0.0/8")
        )
        left = self.done(connections.remove_networks(self.place, "web", ["192.0.2.7", "10.0.0.0/8"]))
        self.assertEqual(left.networks, ("2001:db8::/32",))
        self.assertEqual(self.done(connections.set_networks(self.place, "web", [])).networks, ())

    def test_the_last_network_is_not_removed_unawares(self) -> None:
        """An empty list would let everybody in, so it must be cleared by name; an absent network is told."""
        self.done(connections.set_networks(self.place, "web", ["10.0.0.0/8"]))
        self.assertIn("clear", self.refused(connections.remove_networks(self.place, "web", ["10.0.0.0/8"]), Invalid))
        self.refused(connections.remove_networks(self.place, "web", ["10.0.0.0/9"]), Unknown)

    def test_sender(self) -> None:
        """Another address on a domain of the account, which becomes a sender; no other."""
        changed = self.done(connections.set_sender(self.place, "web", "Info@SHOP.example"))
        self.assertEqual(changed.sender, "Info@shop.example")
        self.refused(connections.set_sender(self.place, "web", "a@elsewhere.example"), Invalid)
        self.assertEqual(len(self.done(domains.senders(self.place, "shop"))), 2)

    def test_two_of_one_name_are_told_apart(self) -> None:
        """A name that two accounts use is refused, with the names that would do."""
        self.done(accounts.create(self.place, "other"))
        self.done(domains.add(self.place, "other", "other.example"))
        second = self.connection(account="other", sender="a@other.example").connection
        text = self.refused(connections.find(self.place, "web"), Invalid)
        self.assertIn("shop/web", text)
        self.assertEqual(self.done(connections.find(self.place, "other/web")).id, second.id)
        self.assertEqual(self.done(connections.find(self.place, self.id)).id, self.id)


class Names(SynchronousTestCase):
    def test_slugs(self) -> None:
        """A name becomes lower-case ASCII that needs no quotes in an address."""
        for name, expected in (
            ("Web Shop", "web-shop"),
            ("Café", "cafe"),
            ("Касса", "connection"),
            ("--a..b--", "a-b"),
        ):
            self.assertEqual(slug(name), expected)

    def test_a_pattern_without_a_name_serves_once(self) -> None:
        """A dialect that gives every connection one user name says so, rather than trying for ever."""
        self.assertEqual(free_username("key", "web", "a.example", []), "key")
        self.assertRaises(Taken, free_username, "key", "web", "a.example", ["KEY"])

    @given(st.text(max_size=60), st.lists(st.sampled_from(["a", "a-2", "a-3", "connection"]), max_size=4))
    def test_user_names_are_always_free(self, name: str, taken: list[str]) -> None:
        """Whatever the name, the user name is not in use and fits the pattern."""
        used = [f"{each}@d.example" for each in taken]
        found = free_username("{name}@{domain}", name, "d.example", used)
        self.assertNotIn(found, used)
        self.assertRegex(found, r"\A[a-z0-9][a-z0-9-]*@d\.example\Z")
