"""Stored routes as a person makes them."""

from __future__ import annotations

from mailrelay.mail.envelope import Hop
from mailrelay.manage import Invalid, Taken, Unknown, routes
from mailrelay.manage.routes import Wanted, open_route

from .place import InstallationTestCase


class RouteTests(InstallationTestCase):
    """Adding, opening and removing."""

    def test_added(self) -> None:
        """A route opens to its hops, with its password, which is kept sealed."""
        self.account()
        hosts = ["Smtp.example:587", "[2001:db8::1]:25"]
        made = self.done(routes.add(self.place, Wanted(hosts, "eu", "shop", "require", "u", "secret")))
        self.assertNotIn("secret", repr(made) + made.sealed)
        self.assertEqual(
            open_route(self.place.vault, made).hops,
            (
                Hop("smtp.example", 587, "require", "u", "secret", route="eu"),
                Hop("2001:db8::1", 25, "require", "u", "secret", route="eu"),
            ),
        )
        self.assertEqual(list(self.done(routes.every(self.place, "shop"))), [made])
        self.done(routes.remove(self.place, "shop", "eu"))
        self.refused(routes.remove(self.place, "shop", "eu"), Unknown)

    def test_weights_and_fallback(self) -> None:
        """Hosts may share the load, and another route take over."""
        made = self.done(routes.add(self.place, Wanted(["a:25=3", "b:25=0"], "two", fallback="eu")))
        opened = open_route(self.place.vault, made)
        self.assertEqual((opened.weights, opened.fallback), ((3, 0), "eu"))

    def test_generated(self) -> None:
        """Without an id one is made; without an account it serves all."""
        made = self.done(routes.add(self.place, Wanted(["127.0.0.1:25"])))
        self.assertEqual((made.account, len(made.id)), ("", 26))

    def test_refused(self) -> None:
        """What cannot be a route is refused in words that name the field."""
        self.done(routes.add(self.place, Wanted(["a:25"], "eu")))
        for wanted, field in (
            (Wanted([]), "host"),
            (Wanted(["a"]), "host"),
            (Wanted(["a:99999"]), "host"),
            (Wanted(["a b:25"]), "host"),
            (Wanted(["a:25=1", "b:25"]), "host"),
            (Wanted(["a:25=0"]), "host"),
            (Wanted(["a:25=1001"]), "host"),
            (Wanted(["a:25="]), "host"),
            (Wanted(["a:25"], "x", fallback="x"), "fallback"),
            (Wanted(["a:25"], fallback="x y"), "fallback"),
            (Wanted(["a:25"], "e u"), "id"),
            (Wanted(["a:25"], "e" * 65), "id"),
            (Wanted(["a:25"], tls="maybe"), "tls"),
            (Wanted(["a:25"], username="u"), "username"),
            (Wanted(["a:25"], password="p"), "username"),
        ):
            self.assertTrue(self.refused(routes.add(self.place, wanted), Invalid).startswith(f"{field}: "), wanted)
        self.refused(routes.add(self.place, Wanted(["a:25"], "eu")), Taken)
        self.refused(routes.add(self.place, Wanted(["a:25"], account="nobody")), Unknown)
