"""What is rendered and what comes of it, and how both travel through a pipe.

A frame is four octets with the length of a header in JSON, the header, and then the texts that it gives the lengths of,
as they are: a large text is never escaped, so that packing and unpacking one cost next to nothing. This module renders
nothing and reads no pipe.
"""

from __future__ import annotations

import json
import re
from codecs import getincrementaldecoder
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from struct import Struct
from typing import Any

#: How a source is read: as Jinja2 or by putting values for ``{{name}}`` only; values escaped for HTML or as they are.
MODES = ("jinja-html", "jinja-text", "literal-html", "literal-text")

#: Characters that a source may have, that variables may have, and octets that all texts that are rendered have at most.
MAX_SOURCE = 1024 * 1024
MAX_VARIABLES = 1024 * 1024
MAX_OUTPUT = 5 * 1024 * 1024
#: Octets that a frame with a rendering has at most.
MAX_RENDERING = 16 * 1024 * 1024

_LENGTH = Struct(">I")
_UTF8 = getincrementaldecoder("utf-8")
_MAX_HEADER = 64 * 1024

_UNWRITABLE = re.compile("[\0\ud800-\udfff]")


class FrameError(ValueError):
    """What came through a pipe is no frame."""


@dataclass(frozen=True, slots=True)
class Source:
    """A text to be rendered, and how it is read (one of `MODES`)."""

    text: str
    mode: str = "jinja-text"


@dataclass(frozen=True, slots=True)
class Rendering:
    """Sources by name, and what they are rendered with.

    `variables` is the JSON text of an object. `strict` makes the use of a variable that is not there an error; else
    it is empty text. With `check` the sources are only compiled, and the texts that come are the names of the
    variables that each asks for, one on a line. `owner` is the account that asks: whose renderings wait for each
    other, while those of others need not.
    """

    sources: Mapping[str, Source]
    variables: str = "{}"
    strict: bool = False
    check: bool = False
    owner: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Rendered:
    """The texts by name; or the `fault` of a source or of the variables, on one line."""

    texts: Mapping[str, str]
    fault: str = ""


def writable(text: str) -> str:
    """A text as a message can hold it: U+FFFD stands for a NUL, and for half of a pair, which UTF-8 does not know."""
    return _UNWRITABLE.sub("\ufffd", text)


def pack(header: Mapping[str, object], texts: Mapping[str, str]) -> bytes:
    """One frame, what UTF-8 does not know of in it replaced; `ValueError` when the header is too long."""
    octets = {name: text.encode("utf-8", "replace") for name, text in texts.items()}
    lengths = {name: len(each) for name, each in octets.items()}
    head = json.dumps({**header, "lengths": lengths}).encode("ascii")
    if len(head) > _MAX_HEADER:
        raise ValueError("the header of a frame is too long")
    return b"".join([_LENGTH.pack(len(head)), head, *octets.values()])


Frame = tuple[Mapping[str, Any], Mapping[str, str]]


class Frames:
    """Takes frames off a stream that comes piece by piece; `FrameError` once it is none, or over `limit` octets.

    Each piece is decoded when it comes, so that the last piece of a large frame costs little more than any other.
    """

    def __init__(self, limit: int = MAX_OUTPUT + _MAX_HEADER) -> None:
        self._limit = limit
        self._head = b""
        self._texts: _Texts | None = None

    def feed(self, octets: bytes) -> Iterator[Frame]:
        """Every frame that is whole by now, as header and texts."""
        while True:
            if self._texts is None:
                self._head += octets
                found = self._header()
                if found is None:
                    return
                self._texts, octets = found
                self._head = b""
            octets = self._texts.feed(octets)
            if self._texts.missing:
                return
            whole, self._texts = self._texts, None
            yield whole.header, whole.found

    def _header(self) -> tuple[_Texts, bytes] | None:
        """What the header promises and what stands behind it, or None while it is not whole."""
        if len(self._head) < _LENGTH.size:
            return None
        (length,) = _LENGTH.unpack_from(self._head)
        if length > _MAX_HEADER:
            raise FrameError("the header is too long")
        end = _LENGTH.size + length
        if len(self._head) < end:
            return None
        try:
            header = json.loads(self._head[_LENGTH.size : end])
            lengths = [(str(name), int(size)) for name, size in header["lengths"].items()]
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise FrameError(f"the header cannot be read: {error}") from None
        if sum(size for _, size in lengths) > self._limit or any(size < 0 for _, size in lengths):
            raise FrameError("the texts are too long")
        return _Texts(header, lengths), self._head[end:]


