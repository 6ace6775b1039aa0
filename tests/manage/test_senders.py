"""Confirmed sender addresses: asked for, proven, and who may say so."""

from __future__ import annotations

from dataclasses import replace

from mailrelay.interfaces.history import Selection
from mailrelay.mail.envelope import State
from mailrelay.mail.token import Purpose, read
from mailrelay.manage import Invalid, domains, senders
from mailrelay.policy.domain_check import Relay
from mailrelay.policy.link_keys import secret_of

from .place import InstallationTestCase

URL, HOST = "https://mail.example.org/m", "relay.example.org"


class ConfirmingTests(InstallationTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.owner = self.account()

    def statuses(self) -> dict[str, str]:
        return {each.address: each.status for each in self.done(domains.senders(self.place, "shop"))}

    def ask(self, address: str) -> senders.Requested:
        return self.done(senders.request(self.place, "shop", address, URL, HOST))

    def test_by_link(self) -> None:
        """A request is no confirmation; its letter, charged to nobody, has a link that names the account and the
        mailbox, and whoever comes by it confirms."""
        asked = self.ask("Ann@Else.example")
        self.assertEqual(self.statuses(), {"Ann@else.example": "requested"})
        self.assertTrue(asked.link.startswith(f"{URL}/confirm/"))
        self.assertIn(asked.link.encode(), asked.letter.source)
        self.assertEqual((asked.letter.billing, asked.letter.sender), ("none", ""))
        self.assertEqual([each.address for each in asked.letter.recipients], ["Ann@else.example"])
        said = read(
            asked.link.rpartition("/")[2], Purpose.CONFIRM, lambda number: self.place.vault.subkey(secret_of(number))
        )
        self.assertEqual((said.account, said.mailbox), (self.owner.id, "ann@else.example"))
        self.done(self.store.registry.confirm_sender(said.account, said.mailbox))
        self.assertEqual(self.statuses(), {"Ann@else.example": "confirmed"})
        facts = self.done(self.store.directory.sender(self.owner.id, "", "else.example", "ann@else.example"))
        self.assertEqual((facts.domain, facts.address), ("", "confirmed"))

    def test_the_letter_is_mail(self) -> None:
        """The ledger takes the letter, and no money."""
        asked = self.ask("ann@else.example")
        self.done(self.store.ledger.accept(asked.letter, False))
        (passage,) = self.done(self.store.history.passages(Selection(message=asked.letter.id), 10))
        self.assertEqual((passage.id, passage.billed), (asked.letter.id, 0))

    def test_asked_and_sent(self) -> None:
        """Where a daemon runs the letter is in the queue as soon as it was asked for."""
        place = replace(self.place, public_url=URL, relay=Relay(HOST, "bounces.example.org"))
        asked = self.done(senders.ask(place, "shop", "ann@else.example"))
        (passage,) = self.done(self.store.history.passages(Selection(message=asked.letter.id), 10))
        self.assertEqual((passage.rcpt, passage.state), ("ann@else.example", State.QUEUED))
        self.refused(senders.ask(self.place, "shop", "ben@else.example"), Invalid)

    def test_asked_for_again(self) -> None:
        """Asked for again it stays one request, with another letter; a confirmed one is not asked for."""
        first, second = self.ask("ann@else.example"), self.ask("ANN@else.example")
        self.assertEqual(first.sender, second.sender)
        self.assertNotEqual(first.letter.id, second.letter.id)
        self.done(senders.confirm(self.place, "shop", "ann@else.example"))
        text = self.refused(senders.request(self.place, "shop", "ann@else.example", URL, HOST), Invalid)
        self.assertEqual(text, "sender: 'ann@else.example' is confirmed already")

    def test_by_an_administrator(self) -> None:
        """An administrator's word is enough, asked for or not; an address that was added is confirmed."""
        self.ask("ann@else.example")
        self.assertEqual(self.done(senders.confirm(self.place, "shop", "ann@else.example")).status, "confirmed")
        self.assertEqual(self.done(senders.confirm(self.place, "shop", "bob@else.example")).status, "confirmed")
        self.done(domains.add_sender(self.place, "shop", "news@shop.example"))
        self.assertEqual(set(self.statuses().values()), {"confirmed"})

    def test_nowhere_to_lead(self) -> None:
        """Without public pages there is no link to send."""
        text = self.refused(senders.request(self.place, "shop", "ann@else.example", "", HOST), Invalid)
        self.assertIn("public_url: is not configured", text)
        self.assertEqual(self.statuses(), {})
