"""The keys of domains: made with the domain, changed without a gap, published as the DNS takes them."""

from __future__ import annotations

from dataclasses import replace

from mailrelay.interfaces.directory import SigningKey
from mailrelay.interfaces.registry import Domain, DomainKey
from mailrelay.mail.dkim import ALGORITHMS, Signer, dns_text
from mailrelay.mail.envelope import SECOND
from mailrelay.manage import Invalid, accounts, domains
from mailrelay.manage.signing import new_private_key, records, unlock
from mailrelay.vault import Vault, VaultError

from .place import InstallationTestCase


class DomainKeys(InstallationTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.done(accounts.create(self.place, "shop"))
        self.domain = self.done(domains.add(self.place, "shop", "shop.example"))

    def keys(self) -> list[DomainKey]:
        return list(self.done(domains.keys(self.place, "shop", "shop.example"))[1])

    def active(self) -> set[str]:
        return {each.selector for each in self.keys() if each.active}

    def test_made_with_the_domain(self) -> None:
        """A domain has an active key of each algorithm from the start, verified or not."""
        keys = self.keys()
        self.assertEqual({each.algorithm for each in keys}, set(ALGORITHMS))
        self.assertTrue(all(each.active for each in keys))
        for each in keys:
            self.assertRegex(each.selector, r"\A(rsa|ed25519)-[a-z2-7]{8}\Z")

    def test_sealed(self) -> None:
        """The private key opens for its domain and selector in this installation alone, and is the published one's."""
        for each in self.keys():
            key = SigningKey(each.selector, each.algorithm, each.sealed)
            pem = unlock(self.place.vault, self.domain.account, "shop.example", key)
            self.assertEqual(dns_text(pem), each.dns_text)
            Signer.load("shop.example", each.selector, each.algorithm, pem)
            for vault, account, domain, changed in (
                (Vault(b"x" * 32), self.domain.account, "shop.example", key),
                (self.place.vault, "another", "shop.example", key),
                (self.place.vault, self.domain.account, "other.example", key),
                (self.place.vault, self.domain.account, "shop.example", replace(key, selector="other")),
                (self.place.vault, self.domain.account, "shop.example", replace(key, sealed="")),
            ):
                with self.assertRaises(VaultError):
                    unlock(vault, account, domain, changed)

    def test_sealed_though_secrets_are_not_revealed(self) -> None:
        """reveal_secrets = false keeps logins from being shown; keys must sign all the same."""
        self.keep_no_secrets()
        self.done(domains.add(self.place, "shop", "other.example"))
        _, keys = self.done(domains.keys(self.place, "shop", "other.example"))
        self.assertTrue(all(each.sealed for each in keys))

    def test_verifying_keeps_them(self) -> None:
        """A change of the domain's status leaves its keys alone."""
        before = self.keys()
        self.done(domains.set_verified(self.place, "shop", "shop.example", True))
        self.assertEqual(self.keys(), before)

    def test_changed_without_a_gap(self) -> None:
        """A new pair waits until it is put to use; then it signs and the old one does not."""
        old = self.active()
        self.at += SECOND
        self.done(domains.add_keys(self.place, "shop", "shop.example"))
        self.assertEqual(self.active(), old)
        new = {each.selector for each in self.keys()} - old
        self.assertEqual(len(new), 2)
        for _ in range(2):
            self.done(domains.use_keys(self.place, "shop", "shop.example"))
            self.assertEqual(self.active(), new)

    def test_domains_from_before(self) -> None:
        """A domain that never had keys gets some at the next start, once, and keeps its status; so it does by hand."""
        for name in ("old.example", "older.example"):
            self.done(self.place.registry.put_domain(Domain(self.domain.account, name, "verified", 1)))
        self.refused(domains.use_keys(self.place, "shop", "old.example"), Invalid)
        self.done(domains.add_keys(self.place, "shop", "older.example"))
        provided = self.done(domains.provide_keys(self.place))
        self.assertEqual([each.name for each in provided], ["old.example"])
        self.assertEqual(list(self.done(domains.provide_keys(self.place))), [])
        for name in ("old.example", "older.example"):
            found, keys = self.done(domains.keys(self.place, "", name))
            self.assertEqual((found.status, [each.active for each in keys]), ("verified", [True, True]))

    def test_two_accounts_with_one_domain(self) -> None:
        """Each has keys of its own, under selectors of its own: both can be published."""
        self.done(accounts.create(self.place, "other"))
        self.done(domains.add(self.place, "other", "shop.example"))
        _, theirs = self.done(domains.keys(self.place, "other", "shop.example"))
        self.assertFalse({each.selector for each in theirs} & {each.selector for each in self.keys()})

    def test_records(self) -> None:
        """Each key has a TXT record, on strings of at most 255 octets that together are its text."""
        keys = self.keys()
        found = list(records("shop.example", keys, "relay.example"))
        self.assertEqual([each.purpose for each in found], ["dkim", "dkim", "spf", "dmarc"])
        for record, key in zip(found, keys, strict=False):
            self.assertEqual(record.name, f"{key.selector}._domainkey.shop.example")
            name, kind, _, *strings = str(record).replace('" "', '"|"').replace(" IN TXT ", " IN | ").split(" ", 3)
            self.assertEqual((name, kind), (record.name + ".", "IN"))
            parts = [part.strip('"') for part in strings[0].split('"|"')]
            self.assertLessEqual(max(map(len, parts)), 255)
            self.assertEqual("".join(parts), record.value)
            self.assertEqual(record.value, key.dns_text)

    def test_fresh(self) -> None:
        """Every key is another."""
        for algorithm in ALGORITHMS:
            self.assertNotEqual(new_private_key(algorithm), new_private_key(algorithm))
