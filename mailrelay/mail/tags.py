"""Body tags: words such as ``[Unsubscribe]`` that stand for a link which each recipient gets for itself.

`Tags` are those of a dialect. At the end of data `resolve` makes a neutral mark (`MARKS`) of every form in which an
editor leaves them, so that nothing of a dialect is needed when a message is composed; `fill` then puts each
recipient's own URLs in the place of the marks.

Forms that are found, in any case of letters, after decoding: the tag itself; its brackets as entities (``&#91;``,
``&lbrack;``) or percent-encoded once or twice (``%5B``, ``%255B``); blanks beside the brackets; a scheme before it and
whatever an editor put there (``http://[Unsubscribe]``, ``x-webdoc://1F/[Unsubscribe]``), a slash behind it then; in
HTML text also tags within it (``[<b>Unsubscribe</b>]``), but no link. A link that is nothing but a tag, or ends in one
as a path does, becomes the URL; in another attribute the tag does; in HTML text the tag becomes a link, within a link
its words; in plain text the URL. Scripts, styles and comments are left alone, but for the conditional comments that
mail programs read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from html.entities import html5

from .leaves import Leaf, change_leaves, leaves
from .links import ATTRIBUTES, OPAQUE, attribute_text, end_of_body
from .message import Message

UNSUBSCRIBE, WEB_VERSION = "unsubscribe", "web_version"
KINDS = (UNSUBSCRIBE, WEB_VERSION)

#: What stands in a stored source where a recipient's own URL is to be.
MARKS: Mapping[str, bytes] = {kind: b"mailrelay-link:" + kind.encode("ascii") for kind in KINDS}

_BYTES = "latin-1"  # one character for each octet, whatever the charset
_BLANKS = r"[ \t\r\n]{0,8}"
_INNER = r"<(?!/?a[ \t\r\n\f/>])[^<>]{0,400}>"
_BESIDE = rf"(?:[ \t\r\n]|&nbsp;|\xc2?\xa0|{_INNER}){{0,20}}"
_NOT_PATH = r"\x00-\x20<>\"'()\[\]{}?#"
_LEAD = re.compile(rf"[a-z][a-z0-9+.-]{{0,30}}://[^{_NOT_PATH}]{{0,300}}\Z", re.I)
_LOOK_BACK = 340
_INNER_TAG = re.compile(_INNER)
_CONDITIONAL = re.compile(r"(<!--\[if[^\]]*\]>)(.*)(<!\[endif\]-->)", re.S | re.I)
_ANCHOR = re.compile(r"<(/?)a[ \t\r\n\f/>]", re.I)
_ATTRIBUTE = re.compile(
    r"""([^ \t\n\f\r/>=<][^ \t\n\f\r/>=]*+)([ \t\n\f\r]*+=[ \t\n\f\r]*+)"""
    r"""("[^"]*+"|'[^']*+'|[^ \t\n\f\r>"'][^ \t\n\f\r>]*+)"""
)
_LINKS = frozenset({"href", "src", "action", "xlink:href", "background"})

_ENTITIES: dict[str, list[str]] = {}
for _name, _meant in html5.items():
    if _name.endswith(";"):
        _ENTITIES.setdefault(_meant, []).append(_name[:-1])


