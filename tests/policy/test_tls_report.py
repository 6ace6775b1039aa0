"""Who wants reports about TLS, and when they leave (RFC 8460)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.mail.envelope import DAY, SECOND
from mailrelay.policy.tls_report import MOST, Places, due_at, places, wait


class PlaceTests(SynchronousTestCase):
    def names(self, *texts: object) -> tuple[str, ...]:
        return places(texts).names

    def test_read(self) -> None:
        """A record names addresses and URLs, with commas between; escapes are undone, blanks passed over."""
        self.assertEqual(
            self.names("v=TLSRPTv1; rua=mailto:tls%2Bin@b.test , https://r.b.test/tls;"),
            ("mailto:tls+in@b.test", "https://r.b.test/tls"),
        )
        self.assertEqual(self.names("v=TLSRPTv1;x=1;rua=MAILTO:a@B.test?subject=x"), ("mailto:a@b.test",))

    def test_none(self) -> None:
        """Nobody is told where there is no record, more than one, one of another version, or one without a place."""
        good = "v=TLSRPTv1; rua=mailto:a@b.test"
        for texts in ((), (good, good), ("v=TLSRPTv2; rua=mailto:a@b.test",), ("v=TLSRPTv1;",), (b"x", 1)):
            self.assertEqual(places(texts), Places(), texts)
        self.assertEqual(self.names("v=spf1 -all", good), ("mailto:a@b.test",))

    def test_passed_over(self) -> None:
        """A place that is none, that is not of the public Internet, or beyond the fourth is passed over."""
        bad = ("mailto:a", "mailto:%ff@b.test", "http://b.test/", "https://127.0.0.1/", "https://b.test:25/", "ftp://b")
        self.assertEqual(self.names(f"v=TLSRPTv1; rua={','.join(bad)},mailto:a@b.test"), ("mailto:a@b.test",))
        many = ",".join(f"mailto:a{number}@b.test" for number in range(9))
        self.assertEqual(len(self.names(f"v=TLSRPTv1; rua={many}")), MOST)
        self.assertEqual(self.names("v=TLSRPTv1; rua=https://b.test/" + "x" * 1000), ())

    @given(st.text() | st.text(alphabet="v=TLSRPT1;rua:mailto,https@/%[]. "))
    def test_any(self, text: str) -> None:
        """Whatever stands there is read or passed over, and every place can be written on one line of ASCII or in UTF-8
        without control characters."""
        for each in (text, f"v=TLSRPTv1;rua={text}", f"v=TLSRPTv1;rua=https://{text}"):
            for name in self.names(each):
                self.assertTrue(name.isprintable())


class TimeTests(SynchronousTestCase):
    @given(st.text(), st.integers(0, 100_000))
    def test_due(self, domain: str, day: int) -> None:
        """A report leaves within hours after its day, at the same instant whoever asks."""
        at = due_at(domain, day)
        self.assertEqual(at, due_at(domain, day))
        self.assertTrue((day + 1) * DAY + 600 * SECOND <= at < (day + 1) * DAY + DAY // 4)

    def test_spread(self) -> None:
        """Reports of many domains do not leave at once."""
        self.assertGreater(len({due_at(f"d{number}.test", 1) for number in range(100)}), 90)

    def test_wait(self) -> None:
        """Tries come later each time, and end after a day."""
        waits = [wait(attempts) for attempts in range(1, 20)]
        held = [each for each in waits if each is not None]
        self.assertEqual(held, sorted(held))
        self.assertEqual(held[0], 300 * SECOND)
        self.assertLessEqual(sum(held), DAY)
        self.assertIsNone(waits[len(held)])
