"""Sending domains, senders and suppressed addresses."""

from __future__ import annotations

from mailrelay.manage import Invalid, Taken, Unknown, accounts, domains, suppressions

from .place import InstallationTestCase


class Domains(InstallationTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.done(accounts.create(self.place, "shop"))

    def test_registered_then_verified(self) -> None:
        """A domain begins unverified, in one spelling for every way to write it."""
        made = self.done(domains.add(self.place, "shop", "Bücher.Example"))
        self.assertEqual((made.name, made.status), ("xn--bcher-kva.example", "unverified"))
        verified = self.done(domains.set_verified(self.place, "shop", "XN--bcher-KVA.example", True))
        self.assertEqual((verified.status, verified.created_at), ("verified", made.created_at))
        self.assertEqual(list(self.done(domains.every(self.place, "shop"))), [verified])
        self.done(domains.set_verified(self.place, "", "bücher.example", False))
        self.assertEqual(self.done(domains.every(self.place))[0].status, "unverified")

    def test_twice_is_refused(self) -> None:
        """Registering a domain again does not unverify it."""
        self.done(domains.add(self.place, "shop", "shop.example", verified=True))
        self.refused(domains.add(self.place, "shop", "SHOP.example"), Taken)
        self.assertEqual(self.done(domains.every(self.place))[0].status, "verified")

    def test_what_is_no_domain(self) -> None:
        """Text that could not stand behind the @ is refused, address literals too."""
        for text in (
            "",
            "a b",
            "-a.example",
            "a..b",
            "[192.0.2.1]",
            "x" * 64 + ".example",
            "a@b.example",
            "a\n.example",
        ):
            self.refused(domains.add(self.place, "shop", text), Invalid)

    def test_of_whom(self) -> None:
        """A domain of two accounts is verified for one by name only; an unknown one is told."""
        self.done(accounts.create(self.place, "other"))
        for account in ("shop", "other"):
            self.done(domains.add(self.place, account, "shared.example"))
        self.refused(domains.set_verified(self.place, "", "shared.example", True), Invalid)
        self.done(domains.set_verified(self.place, "other", "shared.example", True))
        found = {each.status for each in self.done(domains.every(self.place, "shop"))}
        self.assertEqual(found, {"unverified"})
        self.refused(domains.set_verified(self.place, "shop", "none.example", True), Unknown)
        self.refused(domains.set_verified(self.place, "", "none.example", True), Unknown)

    def test_removed(self) -> None:
        """A domain is forgotten, but not while a connection sends from it; nor is one that nobody has."""
        self.done(domains.add(self.place, "shop", "shop.example"))
        self.connection()
        self.assertIn("'web'", self.refused(domains.remove(self.place, "shop", "shop.example"), Invalid))
        self.done(domains.add(self.place, "shop", "other.example"))
        self.done(domains.remove(self.place, "shop", "OTHER.example"))
        self.refused(domains.remove(self.place, "shop", "other.example"), Unknown)
        self.assertEqual([each.name for each in self.done(domains.every(self.place))], ["shop.example"])


class Senders(InstallationTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.account()

    def test_only_on_registered_domains(self) -> None:
        """A sender stands on a domain of its account, and is listed once whatever its spelling."""
        made = self.done(domains.add_sender(self.place, "shop", "News@Shop.example"))
        self.assertEqual(made.address, "News@shop.example")
        self.refused(domains.add_sender(self.place, "shop", "News@shop.example"), Taken)
        self.refused(domains.add_sender(self.place, "shop", "a@other.example"), Invalid)

    def test_removed(self) -> None:
        """A sender is removed by any spelling, and only once."""
        self.done(domains.add_sender(self.place, "shop", "news@shop.example"))
        self.done(domains.remove_sender(self.place, "shop", "NEWS@shop.example"))
        self.refused(domains.remove_sender(self.place, "shop", "news@shop.example"), Unknown)
        self.assertEqual(list(self.done(domains.senders(self.place, "shop"))), [])


class Suppressions(InstallationTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.account()

    def test_one_entry_for_every_spelling(self) -> None:
        """P26: case, trailing dot and script of an address do not make another entry; a tag does."""
        for address in ("Ann@Bücher.example", "ann@xn--bcher-kva.EXAMPLE", "ann+tag@bücher.example"):
            self.done(suppressions.add(self.place, "shop", [address], "unsubscribe"))
        keys = sorted(each.key for each in self.done(suppressions.every(self.place, "shop")))
        self.assertEqual(keys, ["ann+tag@xn--bcher-kva.example", "ann@xn--bcher-kva.example"])
        self.done(suppressions.remove(self.place, "shop", ["ANN@bücher.example"]))
        self.assertEqual([each.key for each in self.done(suppressions.every(self.place))], keys[:1])

    def test_all_or_none(self) -> None:
        """One bad address among several leaves nothing added, one unknown among several nothing removed."""
        self.refused(suppressions.add(self.place, "shop", ["a@b.example", "nonsense"]), Invalid)
        self.assertEqual(list(self.done(suppressions.every(self.place))), [])
        self.done(suppressions.add(self.place, "shop", ["a@b.example"]))
        self.refused(suppressions.remove(self.place, "shop", ["a@b.example", "c@b.example"]), Unknown)
        self.assertEqual(len(self.done(suppressions.every(self.place))), 1)

    def test_reasons_are_a_closed_set(self) -> None:
        """Why an address is suppressed decides what a dialect says; other words are refused."""
        self.refused(suppressions.add(self.place, "shop", ["a@b.example"], "whim"), Invalid)

    def test_of_one_account_only(self) -> None:
        """What one account may not send to, another may."""
        self.account("other", domain="other.example")
        self.done(suppressions.add(self.place, "shop", ["a@b.example"]))
        self.assertEqual(list(self.done(suppressions.every(self.place, "other"))), [])
