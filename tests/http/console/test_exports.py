"""Lists that go out, and the page that tells how far one is."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure

from mailrelay.manage import suppressions

from ..wire import Wire
from .visiting import Visiting

LISTS, HISTORY = "/console/suppressions/export", "/console/history/export"


class ExportTests(Visiting):
    def begun(self, path: str) -> Any:
        """A file that is fetched by who reads one write at a time."""
        wire: Any = Wire(self.site)
        wire.read_slowly()
        wire.send(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nCookie: {self.cookie}\r\n\r\n".encode())
        return wire

    def spare(self, number: int) -> None:
        for each in range(number):
            self.successResultOf(suppressions.add(self.place, "shop", [f"u{each}@b.test"]))

    def test_before_and_behind(self) -> None:
        """The file begins by itself, and once: behind that the page tells that everything was written."""
        self.spare(1)
        page = self.get(f"{LISTS}?id=one").text
        self.assertIn("data-begin", page)
        self.assertIn(f"{LISTS}/file?id=one", page)
        file = self.get(f"{LISTS}/file?id=one")
        self.assertEqual((file.status, file.headers["content-type"]), (200, "text/csv; charset=utf-8"))
        self.assertEqual([line.partition(",")[0] for line in file.text.splitlines()], ["address", "u0@b.test"])
        page = self.get(f"{LISTS}?id=one").text
        self.assertIn("Everything was written: 1 row.", page)
        self.assertNotIn("data-begin", page)
        self.assertNotIn("data-follow", page)

    def test_how_far(self) -> None:
        """While it goes out the bar tells how far back it is, from the newest to the beginning of the accounts."""
        self.spare(3)
        with patch("mailrelay.manage.export.ADDRESSES", 1):
            wire = self.begun(f"{LISTS}/file?id=two")
            channel = wire.channel._channel
            seen = []
            for _ in range(2):
                channel.resumeProducing()
                page = self.get(f"{LISTS}?id=two").text
                self.assertIn("data-follow", page)
                seen.append(int(page.partition('<progress value="')[2].partition('"')[0]))
            self.assertIn("2 rows", page)
            self.assertEqual(seen, sorted(set(seen)))
            channel.resumeProducing()
        self.assertIn("Everything was written: 3 rows.", self.get(f"{LISTS}?id=two").text)

    def test_broken_off(self) -> None:
        """A file whose reader went away is not called whole."""
        self.spare(3)
        with patch("mailrelay.manage.export.ADDRESSES", 1):
            wire = self.begun(f"{LISTS}/file?id=three")
            wire.channel._channel.resumeProducing()
            wire.channel._channel.stopProducing()
            wire.channel._channel.connectionLost(Failure(ConnectionDone()))
        self.assertIn("It was broken off: the file is not whole, it has 1 row.", self.get(f"{LISTS}?id=three").text)

    def test_history(self) -> None:
        """The history goes out by the same page; what is wrong with the question is told, and no file."""
        self.assertIn(f"{HISTORY}/file?format=csv&amp;id=h", self.get(f"{HISTORY}?format=csv&id=h").text)
        self.assertTrue(self.get(f"{HISTORY}/file?format=csv&id=h").text.startswith("accepted_at,"))
        self.assertIn("Everything was written: 0 rows.", self.get(f"{HISTORY}?format=csv&id=h").text)
        for wrong in ("format=xls", "format=csv&from=never"):
            self.assertEqual(self.get(f"{HISTORY}/file?{wrong}&id=w").status, 400, wrong)
