"""The transcript of an attempt: complete where it is short, bounded where it is long, harmless to look at."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.mail.reply import Reply
from mailrelay.mail.transcript import MAX_LINE, MAX_TEXT, Moment, bounded, transcript

from .bounded import bounded as searched

_SAID = st.one_of(
    st.binary(max_size=3000), st.text(max_size=3000), st.builds(Reply, st.just(250), st.none(), st.text())
)


class TranscriptTests(SynchronousTestCase):
    """What was said, line by line."""

    def test_lines(self) -> None:
        """Each line has its second, counted from the first moment, and who said it; several lines said at once stand
        as several."""
        moments: list[Moment] = [
            (7.5, "-", "connecting"),
            (7.512, "S", Reply(220, None, "mx.example")),
            (7.512, "C", b"MAIL FROM:<a@b.example>\r\nDATA\r\n"),
            (9.0, "S", Reply(250, "2.1.0", "one\ntwo")),
        ]
        self.assertEqual(
            transcript(moments).split("\n"),
            [
                "0.000 -: connecting",
                "0.012 S: 220 mx.example",
                "0.012 C: MAIL FROM:<a@b.example>",
                "0.012 C: DATA",
                "1.500 S: 250 2.1.0 one",
                "1.500 S: two",
            ],
        )

    def test_nothing(self) -> None:
        """Where nothing was said there is nothing to read."""
        self.assertEqual(transcript([]), "")

    def test_a_long_talk_keeps_its_begin_and_its_end(self) -> None:
        """Of what is too long the middle is left out, in whole lines, so that how it ended can be read."""
        lines = [f"0.000 S: line {number}" for number in range(1000)]
        text = bounded("\n".join(lines))
        self.assertLessEqual(len(text), MAX_TEXT)
        found = text.split("\n")
        self.assertEqual((found[0], found[-1]), (lines[0], lines[-1]))
        self.assertEqual(found.count("..."), 1)
        self.assertLessEqual(set(found) - {"..."}, set(lines))
        self.assertGreater(len(text), MAX_TEXT * 3 // 4)

    @given(st.lists(st.tuples(st.floats(0, 1000), st.sampled_from("CS-"), _SAID), max_size=30))
    @searched
    def test_whatever_is_said(self, moments: list[Moment]) -> None:
        """H15: it stays bounded, in all and by line, and nothing in it acts on a terminal."""
        text = transcript(moments)
        self.assertLessEqual(len(text), MAX_TEXT)
        for line in text.split("\n"):
            self.assertTrue(line.isprintable())
            self.assertLessEqual(len(line), MAX_LINE * 10)
