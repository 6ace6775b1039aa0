"""Address lists of header fields such as From and To (RFC 5322 3.4), their structure read before any encoded word.

One pass over tokens, linear in the input. What stands between angle brackets, or alone, is read by `parse_mailbox` as
it stands: comments and white space inside an address are refused, an encoded word never becomes one, and a list that
can be read in two ways raises `AddressError` instead of being guessed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from .address import AddressError, Mailbox, parse_mailbox
from .header import decode, encoded_words, fold, one_line, unfold

_TOKEN = re.compile(
    r'(?P<space>[ \t]+)|(?P<quoted>"(?:[^"\\]|\\.)*")|(?P<literal>\[[^\[\]\\]*\])|(?P<atom>[^ \t"\[\]\\(),:;<>]+)'
    r"|(?P<special>[(,:;<>])",
    re.S,
)
_PARENTHESIS = re.compile(r"[()]|\\.", re.S)
_ESCAPED = re.compile(r"\\(.)", re.S)
_TO_ESCAPE = re.compile(r'(["\\])')

#: Octets of a value up to which what was read in it is remembered.
MAX_KEPT = 512

_Token = tuple[str, str]  # kind, text


def addresses(value: bytes) -> tuple[tuple[str, Mailbox], ...]:
    """Every mailbox of a field's value, in order, as (display name or "", mailbox); groups give their members.

    The name is one line of text with its encoded words read; a comment behind an address without brackets is one too.
    Raises `AddressError` when any part cannot be read.
    """
    found: list[tuple[str, Mailbox]] = []
    words: list[_Token] = []
    grouped = False
    angle = False
    for token in _tokens(unfold(value).decode("utf-8", "surrogateescape")):
        kind, text = token
        if kind != "special" or (angle and text != ">"):
            words.append(token)
        elif text in "<>":
            angle = text == "<"
            words.append(token)
        elif text == ":":
            if grouped or not any(kind in ("atom", "quoted") for kind, _ in words):
                raise AddressError("malformed group")
            grouped = True
            words.clear()
        else:  # a comma, or the end of a group
            if text == ";" and not grouped:
                raise AddressError("malformed address list")
            grouped = grouped and text == ","
            found += _mailbox(words)
            words.clear()
    if grouped or angle:
        raise AddressError("malformed address list")
    found += _mailbox(words)
    return tuple(found)


def mailboxes(value: bytes) -> tuple[Mailbox, ...]:
    """The mailboxes of a field's value without their names; none when any part of it cannot be read."""
    return _mailboxes(value) if len(value) <= MAX_KEPT else _mailboxes.__wrapped__(value)


@lru_cache(maxsize=4096)
def _mailboxes(value: bytes) -> tuple[Mailbox, ...]:
    """The same, remembered: an application says the same few From fields again and again."""
    try:
        return tuple(mailbox for _, mailbox in addresses(value))
    except AddressError:
        return ()


def address_field(label: str, name: str, address: str) -> bytes:
    """One complete field ``Label: "Name" <address>`` that `addresses` reads again, the name "" for none.

    The name is made one line; what ASCII does not have in it becomes encoded words. The address stands as it is.
    """
    return address_list(label, ((name, address),))


def address_list(label: str, listed: Sequence[tuple[str, str]]) -> bytes:
    """The same of several, each by name and address."""
    head = label.encode("ascii") + b":"
    values = [_written(name, address, len(head) + 1) for name, address in listed]
    return b"\r\n".join(fold(head, b" " + b", ".join(values))) + b"\r\n"


def _written(name: str, address: str, taken: int) -> bytes:
    """One address as a field has it; `taken` octets of its first line are taken already."""
    name = one_line(name).strip()
    if not name:
        return address.encode("utf-8")
    if name.isascii() and "=?" not in name:
        return b'"%s" <%s>' % (_TO_ESCAPE.sub(r"\\\1", name).encode("ascii"), address.encode("utf-8"))
    return b"%s <%s>" % (b" ".join(encoded_words(name, taken)), address.encode("utf-8"))


def _tokens(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    position = 0
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None:
            raise AddressError("malformed address list")
        position = found.end()
        kind = str(found.lastgroup)
        if found[0] == "(":
            end = _comment(text, position)
            tokens.append(("comment", text[position : end - 1]))
            position = end
        else:
            tokens.append((kind, found[0]))
    return tokens


def _comment(text: str, position: int) -> int:
    """Where the comment that was opened before `position` ends; comments nest."""
    depth = 1
    for found in _PARENTHESIS.finditer(text, position):
        depth += {"(": 1, ")": -1}.get(found[0], 0)
        if not depth:
            return found.end()
    raise AddressError("comment without an end")


def _mailbox(words: list[_Token]) -> list[tuple[str, Mailbox]]:
    """One element of a list; an empty one (RFC 5322 4.4) gives nothing."""
    meant = [token for token in words if token[0] not in ("space", "comment")]
    if not meant:
        if any(kind == "comment" for kind, _ in words):
            raise AddressError("address missing")
        return []
    opening, closing = ("special", "<"), ("special", ">")
    if opening not in meant:
        if closing in meant:
            raise AddressError("malformed address")
        comments = [text for kind, text in words if kind == "comment"]
        return [(_name([("atom", text) for text in comments[-1:]]), parse_mailbox(_trimmed(words)))]
    start = words.index(opening)
    if meant[-1] != closing or meant.count(closing) > 1 or meant.count(opening) > 1:
        raise AddressError("malformed address")
    end = words.index(closing)
    return [(_name(words[:start]), parse_mailbox(_trimmed(words[start + 1 : end])))]


def _trimmed(words: list[_Token]) -> str:
    """The text of an address, without comments and white space at its ends; such within stay and make it malformed."""
    blank = ("space", "comment")
    start, end = 0, len(words)
    while start < end and words[start][0] in blank:
        start += 1
    while end > start and words[end - 1][0] in blank:
        end -= 1
    return "".join(f"({text})" if kind == "comment" else text for kind, text in words[start:end])


def _name(words: list[_Token]) -> str:
    """A display name: quoted text as it stands, anything else with its encoded words read."""
    pieces: list[str] = []
    plain: list[str] = []
    for kind, text in words:
        if kind == "quoted":
            pieces += [_decoded(plain), one_line(_ESCAPED.sub(r"\1", text[1:-1]))]
            plain = []
        elif kind != "comment":
            plain.append(" " if kind == "space" else text)
    return " ".join(piece for piece in (*pieces, _decoded(plain)) if piece)


def _decoded(plain: list[str]) -> str:
    return decode("".join(plain).encode("utf-8", "surrogateescape"))
