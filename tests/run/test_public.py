"""The keys of links at work: what signs, what is believed, and that it follows the setting."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailrelay.policy.link_keys import LinkKeys
from mailrelay.run.public import Keyring
from mailrelay.vault import Vault


class KeyringTests(SynchronousTestCase):
    def test_secrets(self) -> None:
        """Every key has a secret of its own, the same in every process of one installation, and in no other."""
        ring, twin, other = Keyring(Vault(b"k" * 32)), Keyring(Vault(b"k" * 32)), Keyring(Vault(b"o" * 32))
        self.assertEqual(ring.secret(1), twin.secret(1))
        self.assertEqual(len({ring.secret(1), ring.secret(2), other.secret(1)}), 3)

    def test_rotation(self) -> None:
        """H1: the setting says which key signs and which are believed; a withdrawn one still signs retries."""
        ring = Keyring(Vault(b"k" * 32))
        self.assertEqual((ring.current, ring.believed(1), ring.believed(2)), (1, ring.secret(1), None))
        ring.read(LinkKeys().rotated(10).text)
        self.assertEqual((ring.current, ring.believed(1), ring.believed(2)), (2, ring.secret(1), ring.secret(2)))
        ring.read(LinkKeys().rotated(10).withdrawn(1, 20).text)
        self.assertEqual((ring.current, ring.believed(1)), (2, None))
        self.assertEqual(len(ring.secret(1)), 32)