class Tags:
    """The tags of a dialect: `tags` maps each, as it is written, to one of `KINDS`; `words` say for each kind how its
    link is called where it has no words of its own."""

    def __init__(self, tags: Mapping[str, str], words: Mapping[str, str]) -> None:
        self._kinds = tuple(tags.values())
        self._words = dict(words)
        self._plain = _any(tags, _plain_form)
        self._value = _any(tags, _value_form)
        # an attribute's value that is a tag, or a path that ends in one
        self._whole = re.compile(rf"[ \t\r\n]*[^{_NOT_PATH}]{{0,300}}?(?:{self._plain.pattern})/?[ \t\r\n]*", re.I)
        opaque, attributes = OPAQUE.decode("ascii"), ATTRIBUTES.decode("ascii")
        self._html = re.compile(
            rf"(?>{_passed_over(tags)})*+"
            rf"(?:(?P<opaque>{opaque})|(?P<tag></?[a-z][^ \t\n\f\r/>]*+{attributes}>?)"
            rf"|{_any(tags, _text_form).pattern})?",
            re.I,
        )

    def resolve(self, message: Message) -> tuple[Message, frozenset[str]]:
        """The message with marks for its tags, and the kinds that whoever reads it would miss: those that its HTML
        lacks, or its plain text where there is no HTML."""
        message = change_leaves(message, self._resolved)
        texts = leaves(message)
        shown = [leaf for leaf in texts if leaf.html] or texts
        return message, frozenset(kind for kind in self._kinds if not _holds(shown, kind))

    def append(self, message: Message) -> Message:
        """A resolved message with a footer of the links that are missing, in its HTML and in its plain text."""
        texts = leaves(message)
        missing = {
            html: [
                kind for kind in dict.fromkeys(self._kinds) if not _holds([t for t in texts if t.html is html], kind)
            ]
            for html in (True, False)
        }

        def add(leaf: Leaf) -> Leaf:
            kinds = missing.pop(leaf.html, None)
            if not kinds:
                return leaf
            return self._html_footer(leaf, kinds) if leaf.html else self._text_footer(leaf, kinds)

        return change_leaves(message, add)

    def _html_footer(self, leaf: Leaf, kinds: Collection[str]) -> Leaf:
        links = " &middot; ".join(_link(kind, _escaped(self._words[kind])) for kind in kinds)
        footer = f'<p style="text-align:center;font-size:12px">{links}</p>'.encode("ascii")
        place = end_of_body(leaf.octets)
        return replace(leaf, octets=leaf.octets[:place] + footer + leaf.octets[place:])

    def _text_footer(self, leaf: Leaf, kinds: Collection[str]) -> Leaf:
        lines = [f"{self._words[kind]}: {MARKS[kind].decode('ascii')}\r\n" for kind in kinds]
        return leaf.followed_by("".join(["\r\n" if leaf.octets.endswith(b"\n") else "\r\n\r\n", *lines]))

    def _resolved(self, leaf: Leaf) -> Leaf:
        text = leaf.octets.decode(_BYTES)
        changed = self._in_html(text) if leaf.html else self._in_plain(text)
        return leaf if changed == text else replace(leaf, octets=changed.encode(_BYTES))

    def _kind(self, found: re.Match[str]) -> str:
        assert found.lastgroup is not None, "each alternative is named"
        return self._kinds[int(found.lastgroup[1:])]

    def _in_plain(self, text: str) -> str:
        pieces: list[str] = []
        done = 0
        for found in self._plain.finditer(text):
            begin, end = _with_lead(text, done, *found.span())
            pieces += (text[done:begin], MARKS[self._kind(found)].decode("ascii"))
            done = end
        return "".join((*pieces, text[done:]))

    def _in_html(self, html: str) -> str:
        pieces: list[str] = []
        done = 0
        linked = False
        for found in self._html.finditer(html):
            what = found.lastgroup
            if what is None:
                continue
            begin, end = found.span(what)
            if what == "opaque":
                conditional = _CONDITIONAL.fullmatch(found[what])
                piece = _inside(conditional, self._in_html) if conditional else found[what]
            elif what == "tag":
                if anchor := _ANCHOR.match(found[what]):
                    linked = not anchor[1]
                piece = _ATTRIBUTE.sub(self._in_attribute, found[what])
            else:
                begin, end = _with_lead(html, done, begin, end)
                piece = self._in_text(found, linked)
            pieces += (html[done:begin], piece)
            done = end
        return "".join((*pieces, html[done:]))

    def _in_text(self, found: re.Match[str], linked: bool) -> str:
        """A link, with the tags that stood within the tag around its words."""
        kind = self._kind(found)
        inner = _INNER_TAG.findall(found[found.lastgroup or 0])
        place = next((place for place, tag in enumerate(inner) if tag.startswith("</")), len(inner))
        words = "".join([*inner[:place], _escaped(self._words[kind]), *inner[place:]])
        return words if linked else _link(kind, words)

    def _in_attribute(self, attribute: re.Match[str]) -> str:
        name, equals, value = attribute.groups()
        quote = value[0] if value[0] in "\"'" else ""
        inside = value.strip(quote) if quote else value
        meant = attribute_text(inside)
        if not self._plain.search(meant):
            return attribute[0]
        if name.lower() in _LINKS and (whole := self._whole.fullmatch(meant)):
            inside = MARKS[self._kind(whole)].decode("ascii")
        else:
            inside = self._value.sub(lambda found: MARKS[self._kind(found)].decode("ascii"), inside)
        return f"{name}{equals}{quote}{inside}{quote}"


