"""The keys of links, as people look after them."""

from __future__ import annotations

from dataclasses import replace

from mailrelay.mail.token import Purpose, read
from mailrelay.manage import Invalid, Unknown, connections, link_keys, plain
from mailrelay.policy.link_keys import SETTING, LinkKeys, secret_of

from .place import START, InstallationTestCase


class LinkKeysTests(InstallationTestCase):
    def test_rotation(self) -> None:
        """H1: a new key signs, the old one is believed until it is withdrawn, and the daemon reads the same."""
        self.assertEqual([key.number for key in self.done(link_keys.every(self.place))], [1])
        self.assertEqual(self.done(link_keys.rotate(self.place)).number, 2)
        self.assertEqual(self.done(link_keys.withdraw(self.place, 1)).withdrawn_at, START)
        first, second = self.done(link_keys.every(self.place))
        self.assertEqual(
            [plain.link_key(first, signs=False)["status"], plain.link_key(second, signs=True)["status"]],
            ["withdrawn", "signs"],
        )
        self.store.directory.forget()
        kept = LinkKeys.read(self.done(self.store.directory.settings())[SETTING])
        self.assertEqual((kept.current, kept.believes(1)), (2, False))

    def test_refused(self) -> None:
        """The key that signs is not withdrawn, nor one that is not there."""
        self.assertIn("signs", self.refused(link_keys.withdraw(self.place, 1), Invalid))
        self.assertIn("2", self.refused(link_keys.withdraw(self.place, 2), Unknown))
        self.refused(link_keys.withdraw(self.place, 0), Invalid)


class ConfirmationTests(InstallationTestCase):
    def test_path(self) -> None:
        """The path to confirm a sender says whom, under the key that signs now."""
        account = self.account()
        self.done(link_keys.rotate(self.place))
        path = self.done(link_keys.confirmation(self.place, account.id, "news@shop.example"))
        secrets = {2: self.place.vault.subkey(secret_of(2))}
        said = read(path.removeprefix("/confirm/"), Purpose.CONFIRM, secrets.get)
        self.assertEqual((said.account, said.mailbox), (account.id, "news@shop.example"))


class PagesTests(InstallationTestCase):
    def test_nowhere_to_lead(self) -> None:
        """Tracking cannot be turned on where links in mail have no pages to lead to; turning it off is no matter."""
        self.account()
        self.connection()
        without = replace(self.place, public_pages=False)
        for name in ("track_opens", "track_clicks", "list_unsubscribe"):
            said = self.refused(connections.set_options(without, "web", {name: "yes"}), Invalid)
            self.assertIn("http.public_url", said)
            self.done(connections.set_options(without, "web", {name: "no"}))
            self.done(connections.set_options(self.place, "web", {name: "yes"}))
