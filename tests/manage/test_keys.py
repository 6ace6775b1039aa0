"""Who asks by a connection's own key."""

from __future__ import annotations

from mailrelay.interfaces.registry import Connection
from mailrelay.manage import Unknown, accounts, connections, domains, keys
from mailrelay.manage.connections import Wanted

from .place import InstallationTestCase

HERE = "192.0.2.7"


class HolderTests(InstallationTestCase):
    """A key opens the connection that it was made for, and nothing else."""

    def setUp(self) -> None:
        super().setUp()
        self.done(accounts.create(self.place, "shop", 1))
        self.done(domains.add(self.place, "shop", "shop.example", verified=True))
        wanted = Wanted("shop", "agent", "zeptomail", "app@shop.example", networks=("192.0.2.0/24",), api_key=True)
        self.issued = self.done(connections.create(self.place, wanted))

    def held(self, key: str = "", dialect: str = "zeptomail", address: str = HERE) -> Connection:
        return self.done(keys.holder(self.place, key or self.issued.api_key, [dialect], address))

    def test_active(self) -> None:
        """An active connection is found by its key, from an address on its list."""
        self.refused(keys.holder(self.place, self.issued.api_key, ["zeptomail"], HERE), Unknown)
        self.done(connections.activate(self.place, self.issued.connection.id))
        self.assertEqual(self.held().account, self.issued.connection.account)
        for key, dialect, address in (
            ("x" * 40, "zeptomail", HERE),
            ("\udc80", "zeptomail", HERE),
            (self.issued.api_key, "standard", HERE),
            (self.issued.api_key, "zeptomail", "198.51.100.1"),
            (self.issued.api_key, "zeptomail", ""),
        ):
            self.refused(keys.holder(self.place, key, [dialect], address), Unknown)

    def test_any_address(self) -> None:
        """Without a list any address will do; a password is no key."""
        self.done(connections.activate(self.place, self.issued.connection.id))
        self.done(connections.set_networks(self.place, self.issued.connection.id, ()))
        self.assertEqual(self.held(address="198.51.100.1").id, self.issued.connection.id)
        other = self.done(
            connections.create(self.place, Wanted("shop", "b", "standard", "app@shop.example", active=True))
        )
        self.refused(keys.holder(self.place, other.password, ["standard"], HERE), Unknown)