def fill(leaf: Leaf, urls: Mapping[str, bytes]) -> Leaf:
    """The leaf with URLs, by kind, in the place of its marks."""
    octets = leaf.octets
    for kind, url in urls.items():
        octets = octets.replace(MARKS[kind], url)
    return leaf if octets == leaf.octets else replace(leaf, octets=octets)


def _holds(texts: Collection[Leaf], kind: str) -> bool:
    return any(MARKS[kind] in leaf.octets for leaf in texts)


def _link(kind: str, content: str) -> str:
    return f'<a href="{MARKS[kind].decode("ascii")}">{content}</a>'


def _escaped(words: str) -> str:
    """Words as HTML in ASCII, whatever the charset around them is."""
    return "".join(
        letter if (letter.isalnum() and letter.isascii()) or letter == " " else f"&#{ord(letter)};" for letter in words
    )


def _inside(found: re.Match[str], change: Callable[[str], str]) -> str:
    return f"{found[1]}{change(found[2])}{found[3]}"


def _with_lead(text: str, done: int, begin: int, end: int) -> tuple[int, int]:
    """Where a tag in a text begins and ends with the scheme before it, if it has one, and the slash behind it then."""
    lead = _LEAD.search(text, max(done, begin - _LOOK_BACK), begin)
    if lead is None:
        return begin, end
    return lead.start(), end + text.startswith("/", end)


def _passed_over(tags: Collection[str]) -> str:
    """An expression for pieces of HTML in which no tag of these can begin: text, and the plainest forms of elements."""
    signs = re.escape("".join({tag[0] for tag in tags})) + "%&"
    letters = "" if all(not tag[0].isalnum() for tag in tags) else "(?!)"  # a word may begin anywhere
    rest = rf"[^\"'<>={signs}]*+"
    return (
        rf"{letters}[^<{signs}]++"
        rf"|{letters}<(?!(?:/?a|script|style|title|textarea|xmp|iframe|noembed|noframes|plaintext)[ \t\n\f\r/>])"
        rf"(?:/?[a-z]{rest}>"
        rf"|[a-z][a-z0-9]*+(?>[ \t\n\f\r]{rest}(?<![ \t\n\f\r/])=\"[^\"{signs}]*+\")*+[ \t\n\f\r/]*+>)"
    )


def _any(tags: Collection[str], form: Callable[[str], str]) -> re.Pattern[str]:
    """An expression for any of the tags, the group that matched named by its number."""
    return re.compile("|".join(f"(?P<t{number}>{form(tag)})" for number, tag in enumerate(tags)) or "(?!)", re.I)


def _plain_form(tag: str) -> str:
    return _form(tag, _BLANKS, "", entities=False)


def _value_form(tag: str) -> str:
    return _form(tag, _BLANKS, "", entities=True)


def _text_form(tag: str) -> str:
    return _form(tag, _BESIDE, f"(?:{_INNER}){{0,3}}", entities=True)


def _form(tag: str, beside: str, between: str, *, entities: bool) -> str:
    """An expression for a tag: what may stand `beside` its signs, and `between` its letters."""
    out = [""]
    previous = ""
    for sign in tag:
        if previous:
            out.append(between if previous.isalnum() and sign.isalnum() else beside)
        out.append(sign if sign.isalnum() else _sign(sign, entities))
        previous = sign
    return "".join(out)


def _sign(sign: str, entities: bool) -> str:
    number = ord(sign)
    forms = [re.escape(sign), f"%(?:25)?{number:02x}"]
    if entities:
        forms += [f"&#0*{number};?", f"&#x0*{number:x};?", *(f"&{name};" for name in _ENTITIES.get(sign, ()))]
    return f"(?:{'|'.join(forms)})"
