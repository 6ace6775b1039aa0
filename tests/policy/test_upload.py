"""How a service takes files, as data."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailrelay.policy.reading import Reading
from mailrelay.policy.upload import Upload, read_upload

TABLE = {"path": "/v1.1/files", "scheme": "Word", "answer": {"key": "{key}", "of": [{"name": "{name}", "n": 1}]}}


class UploadTests(SynchronousTestCase):
    def test_answer(self) -> None:
        """The key and the name stand where the file says; everything else as it stands there."""
        reading = Reading("x.toml")
        upload = read_upload(reading, TABLE)
        self.assertEqual(reading.faults, [])
        assert upload is not None
        self.assertEqual(upload.told("K", "a.png"), {"key": "K", "of": [{"name": "a.png", "n": 1}]})
        self.assertEqual((upload.path, upload.scheme), ("/v1.1/files", "Word"))

    def test_none(self) -> None:
        """A dialect without the table takes no files."""
        self.assertIsNone(read_upload(Reading("x.toml"), None))

    def test_faults(self) -> None:
        """Every fault has its key, and a path or a word of ours is none of theirs."""
        for change, key in (
            ({"path": "files"}, "upload.path"),
            ({"path": "/api/v1/files"}, "upload.path"),
            ({"path": "/a/b/c/d"}, "upload.path"),
            ({"scheme": "two words"}, "upload.scheme"),
            ({"scheme": "bearer"}, "upload.scheme"),
            ({"answer": {}}, "upload.answer"),
            ({"answer": "{key}"}, "upload.answer"),
            ({"other": 1}, "upload.other"),
        ):
            reading = Reading("x.toml")
            read_upload(reading, TABLE | change)
            self.assertEqual([fault.split(": ")[1] for fault in reading.faults], [key], change)
        self.assertIsInstance(read_upload(Reading("x.toml"), {}), Upload)
