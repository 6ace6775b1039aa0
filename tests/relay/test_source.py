"""The octets of one message on their way in: what stays in memory, what is put away, what is dropped."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, fail, succeed
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from mailrelay.interfaces.bodies import ISpool
from mailrelay.mail.message import canonical
from mailrelay.mail.reply import Refusal
from mailrelay.relay.source import AHEAD, CHUNK, Source
from mailrelay.store.memory import MemorySpool, MemoryState

from ..examples import at_most
from .fakes import logged, told


@implementer(ISpool)
class HandSpool:
    """Commits when the test says so."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int, bytes, Deferred[None]]] = []
        self.dropped: list[str] = []
        self.refuses: Exception | None = None

    def put(self, message: str, number: int, octets: bytes) -> Deferred[None]:
        answer: Deferred[None] = Deferred()
        self.asked.append((message, number, octets, answer))
        return answer

    def read(self, message: str) -> Deferred[bytes]:
        raise NotImplementedError

    def drop(self, message: str) -> Deferred[None]:
        self.dropped.append(message)
        return fail(self.refuses) if self.refuses else succeed(None)

    def commit(self, place: int = 0) -> None:
        self.asked.pop(place)[3].callback(None)


def taken(*pieces: bytes) -> tuple[Source, bytes]:
    """A source that got these pieces and was closed, and all that is kept of it."""
    state = MemoryState()
    source = Source(MemorySpool(state), lambda: "ID")
    for piece in pieces:
        source.write(piece)
    source.close()
    return source, source.head + b"".join(octets for _, octets in sorted(state.spooled.get("ID", {}).items()))


class WholeTests(SynchronousTestCase):
    """What comes out is what came in."""

    def test_small(self) -> None:
        """A small message is one piece in memory, just as it came; nothing is put away."""
        source, kept = taken(b"a\nb\r", b"\nc\rd")
        self.assertEqual((kept, source.id, source.stored, source.size), (b"a\nb\r\nc\rd", "", 0, 8))

    def test_large(self) -> None:
        """Of a large one the beginning stays in memory, and everything is there in canonical line ends."""
        line = b"x" * 998 + b"\r\n"
        source, kept = taken(*[line * 60] * 100)
        self.assertEqual(len(source.head), CHUNK)
        self.assertEqual((kept, source.stored, source.size), (line * 6000, 6_000_000 - CHUNK, 6_000_000))

    @given(st.data())
    @at_most(60)
    def test_line_ends_across_cuts(self, data: st.DataObject) -> None:
        """Wherever pieces and chunks are cut, line ends are those of the whole message made canonical (S14, law 6)."""
        ends = st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"x", b"\0", b"\r\r\n"]), min_size=1, max_size=6)
        whole = b""
        for border in (CHUNK, 2 * CHUNK):
            around = b"".join(data.draw(ends))
            whole = whole.ljust(border - data.draw(st.integers(0, 8)), b"y") + around
        whole += data.draw(st.sampled_from([b"", b"\r", b"z\n"]))
        places = sorted({0, len(whole), *data.draw(st.lists(st.integers(0, len(whole)), max_size=6))})
        places += [place for place in (CHUNK - 1, CHUNK, 2 * CHUNK + 1) if place < len(whole)]
        places.sort()
        source, kept = taken(*[whole[a:b] for a, b in itertools.pairwise(places)])
        self.assertEqual(canonical(kept), canonical(whole))
        if source.id:
            self.assertEqual(kept, canonical(whole))
            self.assertFalse(source.head.endswith(b"\r"))
        self.assertEqual((source.size, source.has_nul), (len(whole), b"\0" in whole))

    def test_one_line(self) -> None:
        """A single line of ten million octets is put away like any other message (S13)."""
        source, kept = taken(*[b"x" * 65_536] * 153)
        self.assertEqual((len(kept), source.size), (153 * 65_536,) * 2)


class SpoolTests(SynchronousTestCase):
    """How it gets there."""

    def setUp(self) -> None:
        self.spool = HandSpool()
        self.source = Source(self.spool, lambda: "ID")

    def write(self, chunks: float) -> Deferred[None] | None:
        return self.source.write(b"x" * int(chunks * CHUNK))

    def test_interfaces(self) -> None:
        """The fake is what the border says, and so is the memory twin."""
        verifyObject(ISpool, self.spool)
        verifyObject(ISpool, MemorySpool(MemoryState()))

    def test_asks_for_time(self) -> None:
        """With two chunks on their way no more is asked for, until one of them is committed (L5)."""
        self.assertIsNone(self.write(1))
        self.assertIsNone(self.write(1))
        room = self.write(1)
        again = self.write(0.5)
        assert room is not None
        self.assertIsNone(again)
        later = self.write(0.5)
        assert later is not None
        self.assertEqual(len(self.spool.asked), AHEAD + 1)
        self.spool.commit()
        self.assertNoResult(room)
        self.spool.commit()
        self.assertEqual([self.successResultOf(each) for each in (room, later)], [None, None])

    def test_numbers(self) -> None:
        """Chunks are numbered from 1 in their order and full but for the last."""
        self.write(3.5)
        self.source.close()
        self.assertEqual(
            [(number, len(octets)) for _, number, octets, _ in self.spool.asked],
            [(1, CHUNK), (2, CHUNK), (3, CHUNK // 2)],
        )

    def test_closed_when_committed(self) -> None:
        """It is whole only when the last chunk is committed, in whatever order that happens (law 1)."""
        self.write(3.5)
        closed = self.source.close()
        assert closed is not None
        for place in (2, 0, 0):
            self.assertNoResult(closed)
            self.spool.commit(place)
        self.successResultOf(closed)

    def test_failure(self) -> None:
        """What could not be committed fails the message at its end, whoever waits for room is let go on, and nothing
        more is put away (D4)."""
        self.write(2)
        room = self.write(1)
        assert room is not None
        self.spool.asked.pop(0)[3].errback(Refusal("storage_full"))
        self.spool.commit()
        self.successResultOf(room)
        self.write(5)
        closed = self.source.close()
        assert closed is not None
        self.assertEqual(self.failureResultOf(closed, Refusal).value.key, "storage_full")
        self.assertEqual(self.spool.asked, [])
        self.source.discard()
        self.assertEqual(self.spool.dropped, ["ID"])

    def test_discard(self) -> None:
        """What is not wanted is dropped once nothing of it is under way any more, and nothing is kept of it (P16)."""
        self.write(3)
        self.source.discard()
        self.write(3)
        self.assertEqual((len(self.spool.asked), self.spool.dropped), (2, []))
        self.spool.commit()
        self.spool.commit()
        self.assertEqual(self.spool.dropped, ["ID"])

    def test_discard_of_nothing(self) -> None:
        """Where nothing was put away nothing is dropped."""
        self.write(0.5)
        self.source.discard()
        self.assertEqual(self.spool.dropped, [])

    def test_drop_that_fails(self) -> None:
        """A drop that fails is left to the sweep, and told."""
        self.spool.refuses = Refusal("temporary")
        self.write(1.5)
        with logged() as events:
            self.source.discard()
        self.assertIn("ID stays until the sweep", told(events))
