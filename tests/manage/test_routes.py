"""Stored routes as a person makes them."""

from __future__ import annotations

from dataclasses import replace

from mailrelay.mail.envelope import Hop
from mailrelay.manage import Invalid, Taken, Unknown, routes
from mailrelay.manage.routes import Wanted, open_route
from mailrelay.policy.route import MxRoute, Route

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
        self.done(routes.add(self.place, Wanted(["c:25"], "eu")))
        made = self.done(routes.add(self.place, Wanted(["a:25=3", "b:25=0"], "two", fallback="eu")))
        self.refused(routes.remove(self.place, "", "eu"), Invalid)
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
            (Wanted(["a:25"], fallback="nowhere"), "fallback"),
            (Wanted(["a:25"], sources=["192.0.2.1"]), "sources"),
            (Wanted(["a:25"], rotate=True), "rotate"),
            (Wanted(["a:25"], port=26), "port"),
            (Wanted(["a:25"], domains=["b_c.test"]), "domains"),
            (Wanted(["a:25"], domains=["a.test"] * 1001), "domains"),
            (Wanted(["a:25"], mx=True), "hosts"),
            (Wanted(mx=True, username="u", password="p"), "username"),
            (Wanted(mx=True, port=0), "port"),
            (Wanted(mx=True, sources=["eth0"]), "sources"),
            (Wanted(mx=True, sources=["192.0.2.1"] * 101), "sources"),
            (Wanted(["a:25"], "e u"), "id"),
            (Wanted(["a:25"], "e" * 65), "id"),
            (Wanted(["a:25"], tls="maybe"), "tls"),
            (Wanted(["a:25"], username="u"), "username"),
            (Wanted(["a:25"], password="p"), "username"),
        ):
            self.assertTrue(self.refused(routes.add(self.place, wanted), Invalid).startswith(f"{field}: "), wanted)
        self.refused(routes.add(self.place, Wanted(["a:25"], "eu")), Taken)
        self.refused(routes.add(self.place, Wanted(["a:25"], account="nobody")), Unknown)

    def test_by_mx(self) -> None:
        """A route by MX opens to one, with its pool of addresses."""
        made = self.done(
            routes.add(self.place, Wanted(id="pool", mx=True, sources=["192.0.2.1", "2001:DB8::1"], rotate=True))
        )
        self.assertEqual(
            open_route(self.place.vault, made),
            MxRoute("pool", sources=("192.0.2.1", "2001:db8::1"), rotate=True),
        )

    def test_domains(self) -> None:
        """One route of an account serves a recipient's domain; another account's, or a shared one, may as well."""
        self.account()
        made = self.done(routes.add(self.place, Wanted(["a:25"], "one", domains=["A.test", "*.b.test", "a.test"])))
        self.assertEqual(made.domains, ("a.test", "*.b.test"))
        self.refused(routes.add(self.place, Wanted(["a:25"], "two", domains=["a.test"])), Invalid)
        self.done(routes.add(self.place, Wanted(["a:25"], "two", "shop", domains=["a.test"])))

    def test_changed(self) -> None:
        """What is given changes, all else stays, the password too; a new user name takes a new password."""
        self.account()
        old = self.done(routes.add(self.place, Wanted(["a:25=3", "b:25=1"], "eu", "shop", "require", "u", "secret")))
        new = self.done(routes.change(self.place, "", "eu", {"tls": "verify", "domains": ["a.test"]}))
        self.assertEqual(new, replace(old, tls="verify", domains=("a.test",), sealed=new.sealed))
        opened = open_route(self.place.vault, new)
        assert isinstance(opened, Route)
        self.assertEqual(opened.hops[0].password, "secret")
        self.assertEqual(self.done(routes.find(self.place, "shop", "eu")), new)
        self.refused(routes.change(self.place, "shop", "eu", {"username": "v"}), Invalid)
        self.refused(routes.change(self.place, "shop", "eu", {"id": "x"}), Invalid)
        self.refused(routes.change(self.place, "", "us", {}), Unknown)
        gone = self.done(routes.change(self.place, "shop", "eu", {"username": "", "password": ""}))
        self.assertEqual((gone.username, gone.sealed), ("", ""))

    def test_found(self) -> None:
        """An id that several accounts have is told apart by the account; a shared one goes before."""
        self.account()
        self.account("other")
        for account in ("shop", "other"):
            self.done(routes.add(self.place, Wanted(["a:25"], "eu", account)))
        self.refused(routes.find(self.place, "", "eu"), Invalid)
        shared = self.done(routes.add(self.place, Wanted(["a:25"], "eu")))
        self.assertEqual(self.done(routes.find(self.place, "", "eu")), shared)
