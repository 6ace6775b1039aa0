"""The file cache over the memory twin, SQLite and PostgreSQL."""

from __future__ import annotations

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailrelay.interfaces.files import Full, IFiles, StoredFile
from mailrelay.interfaces.registry import Taken
from mailrelay.store import open_store
from mailrelay.store.bodies import ORPHAN_AGE
from mailrelay.store.memory.files import MemoryFiles
from tests.fresh import fresh_database, fresh_folder

from .worlds import START, new_id, result

LOGO = StoredFile("F1", "A", "logo", "logo.png", "image/png", 6, START)


class FileLaws:
    """What is promised of the file cache."""

    files: IFiles

    def put(self, file: StoredFile, *pieces: bytes, quota: int = 1000) -> None:
        for number, piece in enumerate(pieces, 1):
            result(self.files.put(file.id, number, piece))
        result(self.files.add(file, quota))

    def test_one(self) -> None:
        """A file is there as soon as it was added, by its key and whole; removed, it is gone with its octets."""
        verifyObject(IFiles, self.files)
        self.put(LOGO, b"abc", b"def")
        self.assertEqual(list(result(self.files.every("A"))), [LOGO])
        self.assertEqual(dict(result(self.files.find("A", ["logo", "none"]))), {"logo": LOGO})
        self.assertEqual(result(self.files.read("F1")), b"abcdef")
        result(self.files.remove("F1"))
        self.assertEqual(list(result(self.files.every("A"))), [])
        self.assertEqual(result(self.files.read("F1")), b"")

    def test_whose(self) -> None:
        """A file of all serves every account until that has its own under the key; nobody sees another's."""
        common, own = replace(LOGO, id="F2", account=""), replace(LOGO, name="own.png")
        self.put(common, b"common")
        self.assertEqual(dict(result(self.files.find("A", ["logo"]))), {"logo": common})
        self.put(own, b"abcdef")
        self.assertEqual(dict(result(self.files.find("A", ["logo"]))), {"logo": own})
        self.assertEqual(dict(result(self.files.find("B", ["logo"]))), {"logo": common})
        self.assertEqual(list(result(self.files.every(""))), [common])

    def test_what_is_refused(self) -> None:
        """A key is taken once; a quota is never passed; pieces must be all there."""
        self.put(LOGO, b"abcdef")
        self.assertRaises(Taken, self.put, replace(LOGO, id="F2"), b"abcdef")
        self.assertRaises(Full, self.put, replace(LOGO, id="F3", key="b"), b"abcdef", quota=11)
        self.assertRaises(ValueError, self.put, replace(LOGO, id="F4", key="c"), b"abc")
        self.put(replace(LOGO, id="F5", key="d"), b"abcdef", quota=12)


class MemoryFileTests(FileLaws, SynchronousTestCase):
    """Over the memory twin."""

    def setUp(self) -> None:
        self.files = MemoryFiles()


class DatabaseFileLaws(FileLaws):
    """What holds over a database besides."""

    def place(self) -> str:
        raise NotImplementedError

    def setUp(self) -> None:
        self.now = START
        self.store = open_store(self.place(), node=new_id(), now=lambda: self.now, inline=True)
        self.files = self.store.files

    def tearDown(self) -> None:
        result(self.store.close())

    def test_swept(self) -> None:
        """Pieces without a file are swept after a day; those of a file stay."""
        self.put(LOGO, b"abcdef")
        result(self.files.put("LOST", 1, b"x"))
        result(self.store.sweep(START + ORPHAN_AGE + 1))
        self.assertEqual(result(self.files.read("LOST")), b"")
        self.assertEqual(result(self.files.read("F1")), b"abcdef")


class SqliteFileTests(DatabaseFileLaws, SynchronousTestCase):
    """Over SQLite."""

    def place(self) -> str:
        return fresh_folder(self.mktemp())


class PostgresFileTests(DatabaseFileLaws, SynchronousTestCase):
    """Over PostgreSQL."""

    def place(self) -> str:
        return fresh_database()
