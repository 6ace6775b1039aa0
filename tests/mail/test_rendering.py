"""Frames: what is packed is unpacked again, in whatever pieces it comes; anything else is refused."""

from __future__ import annotations

import json
import struct

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.mail.rendering import (
    MODES,
    FrameError,
    Frames,
    Rendered,
    Rendering,
    Source,
    pack,
    pack_rendered,
    pack_rendering,
    rendered_of,
    rendering_of,
)

texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=30)
sources = st.dictionaries(texts.filter(bool), st.builds(Source, texts, st.sampled_from(MODES)), max_size=4)
renderings = st.builds(Rendering, sources, texts, st.booleans(), st.booleans())


def unpacked(octets: bytes, step: int, limit: int = 10_000) -> list[tuple[object, object]]:
    frames = Frames(limit)
    return [frame for at in range(0, len(octets), step) for frame in frames.feed(octets[at : at + step])]


class FrameTests(SynchronousTestCase):
    @given(st.lists(renderings, max_size=3), st.integers(1, 50))
    def test_renderings(self, given: list[Rendering], step: int) -> None:
        """Renderings come through a pipe as they were, in any pieces."""
        octets = b"".join(map(pack_rendering, given))
        self.assertEqual([rendering_of(*frame) for frame in unpacked(octets, step)], given)  # type: ignore[arg-type]

    @given(st.builds(Rendered, st.dictionaries(texts, texts, max_size=4), texts), st.integers(1, 50))
    def test_rendered(self, rendered: Rendered, step: int) -> None:
        """So does what came of one, with the word whether another may follow."""
        for last in (False, True):
            ((header, found),) = unpacked(pack_rendered(rendered, last=last), step)
            self.assertEqual(rendered_of(header, found), rendered)  # type: ignore[arg-type]
            self.assertEqual(header["last"], last)  # type: ignore[index]

    @given(st.binary(max_size=200), st.integers(1, 50))
    def test_anything(self, octets: bytes, step: int) -> None:
        """Any octets give frames, or a `FrameError`, or wait for more."""
        try:
            unpacked(octets, step)
        except FrameError:
            pass

    def test_no_frames(self) -> None:
        """What is no frame is refused before it is waited for."""

        def frame(header: object, body: bytes = b"") -> bytes:
            head = json.dumps(header).encode()
            return struct.pack(">I", len(head)) + head + body

        for octets in (
            b"\xff\xff\xff\xff",
            frame([]),
            frame({}),
            frame({"lengths": []}),
            frame({"lengths": {"a": "b"}}),
            frame({"lengths": {"a": 20_000}}),
            frame({"lengths": {"a": -1, "b": 1}}, b"x"),
            frame({"lengths": {"a": 1}}, b"\xff"),
            struct.pack(">I", 3) + b"{{{",
        ):
            with self.assertRaises(FrameError):
                unpacked(octets, 7)
        with self.assertRaises(ValueError):
            pack({"a": "x" * 100_000}, {})

    def test_other_frames(self) -> None:
        """A frame with other words in it is no rendering, and nothing that was rendered."""
        for header, texts in (
            ({}, {"": ""}),
            ({"modes": []}, {}),
            ({"modes": ["jinja-html"]}, {"": ""}),
            ({"modes": ["other"]}, {"": "", "a": "b"}),
        ):
            with self.assertRaises(FrameError):
                rendering_of(header, texts)
        with self.assertRaises(FrameError):
            rendered_of({}, {})

    def test_half_a_pair(self) -> None:
        """Text that UTF-8 does not know goes through the pipe all the same, replaced."""
        ((_, found),) = unpacked(pack({}, {"a": "x\ud800"}), 50)
        self.assertEqual(found, {"a": "x?"})
