"""The options of a connection: what may be set, and how it meets what the dialect sets."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.policy import vocabulary
from mailrelay.policy.dialect import Dialects, load
from mailrelay.policy.options import fault, merged, parse

SHIPPED = Dialects.shipped()
FORMS = load('inherits = "standard"\ntitle = "T"\n[variants.loud]\nnoop = "250 OK!"\n[variants.odd]\n', "mine")


class MergedTests(SynchronousTestCase):
    """The connection's own over the dialect's."""

    def test_complete(self) -> None:
        """Every dialect states every option, so that whoever asks gets a value."""
        for dialect in SHIPPED:
            self.assertEqual(set(dialect.options), set(vocabulary.OPTIONS))
            self.assertIs(merged(dialect, {}), dialect.options)

    def test_own_first(self) -> None:
        """What was set for the connection holds, everything else is the dialect's."""
        dialect = SHIPPED.get("standard")
        found = merged(dialect, {"track_opens": True})
        self.assertEqual(found, {**dialect.options, "track_opens": True})

    def test_what_makes_no_sense_any_more(self) -> None:
        """What an older or a newer version kept, or another dialect file, counts as not set."""
        own = {"sender": "anybody", "colour": "red", "replies": ["loud"], "bounce_address": "?", "track_opens": 1}
        own["daily_limit"] = True
        dialect = SHIPPED.get("standard")
        self.assertEqual(merged(dialect, own), dialect.options)
        self.assertEqual(merged(FORMS, own)["replies"], ["loud"])

    def test_by_name(self) -> None:
        """The catalogue merges by the dialect's name; where it is gone the connection's own are all there is."""
        self.assertEqual(SHIPPED.options("rusender", {}), SHIPPED.get("emailmassivo").options)
        self.assertEqual(SHIPPED.options("gone", {"track_opens": True}), {"track_opens": True})


class ParseTests(SynchronousTestCase):
    """Values as a person writes them."""

    def test_values(self) -> None:
        """Switches in any usual word, words and texts as they are, lists between commas."""
        for name, text, wanted in (
            ("track_opens", "Yes", True),
            ("track_opens", "0", False),
            ("sender", "address", "address"),
            ("default_route", " eu ", "eu"),
            ("default_route", "", ""),
            ("bounce_address", "b@c.example", "b@c.example"),
            ("replies", "loud, odd,loud", ("loud", "odd")),
            ("replies", "", ()),
            ("daily_limit", " 500 ", 500),
            ("daily_limit", "0", 0),
        ):
            self.assertEqual(parse(name, text, FORMS.variants), wanted, name)

    def test_faults(self) -> None:
        """What cannot be set is refused with the reason."""
        for name, text, reason in (
            ("colour", "red", "unknown option, must be one of track_opens, "),
            ("track_opens", "maybe", "must be true or false"),
            ("sender", "anybody", "must be one of domain, connection, address, not 'anybody'"),
            ("bounce_address", "me", "'me' is not an address: domain missing"),
            ("default_route", "e\x00u", "must be at most 254 printable characters"),
            ("default_route", "e" * 255, "must be at most 254 printable characters"),
            ("daily_limit", "many", "must be a whole number from 0 to 1000000000"),
            ("daily_limit", "-1", "must be a whole number from 0 to 1000000000"),
            ("daily_limit", "1000000001", "must be a whole number from 0 to 1000000000"),
            ("replies", "quiet", "must be of loud, odd, not 'quiet'"),
        ):
            error = self.assertRaises(ValueError, parse, name, text, FORMS.variants)
            self.assertTrue(str(error).startswith(reason), (name, str(error)))
        error = self.assertRaises(ValueError, parse, "replies", "quiet", ())
        self.assertEqual(str(error), "the dialect has one form only, not 'quiet'")

    @given(st.sampled_from(sorted(vocabulary.OPTIONS)), st.text(max_size=300))
    def test_what_was_parsed_fits(self, name: str, text: str) -> None:
        """Whatever is taken is a value of the option, and merged it is found again."""
        try:
            value = parse(name, text, FORMS.variants)
        except ValueError:
            return
        self.assertEqual(fault(vocabulary.OPTIONS[name], value, FORMS.variants), "")
        self.assertEqual(merged(FORMS, {name: value})[name], value)

    def test_kinds(self) -> None:
        """A value of another kind fits no option."""
        for name in vocabulary.OPTIONS:
            self.assertNotEqual(fault(vocabulary.OPTIONS[name], 1.5, ()), "")
