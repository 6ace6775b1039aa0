"""How a session was encrypted, as it is kept."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailrelay.mail.encryption import MEANING, Encryption


class EncryptionTests(SynchronousTestCase):
    def test_kept(self) -> None:
        """What is kept is read back; older releases kept the version only, or nothing."""
        whole = Encryption("TLSv1.3", "TLS_AES_256_GCM_SHA384", "dane")
        for encryption, text in (
            (whole, "TLSv1.3 TLS_AES_256_GCM_SHA384 dane"),
            (Encryption("TLSv1.2"), "TLSv1.2"),
            (Encryption(), ""),
        ):
            self.assertEqual(str(encryption), text)
            self.assertEqual(Encryption.read(text), encryption)
        self.assertIn(whole.level, MEANING)
