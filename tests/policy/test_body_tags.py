"""The table of body tags in a dialect file."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailrelay.mail.message import Message
from mailrelay.mail.tags import MARKS, Tags
from mailrelay.policy.body_tags import read_tags
from mailrelay.policy.reading import Reading

WORDS = {"unsubscribe": "Leave", "web_version": "In the browser"}
BOTH = {"[Unsubscribe]": "unsubscribe", "[WebVersion]": "web_version", "words": WORDS}


class TableTests(SynchronousTestCase):
    def read(self, table: object) -> tuple[Tags | None, list[str]]:
        reading = Reading("x.toml")
        return read_tags(reading, table), [fault.removeprefix("x.toml: ") for fault in reading.faults]

    def test_read(self) -> None:
        """What the table names is found in a body, and what is missing is added in its words."""
        tags, faults = self.read(BOTH)
        assert tags is not None
        self.assertEqual(faults, [])
        message, missing = tags.resolve(Message.parse(b"Subject: s\r\n\r\nGo: [Unsubscribe]\r\n"))
        self.assertEqual((set(missing), MARKS["unsubscribe"] in message.body), ({"web_version"}, True))
        self.assertIn(b"In the browser: ", tags.append(message).body)

    def test_none(self) -> None:
        """An empty table is no tags."""
        self.assertEqual(self.read({}), (None, []))

    def test_faults(self) -> None:
        """Whatever is wrong is said by its key."""
        for table, fault in (
            ([], "body_tags: must be a table, not a list"),
            (BOTH | {"[a]": "other"}, "body_tags.[a]: must be one of unsubscribe, web_version, not 'other'"),
            (BOTH | {"ab": "unsubscribe"}, "body_tags.ab: must be of 3 to 60 printable letters"),
            (BOTH | {"word": "unsubscribe"}, "body_tags.word: must be of 3 to 60 printable letters"),
            ({"[a]": "unsubscribe"}, "body_tags.words: missing"),
            ({"[a]": "unsubscribe", "words": {}}, "body_tags.words.unsubscribe: missing"),
            (BOTH | {"words": {"other": "x"}}, "body_tags.words.other: unknown key"),
        ):
            made, faults = self.read(table)
            self.assertTrue(any(each.startswith(fault) for each in faults), (table, faults))
            self.assertIsNone(made)
