"""Links in HTML that lead by way of us: which are followed, what they asked for, and where an open shows.

HTML is read as browsers read it (WHATWG HTML 13.2.5) by one compiled expression over bytes, in linear time. Only the
bytes of a URL in the ``href`` of an ``a`` or ``area`` element change: never text, comments (conditional ones neither),
scripts, styles, or a tag that nothing closes. Every other scheme, relative links and anchors, what no browser could
follow, our own links, and those marked ``data-relay-notrack`` stay byte-identical. Nothing here knows a secret.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from html.entities import html5

import idna

MAX_TARGET = 4096  #: octets; a longer link leads where it leads
NO_TRACK = b"data-relay-notrack"

#: What stands between attributes, and what ends a tag's name.
SPACE = rb"[ \t\n\f\r]"
_END = rb"(?=[ \t\n\f\r/>])"
_VALUE = rb"""(?:"[^"]*+(?:"|\Z)|'[^']*+(?:'|\Z)|[^ \t\n\f\r>"'][^ \t\n\f\r>]*+)"""
#: The attributes of a tag up to its ``>``, or to the end of a document that never closes it.
ATTRIBUTES = rb"(?>[ \t\n\f\r/]++|[^ \t\n\f\r/>][^ \t\n\f\r/>=]*+(?:%s*+=%s*+%s?)?)*+" % (SPACE, SPACE, _VALUE)
# Elements whose content is no HTML, up to their end tag. A group that captures must not stand in a possessive one.
_RAW = b"|".join(
    rb"<%s%s%s(?:>(?>[^<]++|<(?!/%s%s))*+|\Z)" % (name, _END, ATTRIBUTES, name, _END)
    for name in (b"script", b"style", b"title", b"textarea", b"xmp", b"iframe", b"noembed", b"noframes")
)
#: What holds no tag: comments and what is taken for one, and those elements.
OPAQUE = (
    rb"<!--(?:-?>|(?>[^-]++|-(?!-!?>))*+(?:--!?>|\Z))"
    rb"|<[!?][^>]*+(?:>|\Z)"
    rb"|</[^a-zA-Z>][^>]*+(?:>|\Z)"
    rb"|" + _RAW + rb"|<plaintext" + _END + rb"[\0-\xff]*+"
)
# Any other tag: told by its plainest forms where it has one, and these are most.
_APART = (
    rb"(?!(?:a(?:rea)?|s(?:cript|tyle)|t(?:itle|extarea)|xmp|iframe|no(?:embed|frames)|plaintext|/body)" + _END + rb")"
)
_OTHER = (
    rb"<" + _APART + rb"(?:/?[a-z][^\"'<>=]*+>"
    rb"|[a-z][a-z0-9]*+(?>[ \t\n\f\r][^\"'<>=]*+(?<![ \t\n\f\r/])=\"[^\"]*+\")*+[ \t\n\f\r/]*+>"
    rb"|/?[a-z][^ \t\n\f\r/>]*+" + ATTRIBUTES + rb"(?:>|\Z))"
)
_LONE = rb"<(?![a-z!?/])|</(?:>|\Z)"
#: Everything up to the next link (its attributes are the group "link"), end of the body ("body"), or end of all.
_NEXT = re.compile(
    rb"(?>[^<]++|%s|%s|%s)*+(?:<(?:a|area)%s(?P<link>%s)|(?P<body></body%s)%s)?(?P<closed>>?)"
    % (_OTHER, OPAQUE, _LONE, _END, ATTRIBUTES, _END, ATTRIBUTES),
    re.I,
)
_ATTRIBUTE = re.compile(
    rb"""([^ \t\n\f\r/>][^ \t\n\f\r/>=]*+)"""
    rb"""(?:%s*+=%s*+(?:"([^"]*+)"|'([^']*+)'|([^ \t\n\f\r>"'][^ \t\n\f\r>]*+))?)?""" % (SPACE, SPACE)
)
#: A link that asks for exactly what stands there.
_PLAIN = re.compile(rb"https?://[a-z0-9.-]++(?::[0-9]{1,5})?(?:[/?#][!#-%'-;=?-~]*+)?", re.I)
_FOLLOWED = re.compile(
    r"(https?)://([^/?#\\@]*@)?(\[[0-9a-f:.]+\]|[^\x00-\x20/?#\\@:<>\[\]^|{}\"`]+)(:[0-9]{0,5})?((?:[/?#].*)?)",
    re.I | re.S,
)
_REFERENCE = re.compile(r"&(?:#0*([0-9]+);?|#x0*([0-9a-f]+);?|([a-z][a-z0-9]{0,40});?(?=(=)?))", re.I)
_UNSAFE = re.compile(rb'[\x00-\x20"<>\x7f-\xff]')
_EDGES = "".join(map(chr, range(33)))
_DROPPED = str.maketrans("", "", "\t\n\r")


def follow(
    html: bytes, click: Callable[[bytes], bytes] | None, own: bytes, codec: str = "utf-8", pixel: bytes = b""
) -> bytes:
    """The HTML with each link that may be followed asking for `click` of its target, and with the `pixel`.

    A target is what a browser would ask for, byte by byte: `click` gives a URL of ours for it, of characters that need
    no escape in an attribute. Links that begin with `own` are ours already. `codec` contains ASCII. The pixel is the
    URL of an image of one transparent pixel, put before the end of the body or at the end of the HTML.
    """
    pieces: list[bytes] = []
    done, slot = 0, -1
    exempt = NO_TRACK in html.lower()
    for found in _NEXT.finditer(html):
        if found["body"] and pixel:
            place = found.start("body")
            slot = len(pieces) + 1
            pieces += (html[done:place], b"")
            done = place
        elif click is not None and found["closed"] and (span := _href(html, found, exempt)):
            begin, end = span
            wanted = target(html[begin:end], codec)
            if wanted is not None and not wanted.startswith(own):
                pieces += (html[done:begin], click(wanted))
                done = end
    if pixel:
        shown = b'<img src="%s" width="1" height="1" alt="" style="border:0;width:1px;height:1px">' % pixel
        if slot >= 0:
            pieces[slot] = shown
        else:
            pieces += (html[done:], shown)
            done = len(html)
    return b"".join((*pieces, html[done:])) if pieces else html


def in_place(html: bytes) -> bytes:
    """The HTML with links that open where they stand, whatever they ask for (the first of two attributes counts)."""
    pieces: list[bytes] = []
    done = 0
    for found in _NEXT.finditer(html):
        begin = found.start("link")
        if begin >= 0 and found["closed"]:
            pieces += (html[done:begin], b' target="_self"')
            done = begin
    return b"".join((*pieces, html[done:]))


def end_of_body(html: bytes) -> int:
    """Where the last end tag of a body begins, or where the HTML ends."""
    place = len(html)
    for found in _NEXT.finditer(html):
        if found["body"]:
            place = found.start("body")
    return place


def _href(html: bytes, found: re.Match[bytes], exempt: bool) -> tuple[int, int] | None:
    """Where the value of a link's href begins and ends, if tracking may change it; `exempt`: some link may not be."""
    begin, end = found.span("link")
    if begin < 0 or (exempt and NO_TRACK in _names(html, begin, end)):
        return None
    for attribute in _ATTRIBUTE.finditer(html, begin, end):
        if attribute[1].lower() == b"href":
            place = attribute.lastindex or 1
            return attribute.span(place) if place > 1 else None
    return None


def _names(html: bytes, begin: int, end: int) -> list[bytes]:
    """The names of a tag's attributes."""
    return [attribute[1].lower() for attribute in _ATTRIBUTE.finditer(html, begin, end)]


def target(value: bytes, codec: str = "utf-8") -> bytes | None:
    """What a browser asks for by the value of an href, in ASCII; None when it is no link that may be followed."""
    if _PLAIN.fullmatch(value.replace(b"&amp;", b"") if b"&" in value else value):
        value = value.replace(b"&amp;", b"&")
        return value if len(value) <= MAX_TARGET else None
    text = attribute_text(value.decode(codec, "replace")).strip(_EDGES).translate(_DROPPED)
    found = _FOLLOWED.fullmatch(text)
    if found is None:
        return None
    scheme, user, host, port, rest = found.groups("")
    if not host.isascii():
        try:
            host = idna.encode(host, uts46=True).decode("ascii")
        except (idna.IDNAError, UnicodeError):
            return None
    url = f"{scheme}://{user}{host}{port}{rest}".encode("utf-8", "replace")
    url = _UNSAFE.sub(lambda octet: b"%%%02X" % octet[0][0], url)
    return url if len(url) <= MAX_TARGET else None


def attribute_text(value: str) -> str:
    """The text of an attribute's value, character references resolved as they are within attributes.

    There a name without ``;`` stands for itself before ``=`` and letters, so that ``&copy=1`` stays a parameter (WHATWG
    HTML 13.2.5.73).
    """
    return _REFERENCE.sub(_referred, value) if "&" in value else value


def _referred(found: re.Match[str]) -> str:
    whole = found[0]
    if found[3]:
        closed = whole.endswith(";")
        meant = html5.get(whole[1:]) if closed or not found[4] else None
        return whole if meant is None else meant
    digits, base = (found[1], 10) if found[1] else (found[2], 16)
    number = int(digits, base) if len(digits) < 9 else 0
    if number == 0 or number > 0x10FFFF or 0xD800 <= number <= 0xDFFF:
        return "\N{REPLACEMENT CHARACTER}"
    if 0x80 <= number <= 0x9F:
        return bytes((number,)).decode("cp1252", "ignore") or chr(number)
    return chr(number)
