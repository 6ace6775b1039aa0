"""The card of a connection without a browser: whatever it speaks, whoever looks."""

from __future__ import annotations

from datetime import UTC

from mailrelay.http.console import card
from mailrelay.http.console.card import Door, Outside
from mailrelay.http.console.visit import Visit
from mailrelay.interfaces.registry import Connection
from mailrelay.manage import connections
from mailrelay.manage.caller import Caller
from mailrelay.manage.connections import Wanted
from mailrelay.manage.credentials import Issued

from ..place import Place

MEMBER = Caller("user", "ann", "u", administrator=False, account="a")


class Card(Place):
    def setUp(self) -> None:
        super().setUp()
        self.furnish()

    def connection(self, dialect: str) -> Issued:
        wanted = Wanted("shop", f"by {dialect}", dialect, "app@shop.test", active=True)
        return self.successResultOf(connections.create(self.place, wanted))

    def outside(self, dialect: str, support: str = "") -> Outside:
        return Outside([Door("relay.test", 587, "STARTTLS", dialect), Door("relay.test", 465, "TLS", dialect)], support)

    def shown(self, found: Connection, issued: Issued | None = None, caller: Caller = MEMBER, support: str = "") -> str:
        visit = Visit(self.place.asked_by(caller), caller, "key", UTC, 0)
        return "".join(card.view(visit, found, issued, self.outside(found.dialect, support)))

    def test_every_dialect(self) -> None:
        """Of each dialect the card shows a secret only when it was asked for, and says where it goes."""
        for dialect in self.place.dialects:
            if dialect.name.startswith("bare"):
                continue
            made = self.connection(dialect.name)
            hidden, open_ = self.shown(made.connection), self.shown(made.connection, made)
            self.assertTrue(made.password)
            self.assertNotIn(made.password, hidden, dialect.name)
            self.assertIn(made.password, open_, dialect.name)
            self.assertIn("relay.test", hidden)
            header = card.key_header(dialect)
            self.assertEqual(bool(header), dialect.credentials_at == "data")
            self.assertIn("smtplib", hidden)
            if header:
                self.assertIn(f"{header}: YOUR-KEY", hidden)

    def test_authority(self) -> None:
        """Where clients must be told whom to trust the card tells how, where TLS is spoken and quoted for a shell."""
        made = self.connection("standard")
        doors = [Door("localhost", 587, mode, "standard") for mode in ("STARTTLS", "no TLS")]
        visit = Visit(self.place.asked_by(MEMBER), MEMBER, "key", UTC, 0)
        for authority, mode, told in (
            ("/a b/ca.pem", "starttls", True),
            ("/a b/ca.pem", "plain", False),
            ("", "", False),
        ):
            shown = "".join(card.view(visit, made.connection, None, Outside(doors, "", authority), mode))
            self.assertEqual("export SSL_CERT_FILE=&#x27;/a b/ca.pem&#x27; NODE" in shown, told, (authority, mode))

    def test_acting_administrator(self) -> None:
        """An administrator who acts for an account sees no secret, and no button that would show one."""
        made = self.connection("standard")
        acting = Caller("user", "root", "r", acting=made.connection.account)
        shown = self.shown(made.connection, None, acting)
        for word in ("/reveal", "/new-password", "/new-api-key", "/short-password"):
            self.assertIn(word, self.shown(made.connection))
            self.assertNotIn(word, shown)
        self.assertIn("is shown no password", shown)

    def test_contact(self) -> None:
        """Whom to turn to is a link to write to, a link to a page, or words; only where it is needed."""
        made = self.connection("standard").connection
        self.assertNotIn("contact support", self.shown(made, support="help@relay.test"))
        blocked = self.successResultOf(connections.block(self.place, made.id, "<b>bounces</b>"))
        self.assertIn('href="mailto:help@relay.test"', self.shown(blocked, support="help@relay.test"))
        self.assertIn('href="https://relay.test/help"', self.shown(blocked, support="https://relay.test/help"))
        self.assertIn("whoever runs this relay", self.shown(blocked))
        self.assertIn("&lt;b&gt;bounces", self.shown(blocked))
        self.assertNotIn("<b>", self.shown(blocked))
