"""Values of header fields over bytes: unfold, decode and encode (RFC 5322 2.2.3, RFC 2047).

Every function takes time linear in its input. `decode` knows a closed set of charsets and never asks the codec registry
for a name that came in by mail; what it gives is one line without control characters. `encode` makes one complete field
whose lines fit, from which nothing in the text can break out: the number of fields stays what the caller meant.
"""

from __future__ import annotations

import binascii
import re
from itertools import pairwise

MAX_LINE = 998  #: octets in a line without its CRLF (RFC 5322 2.1.1)
LINE = 78  #: octets that a line should have at most

FIELD_NAME = r"[!-9;-~]{1,255}"  #: RFC 5322 3.6.8; the bound leaves room for a value within `MAX_LINE`

_NAME = re.compile(FIELD_NAME)
_FOLD = re.compile(rb"\r\n(?=[ \t])")
_ENCODED_WORD = re.compile(r"=\?([A-Za-z0-9_.:-]{1,40})(?:\*[A-Za-z0-9-]{0,40})?\?([bBqQ])\?([!->@-~]*)\?=")
_ODD = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_WORD = re.compile(rb"[ \t]*[^ \t]+")
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]+")

_SINGLE_BYTE = (
    *(f"iso-8859-{n}" for n in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 13, 14, 15, 16)),
    *(f"windows-{n}" for n in range(1250, 1259)),
    *("koi8-r", "koi8-u", "tis-620"),
)
_MULTI_BYTE = (
    *("utf-8", "big5", "big5-hkscs", "euc-jp", "euc-kr", "gb18030", "gbk", "gb2312", "iso-2022-jp", "iso-2022-kr"),
    "shift_jis",
)

#: Charset name as it comes in mail, in lower case → Python's codec. All are text codecs that read in linear time.
CHARSETS = {name: name for name in (*_SINGLE_BYTE, *_MULTI_BYTE)} | {
    "us-ascii": "ascii",
    "ascii": "ascii",
    "utf8": "utf-8",
    "latin1": "iso-8859-1",
    "iso-8859-8-i": "iso-8859-8",
    "windows-874": "cp874",
    "ibm866": "cp866",
    "cp866": "cp866",
    "macintosh": "mac-roman",
    "x-mac-cyrillic": "mac-cyrillic",
    "ks_c_5601-1987": "cp949",
    "windows-31j": "cp932",
    "x-sjis": "shift_jis",
    "x-gbk": "gbk",
    "cp936": "gbk",
    **{f"cp{n}": f"windows-{n}" for n in range(1250, 1259)},
}


def unfold(value: bytes) -> bytes:
    """A folded value on one line, without white space at its ends."""
    value = value.strip(b" \t\r\n")
    return _FOLD.sub(b"", value) if b"\r\n" in value else value


def decode(value: bytes) -> str:
    """A value as text: unfolded, encoded words read, raw octets taken as UTF-8 or else Latin-1.

    What is malformed, or in a charset outside `CHARSETS`, stays as it stands. Control characters and line
    separators, encoded ones too, become spaces. Never raises.
    """
    text = _text(unfold(value))
    if "=?" in text:
        text = "".join(_words(text))
    return one_line(text)


def one_line(text: str) -> str:
    """Text whose control characters and line separators are spaces, and which UTF-8 can hold."""
    return _ODD.sub(" ", text)


def encode(name: str, text: str) -> bytes:
    """One complete unstructured field ``Name: text``, folded, with its CRLF.

    Text that is not ASCII, or could be taken for an encoded word, becomes encoded words in UTF-8, so that `decode`
    gives the text again; control characters and line separators become spaces first.
    Raises `ValueError` on a name that is none.
    """
    if not _NAME.fullmatch(name):
        raise ValueError("malformed field name")
    text = one_line(text).strip(" ")
    head = name.encode("ascii") + b":"
    if text.isascii() and "=?" not in text:
        lines = fold(head, (b" " + text.encode("ascii")) if text else b"")
        if all(len(line) <= MAX_LINE for line in lines):
            return b"\r\n".join(lines) + b"\r\n"
    return b"\r\n".join(_pack(head, [b" " + word for word in encoded_words(text, len(head) + 1)])) + b"\r\n"


def fold(head: bytes, value: bytes) -> list[bytes]:
    """`head` and `value` (which begins with white space) on lines of `LINE` octets where white space allows it.

    Lines are broken before white space only, so that unfolding gives the value again; a longer word stays whole, and
    white space at the end goes.
    """
    if len(head) + len(value) <= LINE:
        return [head + value.rstrip(b" \t")]
    return _pack(head, _WORD.findall(value))


def _pack(head: bytes, words: list[bytes]) -> list[bytes]:
    lines: list[bytes] = []
    line = [head]
    length = len(head)
    for word in words:
        if length + len(word) > LINE and (lines or len(line) > 1):
            lines.append(b"".join(line))
            line = []
            length = 0
        line.append(word)
        length += len(word)
    lines.append(b"".join(line))
    return lines


def _text(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("iso-8859-1")


def _words(text: str) -> list[str]:
    """Text with its encoded words read; white space between two of them goes (RFC 2047 6.2)."""
    out: list[str] = []
    pending = bytearray()  # octets of neighbours in one charset: a character may be cut between two words
    charset = ""
    end = 0
    for found in _ENCODED_WORD.finditer(text):
        between = text[end : found.start()]
        codec = CHARSETS.get(found[1].lower(), "")
        octets = _octets(found[2], found[3]) if codec else None
        adjacent = bool(charset) and not between.strip(" \t")
        if octets is None:
            continue  # stays as it stands, in `between` of the next
        if not (adjacent and codec == charset):
            if charset:
                out.append(pending.decode(charset, "replace"))
                pending.clear()
            if not adjacent:
                out.append(between)
        pending += octets
        charset = codec
        end = found.end()
    if charset:
        out.append(pending.decode(charset, "replace"))
    out.append(text[end:])
    return out


def _octets(encoding: str, payload: str) -> bytes | None:
    """What an encoded word encodes; None when it is malformed."""
    data = payload.encode("ascii")
    if encoding in "qQ":
        return binascii.a2b_qp(data, header=True)
    data = data.rstrip(b"=")
    if _NOT_BASE64.search(data) or len(data) % 4 == 1:
        return None
    return binascii.a2b_base64(data + b"=" * (-len(data) % 4))


def encoded_words(text: str, taken: int) -> list[bytes]:
    """Text as encoded words in UTF-8, each holding whole characters, on lines of 76 octets (RFC 2047 2, 5).

    `taken` octets of the first line are taken already.
    """
    octets = text.encode("utf-8")
    cuts = [0]
    room = max((76 - 12 - taken) // 4 * 3, 6)
    while len(octets) - cuts[-1] > room:
        cut = cuts[-1] + room
        while octets[cut] & 0xC0 == 0x80:
            cut -= 1
        cuts.append(cut)
        room = 45
    cuts.append(len(octets))
    return [b"=?utf-8?b?" + binascii.b2a_base64(octets[i:j], newline=False) + b"?=" for i, j in pairwise(cuts)]
