"""The table of control headers in a dialect file: read whole, every fault with its key."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailrelay.policy.control_header import ControlHeaders, read_headers
from mailrelay.policy.reading import Reading


class TableTests(SynchronousTestCase):
    def read(self, table: object) -> tuple[ControlHeaders, list[str]]:
        reading = Reading("x.toml")
        return read_headers(reading, table), [fault.removeprefix("x.toml: ") for fault in reading.faults]

    def test_found_by_name(self) -> None:
        """A header is found by its name in any case, a family by what begins like it and goes on."""
        made, faults = self.read(
            {
                "X-Tag": {"sets": "tag", "codec": "text"},
                "X-Meta-*": {"sets": "metadata", "codec": "prefix"},
            }
        )
        self.assertEqual(faults, [])
        self.assertEqual([header.name for header in made], ["X-Tag", "X-Meta-"])
        self.assertEqual(len(made), 2)
        tag, family = made
        found = [made.find(name) for name in ("x-tag", "x-tags", "x-meta-a", "x-meta-", "subject")]
        self.assertEqual(found, [tag, None, family, None, None])

    def test_faults(self) -> None:
        """Whatever is wrong is said, all of it, by file and key."""
        text = {"sets": "tag", "codec": "text"}
        for table, fault in (
            ([], "headers: must be a table, not a list"),
            ({"a b": text}, "headers.a b: is no name of a header"),
            ({"X": 1}, "headers.X: must be a table, not a whole number"),
            ({"X": {"codec": "text"}}, "headers.X.sets: missing"),
            ({"X": {"sets": "tag"}}, "headers.X.codec: missing"),
            ({"X": text | {"codec": "xml"}}, "headers.X.codec: must be one of text, flag"),
            ({"X": text | {"sets": "files"}}, "headers.X.sets: must be one of tag, client_ref"),
            ({"X": text | {"other": 1}}, "headers.X.other: unknown key"),
            ({"X": text | {"repeated": "never"}}, "headers.X.repeated: must be one of refuse, first, last, add"),
            ({"X": text | {"longest": 0}}, "headers.X.longest: must be from 1"),
            ({"X": text | {"pattern": "["}}, "headers.X.pattern: is no regular expression"),
            ({"X": text | {"words": []}}, "headers.X.words: must be a table"),
            ({"X": {"sets": "track_opens", "codec": "flag", "words": {"a": 1}}}, "headers.X.words.a: must be true or"),
            ({"X": {"sets": "track_opens", "codec": "flag", "default": "1"}}, "headers.X.default: is not known to"),
            ({"X-*": text}, "headers.X-*.codec: is prefix for a name that ends in *"),
            ({"X": {"sets": "metadata", "codec": "prefix"}}, "headers.X.codec: is prefix for a name that ends in *"),
            ({"X": {"codec": "json", "members": {}}}, "headers.X.members: must be a table that is not empty"),
            ({"X": text | {"members": {"a": "tag"}}}, "headers.X.members: are not known to the codec text"),
            ({"X": {"codec": "json", "members": {"a": "api_key"}}}, "headers.X.members.a: must be one of tag"),
            ({"X": {"sets": "tag", "codec": "json", "members": {"a": "tag"}}}, "headers.X.sets: must be absent"),
            ({"X": text, "x": text}, "headers.x: stands here twice"),
        ):
            faults = self.read(table)[1]
            self.assertTrue(any(each.startswith(fault) for each in faults), (table, faults))
