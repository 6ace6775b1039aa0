"""A message sent again, over a real store."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mailrelay.interfaces.registry import Suppression
from mailrelay.mail.envelope import DAY, Instructions, Personal, Settlement, State, Submission, ulid
from mailrelay.manage import accounts, connections, domains, explain, persons, resend
from mailrelay.manage.errors import Invalid, Unknown
from mailrelay.manage.messages import Card
from mailrelay.store.accept import CHUNK
from tests.store.worlds import submission

from .place import InstallationTestCase


class ResendTests(InstallationTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.account = self.done(accounts.create(self.place, "shop", 10))
        self.done(domains.add(self.place, "shop", "acme.test", verified=True))
        wanted = connections.Wanted("shop", "web", "standard", "a@acme.test", active=True)
        self.connection = self.done(connections.create(self.place, wanted)).connection

    def sent(self, *to: str, source: bytes = b"Subject: x\r\n\r\nx\r\n", **more: Any) -> Submission:
        """A message that was delivered."""
        to = to or ("Ann@b.test", "bob@b.test")
        made = submission(self.account.id, self.connection.id, to, self.at, source=source, **more)
        recipients = tuple(replace(each, id=ulid(self.at, bytes([n] * 10))) for n, each in enumerate(made.recipients))
        made = replace(made, id=ulid(self.at, b"0123456789"), recipients=recipients)
        self.done(self.store.ledger.accept(made, True))
        for each in recipients:
            self.done(self.store.ledger.settle(Settlement(each.id, State.DELIVERED, at=self.at)))
        self.at += 1_000_000
        return made

    def again(self, id: str, *to: str) -> Card:
        return self.done(resend.resend(self.place, id, to))

    def why(self, id: str, *to: str) -> str:
        """Why a message cannot be sent again; nothing is sent or paid then."""
        before = self.done(self.store.registry.accounts())
        said = self.refused(resend.resend(self.place, id, to), Invalid)
        self.assertEqual(self.done(self.store.registry.accounts()), before)
        return said

    def test_to_all(self) -> None:
        """The new one has the source, sender, tag, reference and metadata of the first and its recipients, waits as any
        other, is paid for, and tells in explain which one it was."""
        instructions = Instructions(tag="news", client_ref="r1", metadata={"a": "b"})
        personal = Personal(to=True)
        first = self.sent(instructions=instructions, personal=personal)
        made = self.again(first.id)
        self.assertNotEqual(made.id, first.id)
        self.assertEqual(
            {each.rcpt: each.name for each in made.passages}, {"Ann@b.test": "Ann@B.Test", "bob@b.test": "Bob@B.Test"}
        )
        one = made.passages[0]
        self.assertEqual(
            (one.state, one.sender, one.tag, one.client_ref), (State.QUEUED, "app@acme.test", "news", "r1")
        )
        self.assertEqual(
            (one.metadata, one.expires_at - one.accepted_at), ({"a": "b"}, first.expires_at - first.received_at)
        )
        self.assertEqual(self.done(self.store.bodies.read(made.id)), first.source)
        self.assertEqual(self.done(self.store.history.original(made.id)).personal, personal)
        self.assertEqual(self.done(accounts.find(self.place, "shop")).balance, 6)
        told = self.done(explain.message(self.place, made.id)).decisions
        self.assertEqual((told[0].rule, told[0].facts), ("resent", {"message": first.id}))
        self.assertIn("suppression", [each.rule for each in told])

    def test_to_one_or_others(self) -> None:
        """The id of a recipient means that one; addresses that are given are sent to instead, each once."""
        first = self.sent()
        one = self.again(first.recipients[1].id)
        self.assertEqual([each.rcpt for each in one.passages], ["bob@b.test"])
        other = self.again(first.id, "eve@c.test", "EVE@c.test")
        self.assertEqual([(each.rcpt, each.destination) for each in other.passages], [("eve@c.test", "c.test")])

    def test_large(self) -> None:
        """A large source is sent again whole."""
        source = b"Subject: x\r\n\r\n" + b"y" * 76 * (CHUNK // 70) + b"\r\n"
        first = self.sent(source=source)
        self.assertEqual(self.done(self.store.bodies.read(self.again(first.id).id)), source)

    def test_refused(self) -> None:
        """What keeps a new message from being sent keeps this one: suppression, balance, the connection's state and
        limit, and its domain; one line says so, and nothing is sent."""
        first = self.sent()
        suppressed = Suppression(self.account.id, "bob@b.test", "bob@b.test", "complaint", "", self.at)
        self.done(self.store.registry.add_suppression(suppressed))
        self.at += 10_000_000
        self.assertEqual(self.why(first.id), "to: bob@b.test is suppressed: complaint")
        self.assertIn("to: 'nobody' is not an address", self.why(first.id, "nobody"))
        many = [f"u{n}@b.test" for n in range(9)]
        self.assertIn("(balance_covers)", self.why(first.id, *many))
        self.done(connections.set_options(self.place, "web", {"daily_limit": "3"}))
        self.at += 10_000_000
        self.again(first.id, "ann@b.test")
        self.assertIn("daily_limit", self.why(first.id, "eve@b.test", "kim@b.test", "lee@b.test"))
        self.done(self.store.registry.change_connection(self.connection.id, {"status": "blocked"}))
        self.at += 10_000_000
        self.assertIn("(connection_active)", self.why(first.id, "ann@b.test"))
        self.refused(resend.resend(self.place, "nothing"), Unknown)

    def test_forgotten(self) -> None:
        """A body that retention forgot cannot be sent again, nor anything to who was erased."""
        first = self.sent()
        self.done(persons.erase(self.place, "shop", "bob@b.test"))
        self.assertIn("erased", self.why(first.id))
        self.at += 40 * DAY
        self.done(self.store.forget(self.at, bodies=30))
        self.assertIn("kept no longer", self.why(first.id, "ann@b.test"))
