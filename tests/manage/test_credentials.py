"""What a connection logs in by: made, taken over, replaced, shown."""

from __future__ import annotations

from mailrelay.manage import Invalid, Taken, Unknown, connections, plain
from mailrelay.manage.caller import Caller
from mailrelay.manage.credentials import Issued

from .place import InstallationTestCase

KEY = "taken-over-from-the-old-service"


class Credentials(InstallationTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.account()

    def kinds(self, issued: Issued) -> list[tuple[str, str]]:
        return sorted((each.kind, each.username) for each in issued.connection.credentials)

    def test_by_dialect(self) -> None:
        """A new connection has what its dialect's applications know: a login, or a key under the name that goes with
        it, or under the key itself where any name will do."""
        for dialect, username in (("devino", "a@shop.example"), ("zeptomail", "emailapikey"), ("emaildelivery", None)):
            issued = self.connection(name="a" if dialect == "devino" else dialect, dialect=dialect)
            self.assertEqual(issued.username, username or issued.password)
            self.assertEqual(issued.api_key, "" if dialect == "devino" else issued.password)
            shown = plain.connection(issued.connection, {})
            self.assertNotIn(issued.password, repr(shown))
            self.assertNotIn(issued.password, repr(issued))

    def test_several(self) -> None:
        """A connection may have a login, a key and a short password; all are shown again."""
        made = self.connection(dialect="standard", api_key=True, short_password=True)
        self.assertEqual([kind for kind, _ in self.kinds(made)], ["api_key", "generated", "short"])
        self.assertEqual((len(made.short_username), len(made.short_password)), (16, 16))
        again = self.done(connections.reveal(self.place, "web"))
        for name in ("username", "password", "api_key", "short_username", "short_password"):
            self.assertEqual(getattr(again, name), getattr(made, name))
            self.assertTrue(getattr(made, name))
        self.assertLessEqual({"api_key", "short_password"}, set(plain.issued(made, {})))

    def test_revoked(self) -> None:
        """A key and a short password are taken away and found no more; the last way to log in is not, nor what is not
        there, nor a login with its password."""
        self.connection(dialect="standard")
        key = self.done(connections.new_api_key(self.place, "web")).api_key
        self.done(connections.short_password(self.place, "web"))
        left = self.done(connections.revoke(self.place, "web", "api-key"))
        self.assertEqual(sorted(each.kind for each in left.credentials), ["generated", "short"])
        self.assertEqual(list(self.done(self.store.directory.keys(self.place.vault.digest(key)))), [])
        self.done(connections.revoke(self.place, "web", "short-password"))
        self.assertIn("there is no", self.refused(connections.revoke(self.place, "web", "api-key"), Unknown))
        self.assertIn("must be one of", self.refused(connections.revoke(self.place, "web", "password"), Invalid))
        self.connection(name="keyed", dialect="emaildelivery")
        text = self.refused(connections.revoke(self.place, "keyed", "api-key"), Invalid)
        self.assertIn("the only way to log in", text)

    def test_keys(self) -> None:
        """A key is made, replaced, taken over; it belongs to one connection, and is found by its digest alone."""
        self.connection(dialect="standard")
        first = self.done(connections.new_api_key(self.place, "web"))
        second = self.done(connections.new_api_key(self.place, "web", KEY))
        self.assertEqual((second.api_key, len(second.connection.credentials)), (KEY, 2))
        digest = self.place.vault.digest
        (found,) = self.done(self.store.directory.keys(digest(KEY)))
        self.assertEqual((found.kind, found.username, found.connection.name), ("api_key", "", "web"))
        self.assertEqual(list(self.done(self.store.directory.keys(digest(first.api_key)))), [])
        self.connection(name="other", dialect="standard")
        text = self.refused(connections.new_api_key(self.place, "other", KEY), Invalid)
        self.assertEqual(text, "api-key: belongs to another connection")
        self.assertIn("belongs to another", self.refused_wanted(name="third", dialect="emaildelivery", key=KEY))

    def test_short(self) -> None:
        """A short password has a user name of its own, or goes with any address; the second replaces the first."""
        self.connection(dialect="zeptomail")
        self.done(connections.short_password(self.place, "web"))
        issued = self.done(connections.short_password(self.place, "web", own_name=False))
        self.assertEqual(self.kinds(issued), [("api_key", "emailapikey"), ("short", "news@shop.example")])
        self.assertEqual(issued.short_username, "news@shop.example")
        (found,) = self.done(self.store.directory.keys(self.place.vault.digest(issued.short_password)))
        self.assertEqual(found.kind, "short")

    def refused_wanted(self, **wanted: object) -> str:
        given = {"account": "shop", "sender": "news@shop.example", **wanted}
        made = connections.create(self.place, connections.Wanted(**given))  # type: ignore[arg-type]
        return self.refused(made, Invalid)

    def test_what_does_not_fit(self) -> None:
        """What the dialect could not let in by is refused with the reason."""
        for wanted, reason in (
            ({"dialect": "devino", "key": KEY}, "api-key: the dialect 'devino' knows logins with a password only"),
            ({"dialect": "emaildelivery", "password": "x"}, "password: the dialect 'emaildelivery' knows keys only"),
            ({"dialect": "zeptomail", "username": "x"}, "username: the dialect 'zeptomail' goes by a key"),
            ({"dialect": "standard", "key": "k" * 19}, "api-key: must have at least 20 characters"),
            ({"dialect": "standard", "key": " " + "k" * 20}, "api-key: begins or ends with a blank"),
            ({"dialect": "standard", "key": "k" * 256}, "api-key: is longer than 255 characters"),
        ):
            self.assertTrue(self.refused_wanted(name="n", **wanted).startswith(reason), reason)
        self.connection(dialect="emaildelivery", name="keyed")
        self.assertIn("no login", self.refused(connections.new_password(self.place, "keyed"), Invalid))

    def test_taken_over_login(self) -> None:
        """The login of an application that changes nothing but its host name, however short."""
        issued = self.connection(dialect="devino", username="1website", password="test")
        self.assertEqual((issued.username, issued.password, issued.connection.dialect), ("1website", "test", "devino"))
        made = connections.create(
            self.place,
            connections.Wanted("shop", "second", "devino", "news@shop.example", username="1WEBSITE", password="x"),
        )
        self.refused(made, Taken)


class Options(InstallationTestCase):
    def test_set_and_reset(self) -> None:
        """An option is set, shown, felt by the directory, and goes back to what the dialect says."""
        self.account()
        self.connection(dialect="devino")
        changed = self.done(connections.set_options(self.place, "web", {"sender": "domain", "track_opens": "no"}))
        self.assertEqual(changed.options, {"sender": "domain", "track_opens": False})
        facts = self.done(self.store.directory.connection(changed.id))
        self.assertEqual(facts.options, {"sender": "domain", "track_opens": False})
        self.assertEqual(
            self.done(connections.set_options(self.place, "web", {"sender": ""})).options, {"track_opens": False}
        )
        for given, reason in (
            ({"colour": "red"}, "colour: unknown option"),
            ({"sender": "x"}, "sender: must be one of domain"),
            ({"replies": "loud"}, "replies: must be of transaction_failed"),
        ):
            self.assertIn(reason, self.refused(connections.set_options(self.place, "web", given), Invalid))


class ActingTests(InstallationTestCase):
    """An administrator who acts for somebody else's account."""

    def test_no_secrets(self) -> None:
        """Neither what is revealed nor what is made anew shows a password or an API key to them."""
        account = self.account()
        id = self.connection().connection.id
        acting = self.place.asked_by(Caller("user", "root", acting=account.id))
        self.assertIn("no password", self.refused(connections.reveal(acting, id), Invalid))
        for deed in (connections.new_password, connections.short_password):
            told = self.done(deed(acting, id))
            self.assertEqual((told.password, told.api_key, told.short_password), ("", "", ""))
        self.assertTrue(self.done(connections.reveal(self.place, id)).password)
