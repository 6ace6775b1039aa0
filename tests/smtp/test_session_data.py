"""The octets of a message: where it ends, what stands in it, how long it may be."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.smtp.data import DataScan

from ..examples import at_most
from .inward import STANDARD, Line, line

START = "MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n"
EVIL = b"MAIL FROM:<evil@x.example>\r\nRCPT TO:<v@y.example>\r\nDATA\r\nevil\r\n"

#: S1 to S11: what looks like the end of a message to some.
FALSE_ENDS = (
    b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r.\r\n", b"\r\n.\r", b"\n.\r", b"\r.\n", b"\r\n\0.\r\n",
    b"\r\n.\0\r\n", b"\r\n. \r\n", b"\r\n.\t\r\n",
)  # fmt: skip


def ready(**more: object) -> Line:
    """A client whose next octets are a message."""
    client = line(**more)
    assert client.codes(START) == [250, 250, 354]
    return client


class EndTests(SynchronousTestCase):
    """Only CR LF dot CR LF ends a message."""

    def test_false_ends(self) -> None:
        """None of the false ends makes two mails of one (S1 to S11, S-8)."""
        for end in FALSE_ENDS:
            client = ready()
            self.assertEqual(client.codes(b"a" + end + EVIL + b".\r\n"), [250], end)
            [(sender, _, octets)] = client.backend.messages
            self.assertEqual(sender, "a@b.example")
            self.assertEqual(octets, (b"a" + end + EVIL).replace(b"\r\n.", b"\r\n"), end)

    def test_false_ends_split(self) -> None:
        """The same cut between segments at every octet (S12)."""
        for end in FALSE_ENDS:
            whole = b"a" + end + b"b\r\n.\r\n"
            for place in range(1, len(whole)):
                client = ready()
                client.send(whole[:place])
                client.send(whole[place:])
                self.assertEqual(
                    [octets for _, _, octets in client.backend.messages],
                    [(b"a" + end + b"b\r\n").replace(b"\r\n.", b"\r\n")],
                    (end, place),
                )

    def test_dots(self) -> None:
        """One stuffed dot is taken off each line, also off the first (RFC 5321 4.5.2)."""
        for stuffed, plain in (
            (b"..\r\n", b".\r\n"),
            (b"..a\r\n...b\r\nc..\r\n", b".a\r\n..b\r\nc..\r\n"),
            (b".x\r\n", b"x\r\n"),
            (b"", b""),
            (b"\r\n", b"\r\n"),
        ):
            client = ready()
            client.send(stuffed + b".\r\n")
            self.assertEqual(client.backend.messages[0][2], plain)

    @given(st.lists(st.sampled_from([b"\r", b"\n", b".", b"A", b"\0", b"\r\n", b"\r\n."]), max_size=60), st.data())
    @at_most(150)
    def test_any_cut(self, parts: list[bytes], data: st.DataObject) -> None:
        """Any octets in any pieces: the same message and the same rest as read at once (S12, S22)."""
        whole = b"".join(parts) + b"\r\n.\r\nQUIT\r\n"
        end = (b"\r\n" + whole).index(b"\r\n.\r\n")
        expected = ((b"\r\n" + whole)[: end + 2]).replace(b"\r\n.", b"\r\n")[2:]
        buffer = bytearray()
        scan = DataScan(buffer)
        found, ended, place = b"", False, 0
        while not ended:
            size = data.draw(st.integers(1, 7))
            buffer += whole[place : place + size]
            place += size
            octets, ended = scan.take(buffer)
            found += octets
        self.assertEqual(found, expected)
        self.assertEqual(bytes(buffer) + whole[place:], whole[end + 3 :])
        self.assertEqual(scan.size, len(expected))


class LengthTests(SynchronousTestCase):
    """Long lines and long messages."""

    def test_long_lines(self) -> None:
        """A line of any length in DATA never turns the rest into commands (S-1, S13)."""
        for length in (999, 16_385, 65_537, 2_000_000):
            client = ready()
            said = []
            whole = b"x" * length + b"\r\nRSET\r\nQUIT\r\n.\r\n"
            for place in range(0, len(whole), 65_536):
                said += client.codes(whole[place : place + 65_536])
            self.assertEqual(said, [250])
            self.assertEqual(len(client.backend.messages[0][2]), length + 2 + 6 + 6)
            self.assertFalse(client.transport.disconnecting)

    def test_too_big(self) -> None:
        """Beyond the limit: swallowed to the end mark, told once, little held, and the session lives (S-1, L4)."""
        small = replace(STANDARD, size=10_000)
        client = ready(dialect=small)
        for _ in range(100):
            self.assertEqual(client.send(b"x" * 998 + b"\r\n"), "")
            self.assertLess(client.protocol._session.held, 10)
        self.assertLessEqual(sum(map(len, client.backend.submissions[0].chunks)), 10_000)
        said = client.send(b"RSET\r\n.\r\nNOOP\r\n")
        self.assertEqual(said, "552 5.3.4 Message size exceeds the limit of 10000 octets\r\n250 2.0.0 Ok\r\n")
        self.assertEqual((client.backend.messages, client.backend.submissions[0].ended), ([], "abort"))
        self.assertEqual(client.codes(START + ".\r\n"), [250, 250, 354, 250])

    def test_just_fits(self) -> None:
        """Octets are counted without stuffed dots and end mark."""
        small = replace(STANDARD, size=10)
        client = ready(dialect=small)
        self.assertEqual(client.codes("..2345678\r\n.\r\n"), [250])
        client = ready(dialect=small)
        self.assertEqual(client.codes("..23456789\r\n.\r\n"), [552])
