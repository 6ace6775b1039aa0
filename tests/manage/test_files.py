"""The file cache as a person or a program uses it."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from mailrelay.interfaces.files import StoredFile
from mailrelay.manage import Invalid, Taken, Unknown, accounts, files

from .place import InstallationTestCase


class FileTests(InstallationTestCase):
    """Adding, finding and removing files."""

    def test_added(self) -> None:
        """A file has a key, a type that its octets show, and the name without its folders."""
        self.done(accounts.create(self.place, "shop", 1))
        made = self.done(files.add(self.place, "shop", "C:\\pictures\\logo.png", b"\x89PNG\r\n\x1a\n"))
        self.assertEqual((made.name, made.type, made.size, made.key), ("logo.png", "image/png", 8, made.id))
        self.assertEqual(self.done(files.find(self.place, "shop", made.key)), made)
        self.done(files.remove(self.place, "shop", made.key))
        self.refused(files.find(self.place, "shop", made.key), Unknown)

    def test_large(self) -> None:
        """A file of many pieces comes out as it went in."""
        octets = bytes(range(256)) * 3000
        made = self.done(files.add(self.place, "", "a.bin", octets, "given-key"))
        self.assertEqual(self.done(self.place.files.read(made.id)), octets)

    def test_refused(self) -> None:
        """What cannot be taken is refused in words, and nothing of it is left."""

        def add(name: str = "a", octets: bytes = b"x", key: str = "", account: str = "") -> Deferred[StoredFile]:
            return files.add(self.place, account, name, octets, key)

        self.done(add(key="k"))
        for wrong, error in (
            (add(octets=b""), "file: is empty"),
            (add(octets=b"x" * (files.MAX_FILE + 1)), "file: may have at most 26214400 octets"),
            (add(name=" "), "name: must not be empty"),
            (add(name="a\nb"), "name: holds a character that cannot be printed"),
        ):
            self.assertEqual(self.refused(wrong, Invalid), error)
        self.assertIn("no comma", self.refused(add(key="a,b"), Invalid))
        self.refused(add(key="k"), Taken)
        self.refused(add(account="nobody"), Unknown)
        self.assertEqual(len(self.done(files.every(self.place))), 1)
