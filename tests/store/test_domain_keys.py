"""Keys of domains on both engines: kept with the domain, read hot, and there after an upgrade."""

from __future__ import annotations

from dataclasses import replace

import sqlalchemy as sa
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.interfaces.directory import SigningKey
from mailrelay.interfaces.registry import Account, Domain, DomainKey, Sender
from mailrelay.mail.envelope import SECOND
from mailrelay.store import migrate, open_store
from mailrelay.store.engine import Database
from mailrelay.store.schema import domains
from tests.fresh import fresh_database, fresh_folder
from tests.live.postgres import server

from .worlds import START, new_id, result


def key(domain: Domain, selector: str, algorithm: str = "rsa-sha256", active: bool = True) -> DomainKey:
    return DomainKey(domain.account, domain.name, selector, algorithm, "v=DKIM1", f"sealed {selector}", active, START)


class DomainKeyLaws:
    """What holds on both engines."""

    def place(self) -> str:
        raise NotImplementedError

    def empty(self) -> str:
        """A place that no schema was ever made in."""
        raise NotImplementedError

    def setUp(self) -> None:
        self.now = START
        self.where = self.place()
        self.store = open_store(self.where, node="n", now=lambda: self.now, inline=True)
        self.account = new_id()
        result(self.store.registry.add_account(Account(self.account, self.account, 0, 0, START)))
        self.domain = Domain(self.account, "shop.example", "verified", START)

    def tearDown(self) -> None:
        result(self.store.close())

    def signing(self, account: str = "", domain: str = "shop.example") -> tuple[SigningKey, ...] | None:
        found: tuple[SigningKey, ...] | None = result(
            self.store.directory.signing_keys(account or self.account, domain)
        )
        return found

    def test_kept_with_the_domain(self) -> None:
        """What is put is what is read; a second time it changes only whether the key is active."""
        first, second = key(self.domain, "a"), key(self.domain, "b", active=False)
        result(self.store.registry.put_domain(self.domain, (first, second)))
        self.assertEqual(result(self.store.registry.domain_keys(self.account)), [first, second])
        changed = replace(first, active=False, sealed="another", created_at=0)
        result(self.store.registry.put_domain(self.domain, (changed,)))
        self.assertEqual(result(self.store.registry.domain_keys(self.account)), [replace(first, active=False), second])
        self.assertNotIn("sealed", repr(first).replace("sealed=", ""))

    def test_all_or_none(self) -> None:
        """A key of another domain is refused, and the domain with it."""
        other = Domain(self.account, "other.example", "verified", START)
        with self.assertRaises(ValueError):
            result(self.store.registry.put_domain(self.domain, (key(self.domain, "a"), key(other, "b"))))
        self.assertEqual(result(self.store.registry.domains(self.account)), [])
        self.assertEqual(result(self.store.registry.domain_keys(self.account)), [])

    def test_removed(self) -> None:
        """A domain goes with its keys and the senders on it, and nothing else goes: no other domain that ends or begins
        like it, nothing of another account."""
        registry, other = self.store.registry, new_id()
        result(registry.add_account(Account(other, other, 0, 0, START)))
        longer = Domain(self.account, "a_shop.example", "verified", START)
        theirs = replace(self.domain, account=other)
        for each in (self.domain, longer, theirs):
            result(registry.put_domain(each, (key(each, "a"),)))
            address = f"news@{each.name}"
            result(registry.add_sender(Sender(each.account, address, START, address)))
        result(registry.remove_domain(self.account, "shop.example"))
        self.assertEqual(result(registry.domains(self.account)), [longer])
        self.assertEqual([each.domain for each in result(registry.domain_keys(self.account))], ["a_shop.example"])
        self.assertEqual([each.address for each in result(registry.senders(self.account))], ["news@a_shop.example"])
        left = result(registry.domains(other)), result(registry.domain_keys(other)), result(registry.senders(other))
        self.assertEqual([len(each) for each in left], [1, 1, 1])
        with self.assertRaises(KeyError):
            result(registry.remove_domain(self.account, "shop.example"))

    def test_what_signs(self) -> None:
        """The active keys of the account's own domain, RSA first; none is not the same as no domain."""
        self.assertIsNone(self.signing())
        self.now += SECOND
        result(self.store.registry.put_domain(self.domain))
        self.assertEqual(self.signing(), ())
        keys = (
            key(self.domain, "a", "ed25519-sha256"),
            key(self.domain, "b"),
            key(self.domain, "c", active=False),
        )
        result(self.store.registry.put_domain(self.domain, keys))
        self.assertEqual(self.signing(), (), "an answer holds for less than a second")
        self.now += SECOND
        expected = (SigningKey("b", "rsa-sha256", "sealed b"), SigningKey("a", "ed25519-sha256", "sealed a"))
        self.assertEqual(self.signing(), expected)
        self.assertIsNone(self.signing(account=new_id()))
        self.assertIsNone(self.signing(domain="sub.shop.example"))

    def test_a_state_from_before(self) -> None:
        """U1: a state of the first schema, its domains in it, gets a place for keys when it is opened."""
        where = self.empty()
        database = Database(where)
        migrate._upgrade(database, "", "0001")
        with database.open_writer() as connection, connection.begin():
            self.assertFalse(sa.inspect(connection).has_table("domain_keys"))
            values = {"account": self.account, "name": "shop.example", "status": "verified", "created_at": START}
            connection.execute(sa.insert(domains), values)
        store = open_store(where, node="m", now=lambda: self.now, inline=True)
        self.assertEqual(result(store.directory.signing_keys(self.account, "shop.example")), ())
        self.assertEqual(result(store.registry.domains(self.account)), [self.domain])
        self.assertEqual(result(store.registry.domain_keys()), [])
        result(store.close())


class SqliteDomainKeyTests(DomainKeyLaws, SynchronousTestCase):
    """SQLite."""

    def place(self) -> str:
        return fresh_folder(self.mktemp())

    def empty(self) -> str:
        return self.mktemp()


class PostgresDomainKeyTests(DomainKeyLaws, SynchronousTestCase):
    """PostgreSQL."""

    def place(self) -> str:
        return fresh_database()

    def empty(self) -> str:
        return server().new_database()