class _Texts:
    """The texts of one frame, as they come in."""

    def __init__(self, header: Mapping[str, Any], lengths: Sequence[tuple[str, int]]) -> None:
        self.header = header
        self.found: dict[str, str] = {}
        self.missing = sum(size for _, size in lengths)
        self._lengths = lengths
        self._begin()

    def feed(self, octets: bytes) -> bytes:
        """Take what belongs to the texts; gives what is left over."""
        while len(self.found) < len(self._lengths):
            piece = octets[: self._left]
            octets = octets[len(piece) :]
            self._left -= len(piece)
            self.missing -= len(piece)
            try:
                self._pieces.append(self._decoder.decode(piece, final=not self._left))
            except UnicodeDecodeError as error:
                raise FrameError(str(error)) from None
            if self._left:
                break
            self.found[self._lengths[len(self.found)][0]] = "".join(self._pieces)
            self._begin()
        return octets

    def _begin(self) -> None:
        """Turn to the next text, if there is one."""
        self._left = self._lengths[len(self.found)][1] if len(self.found) < len(self._lengths) else 0
        self._pieces: list[str] = []
        self._decoder = _UTF8()


def oversize(rendering: Rendering) -> str:
    """Why a rendering is too large to be asked for, "" when it is not."""
    if len(rendering.variables) > MAX_VARIABLES:
        return f"the variables have more than {MAX_VARIABLES} characters"
    for name, source in rendering.sources.items():
        if len(source.text) > MAX_SOURCE:
            return f"{name}: the template has more than {MAX_SOURCE} characters"
    if sum(len(source.text) for source in rendering.sources.values()) > 2 * MAX_SOURCE:
        return f"all sources together have more than {2 * MAX_SOURCE} characters"
    return ""


def pack_rendering(rendering: Rendering) -> bytes:
    """A rendering as a frame."""
    header = {
        "modes": [source.mode for source in rendering.sources.values()],
        "strict": rendering.strict,
        "check": rendering.check,
    }
    texts = {name: source.text for name, source in rendering.sources.items()}
    return pack(header, {"": rendering.variables, **texts})


def rendering_of(header: Mapping[str, Any], texts: Mapping[str, str]) -> Rendering:
    """What `pack_rendering` packed; `FrameError` when it is none."""
    named = [(name, text) for name, text in texts.items() if name]
    modes = header.get("modes")
    if "" not in texts or not isinstance(modes, list) or len(modes) != len(named) or not set(modes) <= set(MODES):
        raise FrameError("no rendering")
    sources = {name: Source(text, mode) for (name, text), mode in zip(named, modes, strict=True)}
    return Rendering(sources, texts[""], bool(header.get("strict")), bool(header.get("check")))


def pack_rendered(rendered: Rendered, *, last: bool = False) -> bytes:
    """What came of a rendering as a frame; `last` says that whoever sends it takes no other."""
    return pack({"fault": rendered.fault, "last": last}, rendered.texts)


def rendered_of(header: Mapping[str, Any], texts: Mapping[str, str]) -> Rendered:
    """What `pack_rendered` packed; `FrameError` when it is none."""
    fault = header.get("fault")
    if not isinstance(fault, str):
        raise FrameError("nothing that was rendered")
    return Rendered(texts, fault)
