"""Link keys: the newest signs, the others are believed until they are withdrawn."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailrelay.policy.link_keys import LinkKey, LinkKeys, secret_of


class LinkKeysTests(SynchronousTestCase):
    def test_beginning(self) -> None:
        """An installation has a key before anybody made one."""
        keys = LinkKeys.read("")
        self.assertEqual((keys.current, keys.keys), (1, (LinkKey(1),)))
        self.assertTrue(keys.believes(1))
        self.assertFalse(keys.believes(0) or keys.believes(2))

    def test_rotation(self) -> None:
        """H1: after a rotation the new key signs and the old one is believed, until it is withdrawn; for good then."""
        keys = LinkKeys().rotated(10).rotated(20)
        self.assertEqual(keys.current, 3)
        self.assertTrue(all(keys.believes(number) for number in (1, 2, 3)))
        keys = keys.withdrawn(1, 30).withdrawn(1, 40)
        self.assertEqual([keys.believes(number) for number in (1, 2, 3)], [False, True, True])
        self.assertEqual(keys.keys[0], LinkKey(1, 0, 30))

    def test_not_the_one_that_signs(self) -> None:
        """The key that signs cannot be withdrawn, and none that is not there."""
        self.assertRaises(ValueError, LinkKeys().withdrawn, 1, 10)
        self.assertRaises(KeyError, LinkKeys().withdrawn, 2, 10)

    def test_secrets(self) -> None:
        """Every key has a secret of its own."""
        self.assertNotEqual(secret_of(1), secret_of(2))

    def test_kept(self) -> None:
        """What is kept is read again."""
        keys = LinkKeys().rotated(10).withdrawn(1, 20)
        self.assertEqual(LinkKeys.read(keys.text), keys)
