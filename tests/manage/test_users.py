"""People who sign in, as those know them who look after them."""

from __future__ import annotations

from mailrelay.manage import Invalid, Taken, Unknown, plain_people, users
from mailrelay.manage.caller import Caller
from mailrelay.vault import verify_password

from .place import InstallationTestCase


class UserTests(InstallationTestCase):
    """Making, changing and forgetting users."""

    def test_made(self) -> None:
        """A user is found by name however it is written, and what is told of them holds no secret."""
        account = self.account()
        made = self.done(users.add(self.place, " Ann@Shop.Example ", "shop"))
        self.assertEqual((made.user.name, made.user.role), ("ann@shop.example", "member"))
        self.assertTrue(verify_password(made.user.password, made.password))
        self.assertNotIn(made.password, repr(made))
        self.assertNotIn(made.user.password, repr(made))
        self.assertEqual(self.done(users.find(self.place, "ANN@shop.example")), made.user)
        told = plain_people.user(made.user, {account.id: "shop"})
        self.assertEqual((told["account"], told["totp"]), ("shop", False))
        self.assertNotIn("argon2", repr(told))

    def test_refused(self) -> None:
        """Names that exist or cannot be, and passwords that are easily guessed, are refused with the reason."""
        self.done(users.add(self.place, "ann"))
        self.refused(users.add(self.place, "ANN"), Taken)
        self.refused(users.add(self.place, "a b"), Invalid)
        self.refused(users.add(self.place, "bob", "nobody"), Unknown)
        for password in ("short", "x" * 300, "aaaaaaaaaaaa", "boberella", "tab\tbed in"):
            self.refused(users.add(self.place, "boberella", password=password), Invalid)
        self.refused(users.find(self.place, "eve"), Unknown)

    def test_last_administrator(self) -> None:
        """Nobody can take the last administrator away; with another one there it goes."""
        self.account()
        self.done(users.add(self.place, "ann"))
        for deed in (users.remove, users.block):
            self.assertIn("last administrator", self.refused(deed(self.place, "ann"), Invalid))
        self.refused(users.set_role(self.place, "ann", "shop"), Invalid)
        self.done(users.add(self.place, "bob"))
        self.assertEqual(self.done(users.set_role(self.place, "ann", "shop")).role, "member")
        self.assertEqual([each.name for each in self.done(users.every(self.place, "shop"))], ["ann"])
        self.done(users.remove(self.place, "ann"))
        self.assertEqual([each.name for each in self.done(users.every(self.place))], ["bob"])

    def test_foreign(self) -> None:
        """A12: to a caller bound to an account others' users do not exist."""
        account = self.account()
        self.done(users.add(self.place, "ann", "shop"))
        self.done(users.add(self.place, "bob"))
        member = self.place.asked_by(Caller("user", "ann", administrator=False, account=account.id))
        self.assertEqual(self.done(users.find(member, "ann")).name, "ann")
        self.refused(users.find(member, "bob"), Unknown)
        self.assertEqual([each.name for each in self.done(users.every(member))], ["ann"])
