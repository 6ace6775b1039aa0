"""An installation on a real SQLite store in a folder of the test, answering at once, with a clock of its own."""

from __future__ import annotations

import os
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.interfaces.registry import Account
from mailrelay.mail.envelope import SECOND, Recipient, Submission, ulid
from mailrelay.manage import Installation, accounts, connections, domains
from mailrelay.manage.connections import Wanted
from mailrelay.manage.credentials import Issued
from mailrelay.policy.dialect import Dialects
from mailrelay.store import open_store
from mailrelay.vault import Vault
from tests.fresh import fresh_folder
from tests.rendering import RenderHere

from ..mail.signatures import private_key

T = TypeVar("T")

#: 2026-01-02 03:04:05 UTC in microseconds.
START = 1_767_323_045 * SECOND


class InstallationTestCase(SynchronousTestCase):
    """Each test has its own installation, `self.place`."""

    def setUp(self) -> None:
        self.at = START
        folder = fresh_folder(self.mktemp())
        self.store = open_store(folder, node=ulid(START, b"0123456789"), now=lambda: self.at, inline=True)
        self.place = Installation.over(
            self.store,
            renderer=RenderHere(),
            vault=Vault(b"k" * 32),
            dialects=Dialects.shipped(),
            now=lambda: self.at,
            random=os.urandom,
            new_private_key=lambda algorithm: succeed(private_key(algorithm)),
        )

    def tearDown(self) -> None:
        self.assertEqual(list(self.done(self.store.history.audit())), [], "the ledger's laws hold after every test")
        self.done(self.store.close())

    def done(self, use_case: Deferred[T] | Coroutine[Any, Any, T]) -> T:
        """What a use case came to."""
        return self.successResultOf(use_case)

    def refused(self, use_case: Deferred[T], kind: type[BaseException]) -> str:
        """The one line with which a use case is refused."""
        text = str(self.failureResultOf(use_case, kind).value)
        self.assertNotIn("\n", text)
        return text

    def keep_no_secrets(self) -> None:
        self.place = replace(self.place, reveal_secrets=False)

    def account(self, name: str = "shop", balance: int = 100, domain: str = "shop.example") -> Account:
        """An account with a verified domain."""
        made = self.done(accounts.create(self.place, name, balance))
        self.done(domains.add(self.place, name, domain, verified=True))
        return made

    def connection(self, **wanted: Any) -> Issued:
        """An active connection of the account "shop"."""
        given = {
            "account": "shop",
            "name": "web",
            "dialect": "emailmassivo",
            "sender": "news@shop.example",
            "active": True,
        }
        return self.done(connections.create(self.place, Wanted(**(given | wanted))))

    def accepted(self, issued: Issued, *addresses: str) -> str:
        """A message for these recipients, accepted; its id."""
        connection = issued.connection
        id = ulid(self.at, os.urandom(10))
        recipients = tuple(
            Recipient(ulid(self.at, os.urandom(10)), each, each, each.rpartition("@")[2]) for each in addresses
        )
        submission = Submission(
            id=id,
            account=connection.account,
            connection=connection.id,
            dialect=connection.dialect,
            peer="192.0.2.1",
            sender=connection.sender,
            recipients=recipients,
            source=b"From: news@shop.example\r\nSubject: Hello\r\n\r\nHello\r\n",
            subject="Hello",
            received_at=self.at,
            expires_at=self.at + 3600 * SECOND,
            verdicts=({"rule": "domain_verified", "allowed": True, "facts": {"domain": "shop.example"}},),
        )
        self.done(self.store.ledger.accept(submission, False))
        return id
