"""The vault: digests, sealed texts, derived keys and passwords, seen from outside."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailrelay import vault
from mailrelay.vault import Vault, VaultError

KEY = bytes(range(32))
OTHER = bytes(range(1, 33))


class DigestTests(SynchronousTestCase):
    """Look-up digests of generated secrets."""

    def test_equal_under_one_key(self) -> None:
        """The same secret has the same digest in every process that holds the key: 64 hex digits."""
        digest = Vault(KEY).digest("secret")
        self.assertEqual(digest, Vault(KEY).digest("secret"))
        self.assertRegex(digest, r"\A[0-9a-f]{64}\Z")

    def test_keyed(self) -> None:
        """Without the key nobody can compute a digest."""
        self.assertNotEqual(Vault(KEY).digest("secret"), Vault(OTHER).digest("secret"))

    def test_any_text(self) -> None:
        """A client may send any octets as its secret: half a surrogate pair is digested, not an error."""
        self.assertNotEqual(Vault(KEY).digest("\udcff"), Vault(KEY).digest("\udcfe"))


class SubkeyTests(SynchronousTestCase):
    """Keys for other uses."""

    def test_one_for_each_purpose(self) -> None:
        """Purposes, and installations, have different keys of 32 octets; the installation's own key is none of them."""
        keys = {vault.subkey(purpose) for vault in (Vault(KEY), Vault(OTHER)) for purpose in ("verp", "seal", "")}
        self.assertEqual(len(keys), 6)
        self.assertEqual({len(key) for key in keys}, {32})
        self.assertNotIn(KEY, keys)
        self.assertEqual(Vault(KEY).subkey("verp"), Vault(KEY).subkey("verp"))


class SealTests(SynchronousTestCase):
    """Texts that are kept encrypted."""

    @given(st.text(), st.text())
    def test_round_trip(self, text: str, context: str) -> None:
        """What was sealed is read again with the same key and context."""
        self.assertEqual(Vault(KEY).unseal(Vault(KEY).seal(text, context), context), text)

    def test_fresh_nonce(self) -> None:
        """Two seals of one text differ, so that equal passwords cannot be told from the database."""
        self.assertNotEqual(Vault(KEY).seal("text", "c"), Vault(KEY).seal("text", "c"))

    def test_bound_to_key_and_context(self) -> None:
        """Another key does not open it, nor does it open in another's place."""
        sealed = Vault(KEY).seal("text", "credential:1")
        for reader, context in ((Vault(OTHER), "credential:1"), (Vault(KEY), "credential:2")):
            with self.assertRaises(VaultError):
                reader.unseal(sealed, context)

    def test_tampered(self) -> None:
        """A sealed text that was changed, cut or never was one is refused, and the error does not hold the text."""
        sealed = Vault(KEY).seal("a text of some length", "c")
        swapped = ("A" if sealed[20] != "A" else "B").join((sealed[:20], sealed[21:]))
        for bad in (swapped, sealed[:-4], sealed[:8], "", "é", "not base64!"):
            with self.assertRaises(VaultError) as caught:
                Vault(KEY).unseal(bad, "c")
            self.assertEqual(str(caught.exception), "the sealed text does not open under this key and context")


class KeyFileTests(SynchronousTestCase):
    """The file that holds the key."""

    def test_create_then_open(self) -> None:
        """A created key file is private, and opens to the same vault."""
        path = self.mktemp()
        created = Vault.create(path)
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        self.assertEqual(created.digest("x"), Vault.open(path).digest("x"))

    def test_keys_differ(self) -> None:
        """Each installation draws its own key."""
        self.assertNotEqual(Vault.create(self.mktemp()).digest("x"), Vault.create(self.mktemp()).digest("x"))

    def test_never_overwritten(self) -> None:
        """A key that exists is never drawn anew: everything sealed under it would be lost."""
        path = self.mktemp()
        Vault.create(path)
        before = Path(path).read_bytes()
        with self.assertRaises(VaultError) as caught:
            Vault.create(path)
        self.assertEqual(str(caught.exception), f"{path}: File exists")
        self.assertEqual(Path(path).read_bytes(), before)

    def test_open_to_others(self) -> None:
        """A key that group or others can reach is refused, with its mode."""
        path = self.mktemp()
        Vault.create(path)
        for mode in (0o640, 0o604, 0o622):
            os.chmod(path, mode)
            with self.assertRaises(VaultError) as caught:
                Vault.open(path)
            self.assertEqual(str(caught.exception), f"{path}: readable by others (mode {mode:04o}, must be 0600)")

    def test_unusable(self) -> None:
        """A missing file, a folder, and a file with anything but a key are named with the reason."""
        path = self.mktemp()
        folder = self.mktemp()
        os.mkdir(folder, 0o700)
        bad = self.mktemp()
        Path(bad).touch(0o600)
        self.assertRaisesRegex(VaultError, "No such file", Vault.open, path)
        self.assertRaisesRegex(VaultError, "Is a directory", Vault.open, folder)
        for content in (b"", b"c2hvcnQ=", b"\xff\x00", b"A" * 100):
            Path(bad).write_bytes(content)
            with self.assertRaises(VaultError) as caught:
                Vault.open(bad)
            self.assertEqual(str(caught.exception), f"{bad}: not a key of 32 octets in base64")


class PasswordTests(SynchronousTestCase):
    """Passwords that people think up."""

    def test_verify(self) -> None:
        """The right password verifies, a wrong one does not, and the digest tells its cost."""
        digest = vault.hash_password("correct horse")
        self.assertTrue(digest.startswith("$argon2id$v=19$m=19456,t=2,p=1$"), digest)
        self.assertTrue(vault.verify_password(digest, "correct horse"))
        self.assertFalse(vault.verify_password(digest, "correct horse "))
        self.assertNotEqual(digest, vault.hash_password("correct horse"))

    def test_malformed_digest(self) -> None:
        """A digest that is none verifies nothing, and is no error."""
        for digest in ("", "secret", "$argon2id$v=19$m=19456"):
            self.assertFalse(vault.verify_password(digest, "secret"))

    def test_any_text(self) -> None:
        """Half a surrogate pair in a password is compared like any other."""
        digest = vault.hash_password("\udcff")
        self.assertTrue(vault.verify_password(digest, "\udcff"))
        self.assertFalse(vault.verify_password(digest, "\udcfe"))


class GenerateTests(SynchronousTestCase):
    """Secrets drawn here."""

    def test_form(self) -> None:
        """24 to 32 letters and digits, different every time; 62 letters to choose from make at least 128 bits."""
        made = {vault.generate_secret() for _ in range(200)}
        self.assertEqual(len(made), 200)
        for secret in made:
            self.assertRegex(secret, r"\A[A-Za-z0-9]{24,32}\Z")
        self.assertGreater(62 ** min(map(len, made)), 2**128)
        self.assertGreater(len(set("".join(made))), 55)
