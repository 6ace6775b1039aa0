"""Accounts and balances, as people and programs move them."""

from __future__ import annotations

from mailrelay.manage import Invalid, Taken, Unknown, accounts
from mailrelay.manage.checked import MAX_SENDS

from .place import START, InstallationTestCase


class Accounts(InstallationTestCase):
    def test_a_new_account_has_its_opening_balance(self) -> None:
        """What is created is what is listed, found by name and by id."""
        made = self.done(accounts.create(self.place, "  shop ", 7))
        self.assertEqual((made.name, made.balance, made.available, made.created_at), ("shop", 7, 7, START))
        self.assertEqual(list(self.done(accounts.every(self.place))), [made])
        self.assertEqual(self.done(accounts.find(self.place, "shop")), made)
        self.assertEqual(self.done(accounts.find(self.place, made.id)), made)

    def test_weight(self) -> None:
        """An account has the weight that it was given last, within its bounds, and one that is told nothing weighs 1;
        money does not touch it."""
        made = self.done(accounts.create(self.place, "shop", 7))
        self.assertEqual(made.weight, 1)
        self.done(accounts.change(self.place, "shop", {"weight": "5"}))
        self.done(accounts.top_up(self.place, "shop", 3))
        found = self.done(accounts.find(self.place, "shop"))
        self.assertEqual((found.weight, found.balance), (5, 10))
        for weight in ("0", "101", "much"):
            self.refused(accounts.change(self.place, "shop", {"weight": weight}), Invalid)

    def test_a_name_is_given_once(self) -> None:
        """A second account of one name, or one named like another's id, is refused."""
        made = self.done(accounts.create(self.place, "shop"))
        for name in ("shop", " shop", made.id):
            self.assertIn("exists already", self.refused(accounts.create(self.place, name), Taken))
        self.assertEqual(len(self.done(accounts.every(self.place))), 1)

    def test_names_that_nobody_can_read_are_refused(self) -> None:
        """A name is printable, not empty, and not endless."""
        for name in ("", "  ", "a\nb", "a\x1b[2J", "a\0", "n" * 101):
            self.refused(accounts.create(self.place, name), Invalid)

    def test_an_unknown_account_is_named_in_the_refusal(self) -> None:
        """The one line says what was looked for."""
        self.assertEqual(self.refused(accounts.find(self.place, "nobody"), Unknown), "account: there is no 'nobody'")

    def test_the_only_account_needs_no_name(self) -> None:
        """With none, or with several, a name is asked for."""
        self.assertIn("create one", self.refused(accounts.find(self.place, ""), Invalid))
        made = self.done(accounts.create(self.place, "shop"))
        self.assertEqual(self.done(accounts.find(self.place, "")), made)
        self.done(accounts.create(self.place, "other"))
        self.assertIn("name one", self.refused(accounts.find(self.place, ""), Invalid))


class Balance(InstallationTestCase):
    def test_topping_up_adds(self) -> None:
        """The new balance is the old one and what was added."""
        self.account(balance=5)
        self.assertEqual(self.done(accounts.top_up(self.place, "shop", 3, "invoice 17")).available, 8)

    def test_only_a_positive_amount_tops_up(self) -> None:
        """Nothing, less than nothing, and more than any reader of JSON can hold, are refused and change nothing."""
        self.account(balance=5)
        for amount in (0, -1, -(10**30), MAX_SENDS + 1, MAX_SENDS - 4):
            self.refused(accounts.top_up(self.place, "shop", amount), Invalid)
        self.assertEqual(self.done(accounts.find(self.place, "shop")).balance, 5)

    def test_setting_gives_what_is_available(self) -> None:
        """What is set is available, beside what is reserved; less than nothing is refused."""
        self.account(balance=5)
        self.assertEqual(self.done(accounts.set_balance(self.place, "shop", 0)).available, 0)
        self.assertEqual(self.done(accounts.set_balance(self.place, "shop", 12)).available, 12)
        self.refused(accounts.set_balance(self.place, "shop", -1), Invalid)
        self.assertEqual(self.done(accounts.find(self.place, "shop")).available, 12)

    def test_no_account_is_opened_in_debt(self) -> None:
        """An opening balance is not below zero."""
        self.refused(accounts.create(self.place, "shop", -1), Invalid)
